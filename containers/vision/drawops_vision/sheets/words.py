"""What is written on drawings: tags, line numbers, values with units, dimensions, captions, sentences.

A recogniser learns its language from these strings, so they are made up from parts at random wherever a real
one would be (numbers, tags, tolerances), in the mixtures that are hard to read: O beside 0, I beside 1 and /,
lone digits, units with raised digits, spaces around slashes, German words, upper-case words.
"""

import random
import string
from collections.abc import Callable

Maker = Callable[[random.Random], str]

UNITS = (
    "°C", "bar", "barg", "m³/h", "kg/h", "kg/m²", "kg/m³", "mm", "m", "m²", "m³", "kW", "MW", "kPa", "MPa",
    "mbar", "t/h", "l/min", "rpm", "1/min", "U/min", "V", "A", "Hz", "%", "dB(A)", "Nm", "kN", "µm", "µS/cm",
    "mPas", "cSt", "W/m²K", "kJ/kg", "m^3", "m^2", "Nm³/h", "m/s", "mm/s", "K", "ppm", "pH", "°F", "psi",
)  # fmt: skip
ENGLISH = (
    "Design pressure", "Design temperature", "Operating pressure", "Operating temperature", "Volume flow",
    "Mass flow", "Medium", "Material", "Material of casing", "Nominal diameter", "Nominal pressure", "Length",
    "Overall height", "Heat duty", "Heat transfer area", "Speed", "Shaft power", "Differential head",
    "Density",
    "Viscosity", "Weight empty", "Test pressure", "Corrosion allowance", "Insulation", "Tracing", "Remarks",
    "Description", "Item", "Quantity", "Tag number", "Manufacturer", "Order number", "Serial no.", "Document",
    "Drawn by", "Checked by", "Approved", "Replaced by", "Origin", "Location", "Status", "Sheet", "Scale",
    "Customer", "Project", "Plant section", "Pipe class", "Surface finish", "General tolerances",
    "Heat treatment",
    "Cooling water outlet", "Steam inlet", "Suction side", "Discharge nozzle", "Inspection opening", "Drain",
    "Level gauge", "Safety valve", "Rupture disc", "Strainer", "Static mixer", "Gear box", "Coupling guard",
    "Base plate", "Sealing ring", "Hexagon bolt", "Spring washer", "Bearing housing", "Shaft sleeve",
    "Impeller",
    "None", "Various", "Not applicable", "By others", "See note", "To be confirmed", "Rate of flow",
    "Filling",
)  # fmt: skip
GERMAN = (
    "Behälter", "Kühlwasser", "Wärmetauscher", "Rührwerk", "Absperrklappe", "Rückschlagklappe", "Größe",
    "Maßstab",
    "Maße ohne Toleranzangabe", "Übersicht", "Prüfdruck", "Förderhöhe", "Drehzahl", "Schraubenspindelpumpe",
    "Änderung", "Datum", "Bearbeiter", "Geprüft", "Ersatz für", "Blatt", "Werkstoff", "Oberfläche", "Gewicht",
    "Fließschema", "Entlüftung", "Entleerung", "Füllstand", "Zulässige Abweichung", "Schweißnaht",
    "Außendurchmesser",
    "Dampfaustritt", "Kondensatableiter", "Öltank", "Überdruck", "Störmeldung", "Schaltschrank", "Gehäuse",
    "Nenngröße", "Betriebsüberdruck", "Einbaulänge", "Stückliste", "Benennung", "Menge", "Bemerkung",
    "Kälteanlage",
    "Ölkühler", "Grundfläche", "Höhe über Flur", "Wellendichtring", "Sechskantschraube", "Stützblech",
    "Flansch",
)  # fmt: skip
CAPITALS = (
    "UNLESS OTHERWISE NOTED", "BREAK ALL SHARP EDGES", "DO NOT SCALE", "SECTION", "DETAIL", "VIEW",
    "TOLERANCES",
    "MATERIAL", "FINISH", "WEIGHT", "TITLE", "REVISION", "DRAWING NO.", "SHEET", "PROJECTION", "OPERATION",
    "INLET",
    "OUTLET", "OIL COOLER", "LUBE OIL SKID", "CONDENSATE", "INSTRUMENT AIR", "COOLING TOWER", "FOUNDATION",
    "FLOOR",
    "TO ATMOSPHERE", "TO SAFE LOCATION", "NORMALLY CLOSED", "INTERLOCK", "HIGH LEVEL", "LOW LOW", "BY VENDOR",
    "PIPE SUPPORT", "FIELD WELD", "SLOPE", "HOLD POINT", "PACKAGE LIMIT", "BATTERY LIMIT", "UTILITY",
    "SOUR WATER",
    "EXISTING", "FUTURE", "REMOVE", "TIE-IN", "ISOMETRIC", "BILL OF MATERIALS", "PART NO.", "QTY", "INITIAL",
    "TOP OF STEEL", "GRID LINE", "ELEVATION", "OIL", "IDLE", "SOLIDS", "ILLUMINATION", "COIL", "FILL", "MILL",
)  # fmt: skip
SENTENCES = (
    "Copying this document, and giving it to others, is forbidden without our written consent.",
    "All rights are reserved, also for the case that a patent is granted.",
    "Dimensions in brackets are for information only.",
    "Remove all burrs and clean the part before assembly.",
    "The supplier confirms nozzle sizes and loads within two weeks.",
    "Valves are shown in their position during normal operation.",
    "For details of the supports see the civil drawings.",
    "Welds without a symbol: a = 0.7 x smallest plate thickness.",
    "Paint: two coats, 80 µm each, RAL 7035 on all outer surfaces.",
    "Hydrostatic test at 1.5 times the design pressure, 30 minutes.",
    "Diese Zeichnung darf ohne unsere Zustimmung nicht vervielfältigt werden.",
    "Nicht bemaßte Radien R2, Kanten gebrochen 0,5 x 45°.",
    "Die Prüfung erfolgt nach Angabe des Bestellers.",
    "Rohrleitungen mit Gefälle 1:200 zum Behälter verlegen.",
    "Bolts are tightened crosswise in three steps to 85 Nm.",
    "The line is traced with steam (6 barg) and insulated, 50 mm.",
    "Level switches act at 80 % and 95 % of the tank's volume.",
    "Only qualified welders (ISO 9606-1) may weld on this vessel.",
    "Check the direction of rotation before the first start.",
    "This part is made from one piece; a weld is not allowed.",
)
CHINESE = (
    "设计压力", "设计温度", "操作压力", "操作温度", "介质", "材料", "数量", "单重",
    "总重", "备注", "名称", "序号", "技术要求", "未注倒角", "表面粗糙度", "热处理",
    "比例", "图号", "审核", "批准", "设计", "校对", "日期", "冷却水",
    "蒸汽", "放空", "排液", "安全阀", "储罐", "离心泵", "换热器", "流量计",
    "液位高", "进口", "出口", "剖面图", "法兰",
)  # fmt: skip
NAMES = (
    "Weber",
    "Novak",
    "Okafor",
    "Lindqvist",
    "Tanaka",
    "Moreau",
    "Krüger",
    "O'Neill",
    "Jäger",
    "Ito",
    "Silva",
)
STATES = ("PRELIMINARY", "APPROVED", "VOID", "COPY", "AS BUILT", "RELEASED", "CERTIFIED", "RECEIVED",
          "SUPERSEDED",
          "FOR INFORMATION", "GEPRÜFT", "FREIGEGEBEN", "CONTROLLED COPY", "NOT FOR CONSTRUCTION")  # fmt: skip


def digits(rng: random.Random, count: int) -> str:
    """`count` digits."""
    return "".join(rng.choices(string.digits, k=count))


def letters(rng: random.Random, count: int) -> str:
    """`count` capitals; O and I, which look like digits, twice as often as the rest."""
    return "".join(rng.choices(string.ascii_uppercase + "OI", k=count))


def number(rng: random.Random) -> str:
    """A number as tables hold it: whole, decimal with point or comma, signed."""
    whole = str(rng.choice((rng.randint(0, 9), rng.randint(10, 99), rng.randint(100, 9999))))
    kind = rng.random()
    if kind < 0.4:
        return whole
    mark = "." if rng.random() < 0.75 else ","
    return f"{rng.choice(('', '', '', '-', '+'))}{whole}{mark}{digits(rng, rng.choice((1, 1, 2, 2, 3)))}"


def value(rng: random.Random) -> str:
    """A value with its unit, or the places of one that nobody filled in."""
    unit = rng.choice(UNITS) if rng.random() < 0.7 else rng.choice(("°C", "bar", "m³/h", "kg/m²", "m³", "mm"))
    kind = rng.random()
    if kind < 0.15:
        return rng.choice((f"/ / {unit}", f"/ {unit}", f"- / - {unit}", unit))
    if kind < 0.2:
        return f"{number(rng)} / {number(rng)} {unit}"
    if kind < 0.3:
        return f"{rng.choice('hdlbtVQpTnP')} = {number(rng)} {unit}"
    if kind < 0.37:
        return f"{number(rng)} ±{rng.choice(('0.1', '5', '2', '0,5', '0.05'))} {unit}"
    if kind < 0.42:
        return f"{rng.choice(('min.', 'max.', '<', '>', '≤', '≥', 'ca.'))} {number(rng)} {unit}"
    if kind < 0.47:
        return f"{number(rng)}{unit}"
    return f"{number(rng)} {unit}"


def pair(rng: random.Random) -> str:
    """Two sizes: ``120 / 200``, ``25 / 50``, ``DN 80/50``, ``-10/180``."""
    a, b = (rng.choice((15, 20, 25, 40, 50, 80, 100, 120, 150, 200, 250, 300, 1, 6, 10)) for _ in range(2))
    return rng.choice((f"{a} / {b}", f"{a}/{b}", f"DN {a}/{b}", f"-{a} / {b}", f"{a} x {b}", f"{a}x{b}"))


def size(rng: random.Random) -> str:
    """A pipe size."""
    dn = rng.choice((6, 10, 15, 20, 25, 32, 40, 50, 65, 80, 100, 125, 150, 200, 250, 300, 400))
    inch = rng.choice(
        ("1/4", "1/2", "3/4", "1", "1 1/2", "1½", "2", "2 1/2", "½", "¾", "3", "4", "6", "8", "10", "12")
    )
    return rng.choice((f"DN {dn}", f"DN{dn}", f"{dn}", f'{inch}"', f'{inch}"', f"PN {dn}", f"G {inch}"))


def tag(rng: random.Random) -> str:
    """A tag of a machine, a valve or an instrument in one of many offices' styles."""
    n = digits(rng, rng.choice((2, 3, 3, 4, 4, 5)))
    kind = rng.randrange(9)
    if kind == 0:
        function = rng.choice(
            ("PSV", "HV", "XV", "FCV", "TCV", "PICSA", "TICSA", "LIA", "FQI", "LSHH", "PDT")
        )
        return f"{function}-{n}"
    if kind == 1:
        return f"{letters(rng, rng.choice((1, 2)))}{n}"
    if kind == 2:
        return f"{letters(rng, 1)}-{n}{rng.choice(('', 'A', 'B', 'A/B', 'O', 'I'))}"
    if kind == 3:
        return iso_tag(rng)
    if kind == 4:
        return f"{letters(rng, 2)} {n}.{digits(rng, 2)}"
    if kind == 5:
        return f"{rng.randint(10, 99)}{letters(rng, 2)}{digits(rng, 2)}-{rng.choice((25, 50, 80, 100))}"
    if kind == 6:
        return f"{digits(rng, 2)}{letters(rng, 3)}{digits(rng, 2)} {letters(rng, 2)}{digits(rng, 3)}"
    if kind == 7:
        return f"{letters(rng, 3)}_{n}_{rng.choice(string.ascii_uppercase)}"
    return f"{letters(rng, 3)}-{n}"


def iso_tag(rng: random.Random) -> str:
    """A reference designation (IEC 81346): ``=A10.B21.P80``."""
    levels = ".".join(f"{rng.choice('ABCEGMPQTUW')}{digits(rng, 2)}" for _ in range(rng.choice((2, 3, 3, 4))))
    return f"{rng.choice(('=', '=', '-', '+', '.', ''))}{levels}{rng.choice(('', '', '.Q', '-M1', '.'))}"


def line_number(rng: random.Random) -> str:
    """A pipe's number."""
    n = digits(rng, rng.choice((3, 4, 5)))
    spec = rng.choice(("A1A", "B3C", "75HB13", "CS150", "D2A", "12KL03C1", "O1I0", "SS304", "1CS2O"))
    kind = rng.randrange(4)
    if kind == 0:
        inches = rng.choice(("1", "2", "3", "1 1/2", "6", "10", "3/4"))
        return f'{inches}"-{letters(rng, rng.choice((1, 2)))}-{n}-{spec}'
    if kind == 1:
        return f"{letters(rng, 2)}{digits(rng, 3)}.{digits(rng, 5)}-{rng.choice((25, 50, 80, 100))}-{spec}"
    if kind == 2:
        return f"{letters(rng, 2)}{rng.choice('abc')} {n} {spec} {rng.choice((25, 50, 80, 150))}"
    insulation = rng.choice(("IH", "PP", "N", "ET"))
    return f"{rng.choice((25, 50, 80, 100, 150))}-{letters(rng, 2)}-{n}-{spec}-{insulation}"


def date(rng: random.Random) -> str:
    """A date in the orders and with the marks that drawings use."""
    year, month, day = rng.randint(1988, 2026), rng.randint(1, 12), rng.randint(1, 28)
    names = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
    return rng.choice(
        (
            f"{year}-{month:02d}-{day:02d}",
            f"{day:02d}.{month:02d}.{year}",
            f"{day:02d}/{month:02d}/{year % 100:02d}",
            f"{day:02d}-{names[month - 1]}-{year}",
            f"{day}.{month}.{year % 100:02d}",
            f"{year}/{month:02d}/{day:02d}",
        )
    )


def person(rng: random.Random) -> str:
    """Who drew or checked."""
    name = rng.choice(NAMES)
    first = rng.choice(string.ascii_uppercase)
    return rng.choice(
        (name, f"{first}. {name}", f"{first}.{name}", letters(rng, 3), f"@{letters(rng, 5)}", "-")
    )


def drawing_number(rng: random.Random) -> str:
    """The number of a drawing."""
    return rng.choice(
        (
            f"{letters(rng, 3)}-{digits(rng, 7)}",
            f"{digits(rng, 2)}-{letters(rng, 3)}-{digits(rng, 4)}",
            f"{letters(rng, 2)}{digits(rng, 2)}_{digits(rng, 2)}.{digits(rng, 2)}",
            f"{digits(rng, 6)}-{digits(rng, 2)}",
            f"{letters(rng, 6)}-{letters(rng, 1)}{digits(rng, 3)}-{letters(rng, 2)}{digits(rng, 2)}",
        )
    )


def words(rng: random.Random) -> str:
    """A word or two in English, German or capitals."""
    chosen = rng.choice(rng.choice((ENGLISH, GERMAN, CAPITALS)))
    return chosen if chosen.endswith(".") else chosen + rng.choice(("", "", "", ":", ":", "."))


def material(rng: random.Random) -> str:
    """A material or a standard part."""
    return rng.choice(
        ("1.4571", "1.4306", "1.0038", "S235JR", "S355J2+N", "P265GH", "GGG-40", "EN-GJL-250", "AISI 316L",
         "PTFE",
         "EPDM", "POM-C", "AlMgSi1", "EN AW-6082 T6", "C45", "42CrMo4", "X5CrNi18-10", "A105",
         "A106 Gr. B", "PLA",
         "DIN 912", "ISO 4762", "DIN EN 1092-1", "ISO 4017 - M8x25 - 8.8", "DIN 471", "Viton",
         "FKM 75 Sh A", "CuZn39Pb3")
    )  # fmt: skip


def metre(rng: random.Random, low: float, high: float) -> str:
    """A length in mm as a dimension states it."""
    length = rng.uniform(low, high)
    kind = rng.random()
    if kind < 0.35:
        return str(max(1, round(length)))
    if kind < 0.65:
        return f"{length:.1f}"
    if kind < 0.85:
        return f"{length:.2f}"
    return f"{length:.2f}".replace(".", ",")


def hole(rng: random.Random) -> str:
    """A hole or a thread: ``4x6.60``, ``2xØ8.80 H8``, ``M8x1.25``."""
    count = rng.choice(("", "2x", "3x", "4x", "4 x ", "6X ", "8x"))
    bore = f"{rng.choice((3.3, 4.8, 5, 6.6, 8, 8.8, 9, 10.5, 12, 17.5)):{rng.choice(('g', '.1f', '.2f'))}}"
    fit = rng.choice(("", " H7", " H8", " H11", " THRU", " +0.1", "", "H7"))
    thread = rng.choice(
        ("M3", "M4", "M5", "M6", "M8", "M8x1", "M8x1.25", "M10", "M12x1.5", "M16", "G1/4", "M20 - 6H")
    )
    deep = f"{rng.choice((' ', 'x'))}{rng.randint(5, 40)}" if rng.random() < 0.3 else ""
    return rng.choice((f"{count}Ø{bore}{fit}", f"{count}Ø{bore}", f"{count}{bore}", f"{count}{thread}{deep}"))


def dimension(rng: random.Random, length: float, radial: bool = False) -> str:
    """A dimension of `length` mm, or of a circle of that diameter."""
    shown = f"{length:.{rng.choice((0, 1, 1, 2, 2))}f}"
    if rng.random() < 0.12:
        shown = shown.replace(".", ",")
    tail = rng.choice(
        ("", "", "", "", " ±0.05", " ±0.1", "±0.2", " H7", " h6", " g6", " js9", " REF", " (TYP)")
    )
    if radial:
        return (
            rng.choice(
                (f"Ø{shown}", f"Ø {shown}", f"R{length / 2:.1f}", f"Ø{shown}", f"R {length / 2:g}"[:7])
            )
            + tail
        )
    return rng.choice((shown, shown, shown, f"({shown})", f"{rng.randint(2, 6)}x{shown}")) + tail


def angle(rng: random.Random) -> str:
    """An angle as a dimension states it."""
    return rng.choice(
        (
            f"{rng.randint(1, 120)}°",
            f"{rng.randint(5, 90)}°",
            f"{rng.uniform(0, 60):.1f}°",
            f"{rng.randint(1, 59)}°30'",
            "45°",
            "60°",
            f"{rng.randint(10, 40)}° ±0.5°",
        )
    )


def deviation(rng: random.Random) -> tuple[str, str]:
    """Upper and lower deviation, one over the other."""
    places = rng.choice((1, 2, 2, 3))
    upper, lower = (rng.randint(1, 40) / 10**places for _ in range(2))
    return rng.choice(
        (
            (f"+{upper:.{places}f}", f"-{lower:.{places}f}"),
            (f"+{upper:.{places}f}", "0"),
            ("0", f"-{lower:.{places}f}"),
            (f"+{upper + lower:.{places}f}", f"+{lower:.{places}f}"),
            ("0.00", f"-{lower:.2f}"),
        )
    )


def roughness(rng: random.Random) -> str:
    """A surface-texture value."""
    return rng.choice(
        (
            f"Ra {rng.choice((0.4, 0.8, 1.6, 3.2, 6.3, 12.5))}",
            f"Rz {rng.choice((2.5, 6.3, 10, 25, 63))}",
            f"{rng.choice((0.8, 1.6, 3.2, 6.3))}",
            f"Ra{rng.choice((1.6, 3.2))}",
            "Rz 16",
            "Ra max 0.8",
        )
    )


def lone(rng: random.Random) -> str:
    """One character, or hardly more: what balloons, zones and terminals hold."""
    return rng.choice(
        (
            rng.choice(string.digits),
            rng.choice(string.digits),
            rng.choice(string.ascii_uppercase),
            rng.choice(string.ascii_uppercase),
            str(rng.randint(10, 99)),
            f"{rng.choice(string.ascii_uppercase)}{rng.randint(1, 9)}",
            rng.choice(
                ("HH", "LL", "L", "H", "I", "O", "0", "1", "M", "N", "%", "+", "Y", "S", "FC", "?", "m", "kW")
            ),
        )
    )


def anything(rng: random.Random) -> str:
    """Any of the above, as often as drawings need them."""
    makers: tuple[tuple[Maker, int], ...] = (
        (tag, 18),
        (value, 20),
        (words, 16),
        (number, 8),
        (pair, 5),
        (size, 7),
        (line_number, 6),
        (date, 3),
        (hole, 5),
        (material, 3),
        (lone, 6),
        (iso_tag, 3),
        (drawing_number, 2),
        (person, 2),
        (roughness, 1),
        (angle, 2),
    )
    return rng.choices([maker for maker, _ in makers], [weight for _, weight in makers])[0](rng)
