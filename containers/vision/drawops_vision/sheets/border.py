"""What surrounds a drawing: frame with zones (ISO 5457), title block (ISO 7200), revisions, notes, legend."""

import random
from dataclasses import replace
from itertools import pairwise

from drawops_vision.sheets import words
from drawops_vision.sheets.draft import Draft, Spot
from drawops_vision.sheets.model import Horizontal, Rectangle, Vertical

SMALLEST = 1.1
"""mm; smaller letters nobody draws."""
ZONE = 50.0
STRIP = 5.0
ZONE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
"""ISO 5457 leaves out I and O."""

PROJECTS = (
    "ETHYLENE UNIT REVAMP",
    "AMINE TREATING UNIT 300",
    "CRUDE STABILISATION TRAIN 2",
    "SOLVENT RECOVERY PLANT",
    "GAS DEHYDRATION PACKAGE",
    "METHANOL PLANT EXPANSION",
    "SULPHUR RECOVERY UNIT",
    "BIOETHANOL DISTILLATION",
)
COMPANIES = (
    "NORDHAVEN ENGINEERING",
    "DELTA PROCESS B.V.",
    "KAIROS ENGINEERS LTD",
    "RHEINTAL ANLAGENBAU GmbH",
)
PEOPLE = ("JKL", "M. Weber", "A.Ng", "S.R.", "T. Okafor", "LHY", "P. Novak", "C.D.M.")
REVISIONS = (
    "ISSUED FOR REVIEW",
    "ISSUED FOR HAZOP",
    "ISSUED FOR APPROVAL",
    "ISSUED FOR DESIGN",
    "ISSUED FOR CONSTRUCTION",
    "AS BUILT",
    "HAZOP COMMENTS INCORPORATED",
    "RE-ISSUED FOR CONSTRUCTION",
)
NOTES = (
    "ALL DIMENSIONS IN mm UNLESS OTHERWISE STATED.",
    "FOR LEGEND AND SYMBOLS SEE DWG. 0000-PID-0001.",
    'ALL VENTS AND DRAINS TO BE 3/4" UNLESS NOTED.',
    "MINIMUM STRAIGHT RUN 10xD UPSTREAM, 5xD DOWNSTREAM.",
    "INSULATION THICKNESS 50 mm ABOVE 60 °C (PP).",
    "LEVEL SETTINGS ±5 mm FROM TANGENT LINE.",
    "VALVE TO BE LOCKED OPEN (LO) DURING OPERATION.",
    "SLOPE LINE 1:100 TOWARDS VESSEL, NO POCKETS.",
    "LOCATE PSV AT HIGH POINT; INLET LOSS < 3 %.",
    "STEAM TRACING AT 120 ±5 °C, SEE TRACER LIST.",
    "PUMP NPSH AVAILABLE BASED ON LOW LIQUID LEVEL.",
    "ORIFICE BORE Ø38.5 mm, BETA RATIO 0.62.",
    "HOLD: VENDOR TO CONFIRM NOZZLE SIZES.",
    "FLOW AREA OF STRAINER TO EXCEED 300 cm².",
    "SPARE PUMP STARTS AUTOMATICALLY ON LOW PRESSURE.",
    "FIRE CASE GOVERNS RELIEF LOAD, 12.4 t/h.",
)
CHINESE_NOTES = (
    "除另有说明外，所有尺寸单位为 mm。",
    "图例及符号说明见图纸 0000-PID-0001。",
    '未注明的排气口和排液口均为 3/4"。',
    "操作温度高于 60 °C 的管道须做防烫保温。",
    "液位设定值以切线为基准，偏差 ±5 mm。",
    "安全阀应安装在管道最高点。",
    "阀门在正常操作时应锁定在开启位置。",
    "管道坡度 1:100，坡向容器，不得有袋形。",
    "备用泵在低压联锁时自动启动。",
    "孔板孔径 Ø38.5 mm，由仪表专业确认。",
)
CHINESE_TITLE = "工艺管道及仪表流程图"
CHINESE = "".join((*CHINESE_NOTES, CHINESE_TITLE, *words.CHINESE, "0123456789. :=-"))
"""Every character that a text with Chinese in it may need."""
LEGEND = (
    ("LO", "LOCKED OPEN"),
    ("LC", "LOCKED CLOSED"),
    ("FC", "FAIL CLOSED"),
    ("FO", "FAIL OPEN"),
    ("CSO", "CAR SEALED OPEN"),
    ("NNF", "NORMALLY NO FLOW"),
    ("HC", "HEAT CONSERVATION"),
    ("PP", "PERSONNEL PROT."),
)


def frame(draft: Draft) -> Rectangle:
    """Trim line, frame line, zone letters and numbers between them; returns the frame's inside in mm.

    How deep the strip is, how large its letters are, how near they stand to its lines, where the counting
    starts and how many zones there are differs from office to office.
    """
    width, height = draft.drawing.width, draft.drawing.height
    rng = draft.rng
    left = 15.0 if width >= 400 else 5.0
    strip = rng.choice((STRIP, STRIP, 4.0, 7.0, 10.0)) if width > 250 else STRIP
    zone = rng.choice((ZONE, ZONE, 35.0, 75.0))
    outer = (left, 5.0, width - 5.0, height - 5.0)
    inner = (outer[0] + strip, outer[1] + strip, outer[2] - strip, outer[3] - strip)
    draft.rectangle(outer, draft.style.thin)
    draft.rectangle(inner, draft.style.thick)
    columns = min(16, max(2, 2 * round((inner[2] - inner[0]) / zone / 2)))
    rows = min(16, max(2, 2 * round((inner[3] - inner[1]) / zone / 2)))
    step_x, step_y = (inner[2] - inner[0]) / columns, (inner[3] - inner[1]) / rows
    size = rng.uniform(1.8, min(strip - 1.6, 6.0)) / draft.style.height
    backwards, upwards = rng.random() < 0.4, rng.random() < 0.4
    heading = rng.random() < 0.3
    room = (strip - size * draft.style.height) / 2 - draft.style.thick / 2 - 0.25
    off = rng.choice((0.0, 0.0, max(0.0, room), -max(0.0, room)))
    for column in range(columns):
        x = inner[0] + column * step_x
        name = str(columns - column if backwards else column + 1)
        for y0, y1 in ((outer[1], inner[1]), (inner[3], outer[3])):
            if column:
                draft.line([(x, y0), (x, y1)])
            _centred(draft, name, (x, y0 + off, x + step_x, y1 + off), size, heading)
    for row in range(rows):
        y = inner[1] + row * step_y
        name = ZONE_LETTERS[rows - 1 - row if upwards else row]
        for x0, x1 in ((outer[0], inner[0]), (inner[2], outer[2])):
            if row:
                draft.line([(x0, y), (x1, y)])
            _centred(draft, name, (x0, y, x1, y + step_y), size, heading)
    if rng.random() < 0.4:
        _centring_marks(draft, inner)
    draft.limits = inner
    return inner


def _centring_marks(draft: Draft, inner: Rectangle) -> None:
    """Arrows at the middle of each side (ISO 5457), inside the frame."""
    x0, y0, x1, y1 = inner
    size = 2.0
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    for (x, y), (dx, dy) in (
        ((middle_x, y0), (0.0, 1.0)),
        ((x0, middle_y), (1.0, 0.0)),
        ((x1, middle_y), (-1.0, 0.0)),
    ):
        tip = (x + dx * size * 1.6, y + dy * size * 1.6)
        draft.line([(x + dy * size, y + dx * size), tip, (x - dy * size, y - dx * size)], draft.style.thin)


def bottom_strip(draft: Draft, inside: Rectangle, number: str, title: str) -> float:
    """Title block, revisions, notes and legend along the lower edge; returns the y of the strip's top, mm."""
    k = draft.style.module
    height = 44.0 * k if inside[3] - inside[1] > 160 else 34.0 * k
    x0, y0, x1, y1 = inside[0], inside[3] - height, inside[2], inside[3]
    draft.line([(x0, y0), (x1, y0)], draft.style.thick)
    width = min(118.0 * k, 0.52 * (x1 - x0))
    _title_block(draft, (x1 - width, y0, x1, y1), number, title)
    edge = x1 - width
    draft.line([(edge, y0), (edge, y1)], draft.style.thick)
    if edge - x0 > 190 * k:
        _revisions(draft, (edge - 96 * k, y0, edge, y1))
        edge -= 96 * k
        draft.line([(edge, y0), (edge, y1)], draft.style.thick)
    if edge - x0 > 170 * k:
        _legend(draft, (edge - 46 * k, y0, edge, y1))
        edge -= 46 * k
        draft.line([(edge, y0), (edge, y1)], draft.style.thick)
    _notes(draft, (x0, y0, edge, y1))
    return y0


def _centred(draft: Draft, string: str, box: Rectangle, size: float, heading: bool) -> None:
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    spot = Spot(middle, 0.0, Horizontal.CENTRE, Vertical.MIDDLE)
    draft.put(draft.lettering(string, spot, size, heading))


def _title_block(draft: Draft, box: Rectangle, number: str, title: str) -> None:
    """One of two fashions: captions above their values, or beside them."""
    if draft.style.chinese is None and draft.rng.random() < 0.4:
        _title_grid(draft, box, number, title)
    else:
        _title_cells(draft, box, number, title)


def _title_grid(draft: Draft, box: Rectangle, number: str, title: str) -> None:
    """Narrow rows: captions with their values behind them, as one text or as two that nearly touch."""
    rng = draft.rng
    x0, y0, x1, y1 = box
    rows = rng.randint(6, 8)
    step = (y1 - y0) / rows
    height = min(draft.style.height, step * 0.55) / draft.style.height
    large = {rng.randrange(1, rows - 1): title, rows - 1: number}
    for row in range(rows):
        top, bottom = y0 + row * step, y0 + (row + 1) * step
        if row and rng.random() < 0.8:
            draft.line([(x0, top), (x1, top)], draft.style.thin)
        cells = rng.randint(1, 3) if row not in large else 1
        edges = [x0 + (x1 - x0) * cell / cells for cell in range(cells + 1)]
        for left, right in pairwise(edges):
            if left > x0:
                draft.line([(left, top), (left, bottom)], draft.style.thin)
            inside = (left, top, right, bottom)
            if row in large:
                draft.within(inside, large[row], height * 1.25, rng.choice(list(Horizontal)), heading=True)
                continue
            caption, maker = rng.choice(CAPTIONS)
            fashion = rng.random()
            if fashion < 0.3:
                draft.within(inside, caption, height)
            elif fashion < 0.5:
                draft.within(inside, f"{caption} {maker(rng)}", height)
            else:
                _beside(draft, inside, caption, maker(rng), height)


CAPTIONS: tuple[tuple[str, words.Maker], ...] = (
    ("Date:", words.date),
    ("Datum", words.date),
    ("Name", words.person),
    ("Drawn by:", words.person),
    ("Checked", words.person),
    ("Gepr.", words.person),
    ("Project no.:", words.drawing_number),
    ("Order no.:", words.drawing_number),
    ("Dwg. no. of customer:", words.drawing_number),
    ("Ersatz für:", words.drawing_number),
    ("Unit:", words.iso_tag),
    ("Location:", words.iso_tag),
    ("Ort", words.iso_tag),
    ("Sheet:", lambda rng: f"{rng.randint(1, 40):03d}"),
    ("of:", lambda rng: str(rng.randint(1, 40))),
    ("Blatt", lambda rng: str(rng.randint(1, 9))),
    ("Rev.:", lambda rng: rng.choice("ABCDEIO0123456789")),
    ("Scale", lambda rng: rng.choice(("1:1", "1 : 50", "NTS", "1:2,5", "-"))),
    ("Format", lambda rng: rng.choice(("A0", "A1", "A2", "A3", "A4", "594 x 841"))),
    ("Status:", lambda rng: rng.choice(words.STATES)),
    ("Client:", lambda rng: rng.choice(COMPANIES)),
)


def _beside(draft: Draft, box: Rectangle, caption: str, value: str, size: float) -> None:
    """Two texts on one line, a letter or so apart, both shrunk until they fit."""
    rng = draft.rng
    x0, y0, x1, y1 = box
    middle = (y0 + y1) / 2
    texts = [draft.lettering(string, Spot((0.0, 0.0)), size) for string in (caption, value)]
    widths = [text.bounds()[2] - text.bounds()[0] for text in texts]
    gap = rng.uniform(0.9, 2.5) * texts[0].height
    share = min(1.0, (x1 - x0 - 2.0) / (sum(widths) + gap))
    x = x0 + 1.0
    for text, width in zip(texts, widths, strict=True):
        height = text.height * share
        smaller = replace(text, height=height)
        left = smaller.bounds()[0]
        if height >= SMALLEST:
            draft.put(replace(smaller, anchor=(x - left, middle + height / 2)))
        x += (width + gap) * share


def second_frame(draft: Draft, inside: Rectangle) -> None:
    """Another frame over everything, of another size: what re-imported drawings bring with them."""
    rng = draft.rng
    x0, y0, x1, y1 = inside
    dx, dy = rng.uniform(-4, 14), rng.uniform(-4, 14)
    strip = rng.uniform(4, 7)
    outer = (x0 + max(1.0, dx), y0 + max(1.0, dy), x1 - rng.uniform(1, 12), y1 - rng.uniform(1, 12))
    inner = (outer[0] + strip, outer[1] + strip, outer[2] - strip, outer[3] - strip)
    for box in (outer, inner):
        draft.rectangle(box, draft.style.thin)
    size = rng.uniform(1.8, strip - 1.5) / draft.style.height
    columns, rows = rng.randint(3, 12), rng.randint(2, 8)
    zones = [
        (str(column + 1), (outer[0] + (outer[2] - outer[0]) * (column + 0.5) / columns, y))
        for column in range(columns)
        for y in ((outer[1] + inner[1]) / 2, (outer[3] + inner[3]) / 2)
    ] + [
        (ZONE_LETTERS[row], (x, outer[1] + (outer[3] - outer[1]) * (row + 0.5) / rows))
        for row in range(rows)
        for x in ((outer[0] + inner[0]) / 2, (outer[2] + inner[2]) / 2)
    ]
    for name, middle in zones:
        text = draft.lettering(name, Spot(middle, 0.0, Horizontal.CENTRE, Vertical.MIDDLE), size)
        # Over a line always, over another text only now and then: most of those nobody could read.
        if not draft.holds_text(text.bounds()) or rng.random() < 0.25:
            draft.put(text)


def _title_cells(draft: Draft, box: Rectangle, number: str, title: str) -> None:
    """Rows of cells; every cell has a small caption at its top and its value below."""
    rng = draft.rng
    x0, y0, x1, y1 = box
    date = words.date(rng)
    sheet = rng.randint(1, 9)
    rows: list[tuple[float, list[tuple[float, str, str, float]]]] = [
        (1.0, [(0.55, "CLIENT", rng.choice(COMPANIES), 1.0), (0.45, "PROJECT", rng.choice(PROJECTS), 1.0)]),
        (1.4, [(1.0, "TITLE", title if draft.style.chinese is None else CHINESE_TITLE, 1.4)]),
        (
            1.0,
            [
                (0.25, "DRAWN", _person(rng), 1.0),
                (0.25, "CHECKED", _person(rng), 1.0),
                (0.25, "APPROVED", _person(rng), 1.0),
                (0.25, "DATE", date, 1.0),
            ],
        ),
        (
            1.2,
            [
                (0.16, "SCALE", rng.choice(("NTS", "1:1", "NONE")), 1.0),
                (0.5, "DRAWING No.", number, 1.5),
                (0.2, "SHEET", f"{sheet} OF {sheet + rng.randint(0, 8)}", 1.0),
                (0.14, "REV.", rng.choice("ABCDEOI0123456789"), 1.5),
            ],
        ),
    ]
    total = sum(row[0] for row in rows)
    y = y0
    for weight, cells in rows:
        bottom = y + (y1 - y0) * weight / total
        if y > y0:
            draft.line([(x0, y), (x1, y)], draft.style.thin)
        x = x0
        for share, caption, value, size in cells:
            right = x + (x1 - x0) * share
            if x > x0:
                draft.line([(x, y), (x, bottom)], draft.style.thin)
            split = y + (bottom - y) * 0.36
            draft.within((x, y + 0.4, right, split), caption, 0.75)
            draft.within((x, split, right, bottom - 0.4), value, size, Horizontal.CENTRE, heading=size > 1)
            x = right
        y = bottom


def part_strip(draft: Draft, inside: Rectangle, number: str, title: str) -> float:
    """Along the lower edge of a part drawing: notes, signatures, material, title; returns its top, mm."""
    rng, k = draft.rng, draft.style.module
    x0, x1, y1 = inside[0], inside[2], inside[3]
    height = (34.0 if inside[3] - inside[1] < 170 else 48.0) * k
    left = max(x0, x1 - rng.choice((180.0, 200.0, 240.0)) * k)
    y0 = y1 - height
    pen = rng.choice((draft.style.thin, draft.style.medium, draft.style.thick))
    draft.rectangle((left, y0, x1, y1), draft.style.thick)
    split = left + (x1 - left) * 0.55
    draft.line([(split, y0), (split, y1)], pen)
    _title_block(draft, (split, y0, x1, y1), number, title)
    upper = y0 + height * 0.42
    draft.line([(left, upper), (split, upper)], pen)
    columns = [left, left + (split - left) * 0.42, left + (split - left) * 0.7, split]
    blocks = (
        rng.sample(GENERAL, 5),
        [rng.choice(("FINISH:", "Oberfläche:", "COATING:")), rng.choice(("", "ANODIZED", "Zn 8 µm", "NONE"))],
        rng.sample(EDGES, 3),
    )
    for (a, b), block in zip(pairwise(columns), blocks, strict=True):
        if a > left:
            draft.line([(a, y0), (a, upper)], pen)
        step = (upper - y0) / 5.2
        for row, line in enumerate(filter(None, block)):
            draft.within((a, y0 + 0.3 + row * step, b, y0 + 0.3 + (row + 1) * step), line, 0.8)
    _signatures(draft, (left, upper, split, y1), pen)
    return y0


GENERAL = (
    "UNLESS OTHERWISE NOTED:",
    "ALL DIMENSIONS ARE IN mm",
    "SURFACE TEXTURE: Ra 3.2",
    "TOLERANCES: ISO 2768-mK",
    "LINEAR: ±0.1",
    "ANGULAR: ±0.5°",
    "Allgemeintoleranzen DIN ISO 2768-m",
    "INTERPRET PER ASME Y14.5",
    "THIRD ANGLE PROJECTION",
    "Maße in mm",
)
EDGES = (
    "REMOVE BURRS",
    "BREAK EDGES 0.2",
    "SHARP EDGES",
    "DEBURR",
    "Kanten gebrochen",
    "ISO 13715",
    "R0.5 MAX",
    "-0.3",
)


def _signatures(draft: Draft, box: Rectangle, pen: float) -> None:
    """Who drew, checked and approved, row by row; half of the cells stay empty."""
    rng = draft.rng
    x0, y0, x1, y1 = box
    rows = rng.choice(
        (
            ["DRAWN", "CHK'D", "APPV'D", "MFG", "Q.A"],
            ["Bearb.", "Gepr.", "Norm"],
            ["DRN", "CHK", "ENG", "APP"],
        )
    )
    heads = [
        "",
        rng.choice(("NAME", "Name")),
        rng.choice(("SIGNATURE", "Sign.")),
        rng.choice(("DATE", "Datum")),
    ]
    edges = [x0 + (x1 - x0) * share for share in (0.0, 0.16, 0.4, 0.58, 0.74)]
    step = (y1 - y0) / (len(rows) + 1)
    for row in range(len(rows) + 1):
        y = y0 + row * step
        if row:
            draft.line([(x0, y), (edges[-1], y)], pen)
        values = (
            heads
            if row == 0
            else [rows[row - 1], _person(rng), rng.choice(("", _person(rng))), words.date(rng)]
        )
        for column, (a, b) in enumerate(pairwise(edges)):
            if values[column] and (row == 0 or column == 0 or rng.random() < 0.6):
                draft.within((a, y, b, y + step), values[column], 0.8, pad=0.6)
    for x in edges[1:]:
        draft.line([(x, y0), (x, y1)], pen)
    middle = (y0 + y1) / 2
    draft.line([(edges[-1], middle), (x1, middle)], pen)
    for top, bottom, caption, value in (
        (y0, middle, "MATERIAL:", words.material(rng)),
        (middle, y1, "WEIGHT:", f"{rng.uniform(0.01, 30):.2f} kg"),
    ):
        share = top + (bottom - top) * 0.42
        draft.within((edges[-1], top, x1, share), caption, 0.75, pad=0.6)
        draft.within((edges[-1], share, x1, bottom), value, 0.95, Horizontal.CENTRE, pad=0.6)


def chinese_notes(draft: Draft, area: Rectangle) -> None:
    """A few notes in Chinese in the upper left corner of `area`."""
    step = 4.5 * draft.style.module
    for row, note in enumerate(draft.rng.sample(CHINESE_NOTES, 4)):
        top = area[1] + 2.0 + row * step
        draft.within(
            (area[0] + 1.0, top, area[0] + 95 * draft.style.module, top + step), f"{row + 1}. {note}"
        )


def _person(rng: random.Random) -> str:
    return rng.choice(PEOPLE) if rng.random() < 0.5 else words.person(rng).replace("@", "")


def _revisions(draft: Draft, box: Rectangle) -> None:
    """The revision table: newest at the top, headings at the bottom."""
    rng = draft.rng
    x0, y0, x1, y1 = box
    rows = 7
    step = (y1 - y0) / rows
    edges = [x0 + (x1 - x0) * share for share in (0.0, 0.09, 0.31, 0.76, 0.88, 1.0)]
    used = rng.randint(2, rows - 2)
    year, month = rng.randint(2014, 2022), rng.randint(1, 4)
    for row in range(rows):
        top, bottom = y1 - (row + 1) * step, y1 - row * step
        draft.line([(x0, top), (x1, top)], draft.style.thin)
        if row == 0:
            values = ("REV", "DATE", "DESCRIPTION", "BY", "CHK")
        elif row <= used:
            months = year * 12 + month + 3 * row
            date = f"{months // 12}-{months % 12 + 1:02d}-{rng.randint(1, 28):02d}"
            initials = ["".join(rng.sample("ABCDEFGHJKLMNPRSTW", rng.choice((2, 3)))) for _ in range(2)]
            values = (chr(ord("A") + row - 1), date, rng.choice(REVISIONS), initials[0], initials[1])
        else:
            continue
        for left, right, value in zip(edges, edges[1:], values, strict=False):
            draft.within((left, top, right, bottom), value, 0.9, Horizontal.CENTRE, pad=0.8)
    for x in edges[1:-1]:
        draft.line([(x, y0), (x, y1)], draft.style.thin)


def _legend(draft: Draft, box: Rectangle) -> None:
    x0, y0, x1, y1 = box
    step = (y1 - y0 - 1.0) / (len(LEGEND) + 1)
    draft.within((x0, y0 + 0.5, x1, y0 + 0.5 + step), "ABBREVIATIONS", 1.0, heading=True)
    for row, (short, meaning) in enumerate(LEGEND, start=1):
        top = y0 + 0.5 + row * step
        draft.within((x0, top, x0 + (x1 - x0) * 0.27, top + step), short, 0.9)
        draft.within((x0 + (x1 - x0) * 0.27, top, x1, top + step), meaning, 0.9)


def _notes(draft: Draft, box: Rectangle) -> None:
    """As many numbered notes as the box holds, in columns."""
    k = draft.style.module
    x0, y0, x1, y1 = box
    step = 4.0 * k
    rows = int((y1 - y0 - 2.0) / step) - 1
    columns = max(1, int((x1 - x0) / (84 * k)))
    offered = NOTES if draft.style.chinese is None else (*CHINESE_NOTES, *NOTES[:6])
    chosen = draft.rng.sample(offered, min(len(offered), rows * columns))
    draft.within((x0, y0 + 1.0, x0 + 30 * k, y0 + 1.0 + step), "NOTES:", 1.0, heading=True)
    for index, note in enumerate(chosen):
        column, row = divmod(index, rows)
        left = x0 + (x1 - x0) / columns * column
        top = y0 + 1.0 + (row + 1) * step
        draft.within((left, top, left + (x1 - x0) / columns, top + step), f"{index + 1}. {note}", 0.95)
