"""What stands on drawings, as random strings: a model of form (tags, units, spaces), not of any one sheet.

Every string is what a careful typist would key in: one space between words, `°C` as two characters, `Ø` for
the diameter sign.
"""

import random
from collections.abc import Callable
from functools import lru_cache

DIGITS = "0123456789"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SMALL = "abcdefghijklmnopqrstuvwxyz"
LATIN = "".join(chr(code) for code in range(33, 127))
SYMBOLS = "°±²³µØ×½¼¾÷≤≥Ω§€äöüÄÖÜßéèñçåø"
UNITS = """
mm m m² m³ m³/h m/s kg kg/h kg/m³ t/h l/min l/s bar barg mbar Pa kPa MPa °C °F K kW kW/h W/m²K V A mA Hz
1/min min rpm Nm kN N/mm² µm % ppm dB kVA Ω µF mm² Nm³/h J/kgK kJ/kg
m^3/h m^3/hr m^2 kg/m^3 l/h m3/h s h in ft lb psi gpm kg/cm²g
""".split()
INSTRUMENTS = """
PI TI FI LI PIC TIC FIC LIC PICSA LICA TIRC FT PT TT LT PDI PDT FE FV PV LV TV HV XV PSV PRV ZSO ZSC LSHH LSLL
PSH PSL TSHH AT AI QIC SI SIC YS HS GO GC M NC NO FC FO LO LC CSO CSC TRC FFIC UV US TE PAH LAL TAHH KH RA
""".split()
SIZES = '1/4" 3/8" 1/2" 3/4" 1" 1 1/4" 1 1/2" 2" 2 1/2" 3" 4" 6" 8" 10" 12" 14" 16" 20" 24" 36"'
WORDS = """
and the of for with from see note notes drawing title scale sheet revision date name checked approved drawn
design designed project client customer plant area unit system pump vessel tank valve heat exchanger motor
compressor filter cooling water steam condensate nitrogen air instrument vent drain line pipe piping flange
nozzle level pressure temperature flow capacity head power speed casing impeller wheel material insulation
tracing thickness diameter nominal volume medium density height length width min. max. normal operating test
weight total quantity item part number description remarks specification rating class size type model location
section detail view top bottom left right front side assembly surface finish tolerance unless otherwise
specified dimensions millimeters break sharp edges deburr third angle projection owner reserves all rights in
event grant patent registration utility general arrangement schematic wiring terminal cable relay supply alarm
high low open closed close to suction discharge inlet outlet feed product process control safety shut-off
replacement replaced created modified department engineer engineering standard code document status index page
""".split()
GERMAN = """
Behälter Kühlwasser Wärmetauscher Druck Prüfung für über Entlüftung Entleerung Rücklauf Vorlauf Höhe Länge Maß
Maßstab Größe Fußventil Rührwerk Lösung Säure Öl Ölabscheider Übersicht Anlage Änderung geprüft gezeichnet
Benennung Werkstoff Oberfläche Gewicht Blatt Zeichnung Stück Menge Temperatur Füllstand Dämpfung Schließer
Öffner Gehäuse Flüssigkeit Gefäß Stärke Wand Düse Käfig Rohrleitung Armatur Dichtung Schweißnaht
""".split()
ALONE = CAPITALS + DIGITS + "abcdehijkmnrstxyz" + "+-/°ØΩ"


@lru_cache
def dictionary_words() -> tuple[str, ...]:
    """Common English words, for breadth of letters; the word list of the system where there is one."""
    try:
        with open("/usr/share/dict/words", encoding="utf-8") as lines:
            words = tuple(word.strip() for word in lines)
    except FileNotFoundError:
        return tuple(WORDS)
    return tuple(word for word in words if 2 <= len(word) <= 12 and "'" not in word and word.isascii())


@lru_cache
def common_chinese() -> str:
    """The 3,755 commonest characters: level 1 of GB 2312."""
    return "".join(
        bytes((0xA0 + row, 0xA0 + cell)).decode("gb2312")
        for row in range(16, 56)
        for cell in range(1, 95)
        if (row, cell) <= (55, 89)
    )


def _some(r: random.Random, characters: str, low: int, high: int) -> str:
    return "".join(r.choice(characters) for _ in range(r.randint(low, high)))


def _digits(r: random.Random, low: int, high: int) -> str:
    return _some(r, DIGITS, low, high)


def _capitals(r: random.Random, low: int, high: int) -> str:
    return _some(r, CAPITALS, low, high)


def _decimal(r: random.Random) -> str:
    return f"{_digits(r, 1, 4)}{r.choice('..,')}{_digits(r, 1, 3)}"


def _number(r: random.Random) -> str:
    return r.choice((_decimal(r), _digits(r, 1, 2), _digits(r, 2, 3), _digits(r, 3, 5)))


def tag(r: random.Random) -> str:
    """Equipment, instrument and nozzle tags (ISA-5.1, ISO 10628, IEC 81346)."""
    d, c = _digits, _capitals
    forms: tuple[Callable[[], str], ...] = (
        lambda: f"{c(r, 1, 2)}{d(r, 1, 4)}",
        lambda: f"N{d(r, 1, 2)}",
        lambda: (
            f"{r.choice(INSTRUMENTS)}{r.choice(('', ' ', '-'))}{d(r, 2, 4)}"
            + r.choice(("", "", "." + d(r, 2, 2)))
        ),
        lambda: f"{c(r, 1, 3)}-{d(r, 2, 5)}{r.choice(('', '', 'A', 'B', 'A/B', '-01'))}",
        lambda: f"{d(r, 2, 4)}.{d(r, 2, 2)}",
        lambda: (
            r.choice(("=", "-", "+", ""))
            + ".".join(c(r, 1, 1) + d(r, 1, 2) for _ in range(r.randint(2, 4)))
            + r.choice(("", ".", "." + c(r, 1, 1)))
        ),
        lambda: f"{d(r, 1, 3)}{c(r, 1, 3)}{d(r, 1, 3)}{r.choice(('', '-' + d(r, 2, 3)))}",
        lambda: f"{c(r, 2, 3)}{d(r, 2, 4)}.{c(r, 1, 2)}{d(r, 2, 3)}",
        lambda: r.choice(INSTRUMENTS),
        lambda: f"{c(r, 2, 4)} {d(r, 2, 5)}",
        lambda: f"{c(r, 1, 1)}{d(r, 2, 3)}{c(r, 1, 1)}{d(r, 2, 2)}-{c(r, 3, 3)}.{c(r, 2, 2)}{d(r, 2, 2)}",
        lambda: "".join(r.choice("O0I1QD8B5SZ2") for _ in range(r.randint(2, 7))),
        lambda: _some(r, CAPITALS + DIGITS, 3, 9),
    )
    return r.choice(forms)()


def line_number(r: random.Random) -> str:
    """Numbers of pipes: size, service, serial, class, insulation in many orders."""
    d, c = _digits, _capitals
    size = r.choice(
        (
            r.choice(SIZES.split(" ")),
            d(r, 2, 3),
            f"DN{d(r, 2, 3)}",
            f"DN {d(r, 2, 3)}",
            f'1 {r.choice(("1/2", "1/4"))}"',
        )
    )
    service, serial = c(r, 1, 3), d(r, 3, 6)
    grade = f"{d(r, 1, 2)}{c(r, 1, 2)}{d(r, 1, 2)}{r.choice(('', c(r, 1, 1) + d(r, 1, 1)))}"
    forms = (
        f"{size}-{service}-{serial}-{grade}",
        f"{service}{d(r, 3, 3)}.{serial}-{size}-{grade} {r.choice(INSTRUMENTS)} {d(r, 2, 3)}",
        f"{service}-{serial}-{size}-{grade}-{c(r, 1, 2)}",
        f"{d(r, 1, 3)}{c(r, 1, 2)}{d(r, 1, 3)}{c(r, 1, 1)}-{d(r, 2, 4)}",
        f"{d(r, 2, 4)}-{service}-{d(r, 3, 4)}",
    )
    return r.choice(forms)


def quantity(r: random.Random) -> str:
    """Numbers with units, relations and slashes; where the spaces stand is part of the string."""
    n, unit = _number, r.choice(UNITS)
    forms: tuple[Callable[[], str], ...] = (
        lambda: f"{n(r)} {unit}",
        lambda: f"/ / {unit}",
        lambda: f"/ {unit}",
        lambda: f"{n(r)} / {n(r)} {unit}",
        lambda: f"{n(r)} / {n(r)}",
        lambda: f"{n(r)}/{n(r)}",
        lambda: f"{n(r)} / {n(r)} / {n(r)} {unit}",
        lambda: f"{n(r)} {unit} / {n(r)} {r.choice(UNITS)}",
        lambda: f"{r.choice('hdlbtpTVQ')} = {n(r)} {unit}",
        lambda: f"{r.choice('hdlbtpTVQ')}={n(r)}",
        lambda: f"{r.choice('hdlbt')} = {n(r)}",
        lambda: unit,
        lambda: f"{r.choice(('-', '+', '±', '', ''))}{n(r)}",
        lambda: f"{n(r)} °C",
        lambda: f"{n(r)}°C",
        lambda: (
            f"{r.choice(('ST', 'TW', 'T', 'max.', 'SET @', 'SP'))} {n(r)} {r.choice(('°C', 'bar', unit))}"
        ),
        lambda: f"{n(r)} {r.choice(('1/min', 'kg/h', 'm³/h', 'm2', 'm3'))}",
        lambda: f"{n(r)} x {n(r)}",
        lambda: f"{n(r)} MM X {n(r)} MM - SIZE A{r.randint(0, 4)}",
        lambda: f"{n(r)} %",
        lambda: f"{n(r)}%",
        lambda: f"PN {_digits(r, 1, 3)}",
        lambda: f"DN {_digits(r, 2, 3)}",
        lambda: f"{r.choice('<>≤≥~')} {n(r)}",
    )
    return r.choice(forms)()


def dimension(r: random.Random) -> str:
    """Dimensions and tolerances of part drawings (ISO 129, ISO 286, ISO 1101)."""
    n = _number
    fit = f"{r.choice('HhGgJjKkMmNnPp')}{r.randint(5, 11)}"
    forms: tuple[Callable[[], str], ...] = (
        lambda: f"Ø{n(r)}",
        lambda: f"Ø {n(r)}",
        lambda: f"{r.randint(2, 16)}x{n(r)}",
        lambda: f"{r.randint(2, 16)}xØ{n(r)} {r.choice((fit, 'THRU', ''))}".strip(),
        lambda: f"Ø{n(r)} {fit}",
        lambda: f"{n(r)} {fit}",
        lambda: f"R{n(r)}",
        lambda: f"M{r.randint(2, 48)}{r.choice(('', 'x1', 'x1.25', 'x0.75', ' x 1.5'))}",
        lambda: f"{n(r)}°",
        lambda: f"{_digits(r, 1, 2)}°{_digits(r, 2, 2)}'",
        lambda: f"{n(r)} ±{_decimal(r)}",
        lambda: f"{n(r)}±{_decimal(r)}",
        lambda: f"{r.choice('+-±')}{_decimal(r)}",
        lambda: f"+{_decimal(r)}",
        lambda: f"-{_decimal(r)}",
        lambda: f"0.{_digits(r, 1, 3)}",
        lambda: f"0.{_digits(r, 1, 2)} {r.choice(CAPITALS[:8])}",
        lambda: f"{_decimal(r)}",
        lambda: f"({n(r)})",
        lambda: f"Ra {n(r)}",
        lambda: f"{n(r)} x 45°",
        lambda: f"{n(r)}x45°",
        lambda: f"{r.choice(CAPITALS)}-{r.choice(CAPITALS)}",
        lambda: f"SCALE {r.randint(1, 20)}:{r.randint(1, 50)}",
        lambda: f"{r.randint(1, 20)} : {r.randint(1, 50)}",
        lambda: f"{r.randint(1, 9)} / {r.randint(1, 9)}",
        lambda: f"{r.choice(SIZES.split(' '))}",
        lambda: '½"' if r.random() < 0.5 else f'{r.randint(1, 9)}{r.choice("½¼¾")}"',
    )
    return r.choice(forms)()


def words(r: random.Random) -> str:
    """English and German, one to a dozen words."""
    count = r.choice((1, 1, 1, 2, 2, 3, 4, 6, 9))
    pool = r.choice((WORDS, WORDS, GERMAN, dictionary_words()))
    chosen = [r.choice(pool) for _ in range(count)]
    case = r.random()
    if case < 0.3:
        chosen = [word.upper() for word in chosen]
    elif case < 0.6:
        chosen = [word[0].upper() + word[1:] for word in chosen]
    elif case < 0.8:
        chosen[0] = chosen[0][0].upper() + chosen[0][1:]
    text = (
        r.choice((" ", " ", " ", " ", "/", " / ", "-", ", ")).join(chosen) if count < 4 else " ".join(chosen)
    )
    tail = r.choice(
        ("", "", "", "", ":", ".", ",", f" {_digits(r, 1, 2)}", ": " + _number(r), f" ({_capitals(r, 1, 3)})")
    )
    return text + tail


def form_entry(r: random.Random) -> str:
    """Title blocks and lists: dates, names, document numbers."""
    d, c = _digits, _capitals
    forms: tuple[Callable[[], str], ...] = (
        lambda: f"{d(r, 2, 2)}.{d(r, 2, 2)}.{r.choice(('19', '20'))}{d(r, 2, 2)}",
        lambda: f"{d(r, 4, 4)}-{d(r, 2, 2)}-{d(r, 2, 2)}",
        lambda: f"{d(r, 2, 2)}/{d(r, 2, 2)}/{d(r, 2, 2)}",
        lambda: f"{c(r, 1, 1)}. {r.choice(WORDS).capitalize()}",
        lambda: f"{c(r, 2, 4)} {d(r, 3, 5)}",
        lambda: f"{r.choice(WORDS).capitalize()}: {tag(r)}",
        lambda: f"{r.choice(WORDS).capitalize()} {r.choice(WORDS)} {d(r, 1, 1)}",
        lambda: f"{c(r, 2, 3)}{d(r, 3, 6)}.{c(r, 3, 6)}",
        lambda: (
            f"{c(r, 3, 6)}{r.choice(('', '-'))}{d(r, 4, 7)}"
            + r.choice(("", "_bw", ".dwg", ".pdf", "/" + d(r, 1, 2)))
        ),
        lambda: f"REV. {r.choice(CAPITALS + DIGITS)}",
        lambda: f"A{r.randint(0, 4)}",
        lambda: f"{r.randint(1, 9)} / {r.randint(1, 30)}",
        lambda: f"{r.choice(WORDS).upper()} {r.choice(WORDS).upper()} No. {d(r, 1, 6)}",
    )
    return r.choice(forms)()


def noise(r: random.Random) -> str:
    """Any characters in any order: glyphs must be known without their neighbours' help."""
    alphabet = r.choice((LATIN, LATIN + SYMBOLS, SYMBOLS + DIGITS, DIGITS + ".,-+/°'\"", CAPITALS + DIGITS))
    text = _some(r, alphabet, 2, 9)
    if r.random() < 0.3:
        cut = r.randint(1, len(text) - 1)
        text = f"{text[:cut]} {text[cut:]}"
    return text


def alone(r: random.Random) -> str:
    """One character: zone letters, item numbers, revision marks."""
    return r.choice(ALONE)


def chinese(r: random.Random) -> str:
    """Chinese as in notes and title blocks, some with a number or unit."""
    text = _some(r, common_chinese(), 1, 9)
    return r.choice(
        (
            text,
            text,
            text,
            f"{text}{_digits(r, 1, 3)}",
            f"{_digits(r, 1, 2)}{text}",
            f"{text}：",
            f"{text} {tag(r)}",
        )
    )


Maker = Callable[[random.Random], str]
MIX: tuple[tuple[float, Maker], ...] = (
    (0.19, tag),
    (0.09, line_number),
    (0.18, quantity),
    (0.11, dimension),
    (0.14, words),
    (0.07, form_entry),
    (0.06, noise),
    (0.06, alone),
    (0.07, chinese),
)
"""Share and maker; what is left to 1 (now nothing) is a piece of drawing without text."""


def string(r: random.Random) -> str:
    """One string of the mix; empty for a picture that shows no text."""
    number = r.random()
    for share, make in MIX:
        number -= share
        if number < 0:
            return " ".join(make(r).split())
    return ""
