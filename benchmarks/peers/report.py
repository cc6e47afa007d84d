"""From measurements to `peers.json`, and from that to tables, pages and plots; nothing is typed by hand."""

import html
import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from drawops_vision.evaluation.scoring import Score
from rich.table import Table

from benchmarks.peers.engines import ENGINES, NOT_RUN
from benchmarks.peers.environments import ROOT
from benchmarks.peers.run import EngineRun
from benchmarks.peers.texts import HEADINGS, RULES, TEXTS

STORED = "peers.json"


@dataclass(frozen=True)
class Row:
    """One engine on one set of sheets; None where there is no figure.

    Attributes:
        seconds: all sheets, each at the median of its runs.
        faster: times faster than naive tiles on the same sheets.
        load: seconds to load and to read the warm-up image, not part of `seconds`.
        peak: peak resident memory in bytes.
        download: bytes to download, weights included.
        notes: sheets that failed and why, or why the engine ended.
    """

    name: str
    title: str
    versions: Mapping[str, str]
    precision: float
    recall: float
    f1: float
    detection_f1: float
    cer: float
    seconds: float | None
    seconds_a_sheet: float | None
    faster: float | None
    load: float | None
    peak: int | None
    download: int | None
    notes: tuple[str, ...] = ()


def row(
    name: str, run: EngineRun, score: Score, sheets: int, download: int, naive_seconds: float | None
) -> Row:
    """The figures of one engine."""
    title = next(engine.title for engine in ENGINES if engine.name == name)
    seconds = run.seconds
    failed = [f"{image.name}: {read.error}" for image, read in run.sheets.items() if read.error]
    return Row(
        name=name,
        title=title,
        versions=run.versions,
        precision=score.precision,
        recall=score.recall,
        f1=score.f1,
        detection_f1=score.detection_f1,
        cer=score.cer,
        seconds=seconds,
        seconds_a_sheet=seconds / sheets if seconds is not None else None,
        faster=naive_seconds / seconds if naive_seconds and seconds else None,
        load=run.load,
        peak=run.peak,
        download=download or None,
        notes=tuple(
            note.replace(f"{ROOT}{os.sep}", "") for note in (*failed, *([run.failure] if run.failure else []))
        ),
    )


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cells(item: Mapping[str, Any]) -> list[str]:
    """One engine's row of a table, as strings; a dash where there is no figure."""
    shares = (item["precision"], item["recall"], item["f1"], item["detection_f1"], item["cer"])
    return [
        item["title"],
        *(f"{share:.3f}" for share in shares),
        *(_number(item[key], 1) for key in ("seconds_a_sheet", "seconds", "faster")),
        *(_number(item[key] and item[key] / 1e6, 0) for key in ("peak", "download")),
    ]


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def terminal_table(title: str, rows: Sequence[Row]) -> Table:
    """The table that the command prints."""
    table = Table(title=title)
    for number, heading in enumerate(HEADINGS["en"]):
        table.add_column(heading, justify="right" if number else "left")
    best = max((item.f1 for item in rows), default=0.0)
    for item in rows:
        table.add_row(*cells(asdict(item)), style="bold" if item.f1 == best else "")
    return table


def write(document: Mapping[str, Any], out: Path) -> list[Path]:
    """Write the JSON, a plot for each set of sheets, and the pages in English and Chinese.

    The Chinese page goes to the `zh` folder beside `out`, where there is one.

    Returns:
        The files.
    """
    out.mkdir(parents=True, exist_ok=True)
    beside = out.parent / "zh"
    chinese = beside / "benchmarks.md" if beside.is_dir() else out / "README.zh.md"
    plots = {name: out / file for name, file in _plot_names(document).items()}
    contents = {
        out / STORED: json.dumps(document, indent=2, ensure_ascii=False) + "\n",
        out / "README.md": page(document, "en", ""),
        chinese: page(document, "zh", _from(chinese, out)),
        **{plots[part["name"]]: plot(part["name"], part["engines"]) for part in document["sets"]},
    }
    for path, text in contents.items():
        path.write_text(text, encoding="utf-8")
    return list(contents)


def _from(page: Path, folder: Path) -> str:
    """Relative path from a page to a folder; empty when it lies in it."""
    relative = os.path.relpath(folder, page.parent)
    return "" if relative == "." else relative


def _plot_names(document: Mapping[str, Any]) -> dict[str, str]:
    """The first set of sheets has the plain name."""
    names = [part["name"] for part in document["sets"]]
    return {name: f"peers-{_slug(name)}.svg" if number else "peers.svg" for number, name in enumerate(names)}


def _slug(name: str) -> str:
    plain = name.lower().removesuffix(".txt").removesuffix("/label")
    return "".join(character if character.isalnum() else "-" for character in plain)


def page(document: Mapping[str, Any], language: str, folder: str) -> str:
    """The page as Markdown.

    Args:
        document: what `peers.json` holds.
        language: `en` or `zh`.
        folder: relative path from the page to the folder of JSON and plots; empty when it is the same.
    """
    text = TEXTS[language]
    chinese = language == "zh"

    def link(file: str) -> str:
        return f"{folder}/{file}" if folder else file

    facts = {**document["machine"], **{key: document[key] for key in ("when", "threads", "runs")}}
    lines = [text["title"], "", text["generated"].format(json=link(STORED)), ""]
    lines += [text["measured"].format(**facts), "", text["command"], "", f"    {document['command']}", ""]
    plots = _plot_names(document)
    for part in document["sets"]:
        pixels = round(part["pixels"] / 1e6)
        sizes = {"sheets": len(part["sheets"]), "texts": part["texts"], "megapixels": pixels}
        lines += [text["set"].format(name=part["name"], **sizes), ""]
        lines += _markdown_table(HEADINGS[language], [cells(item) for item in part["engines"]])
        lines += ["", f"![{text['plot']}]({link(plots[part['name']])})", ""]
        notes = [
            f"- {item['title']}{text['colon']}{note}" for item in part["engines"] for note in item["notes"]
        ]
        if notes:
            lines += [text["failures"], "", *notes, ""]
    if document["unavailable"]:
        titles = {engine.name: engine.title for engine in ENGINES}
        lines += [text["missing"], ""]
        lines += [f"- {titles[name]}{text['colon']}{why}" for name, why in document["unavailable"].items()]
        lines += [""]
    lines += [text["engines"], ""]
    for engine in ENGINES:
        runs = [item for part in document["sets"] for item in part["engines"] if item["name"] == engine.name]
        details = [engine.chinese if chinese else engine.english]
        if runs and runs[0]["versions"]:
            versions = ", ".join(f"{package} {number}" for package, number in runs[0]["versions"].items())
            details.append(f"{text['versions']}{text['colon']}{versions}")
            details.append(text["load"].format(load=_number(runs[0]["load"], 1)))
        lines.append(f"- **{engine.title}**{text['colon']}{('；' if chinese else '; ').join(details)}")
    lines += ["", text["rules"], "", *(f"- {rule}" for rule in RULES[language]), "", text["not_run"], ""]
    lines += [
        f"- {name}{text['colon']}{in_chinese if chinese else english}"
        for name, english, in_chinese in NOT_RUN
    ]
    return "\n".join(lines) + "\n"


def _markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *["--:"] * (len(headings) - 1)]
    return [f"| {' | '.join(line)} |" for line in (headings, rule, *rows)]


WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 60, 200, 40, 50
STYLE = """
  .ink { fill: #24292f } .axis { stroke: #8c959f } .grid { stroke: #d8dee4 } .paper { fill: #ffffff }
  .own { fill: #d1242f } .peer { fill: #0969da } text { font: 13px system-ui, sans-serif }
  text { paint-order: stroke; stroke: #ffffff; stroke-width: 3px }
  @media (prefers-color-scheme: dark) {
    .ink { fill: #e6edf3 } .axis { stroke: #848d97 } .grid { stroke: #30363d } .paper { fill: #0d1117 }
    text { stroke: #0d1117 }
    .own { fill: #ff7b72 } .peer { fill: #58a6ff }
  }
"""


def plot(title: str, engines: Sequence[Mapping[str, Any]]) -> str:
    """F1 against seconds a sheet (logarithmic) as SVG: a labelled point an engine, fit for light and dark."""
    timed = [item for item in engines if item["seconds_a_sheet"]]
    ticks = _ticks([item["seconds_a_sheet"] for item in timed])
    low, high = math.log(ticks[0]), math.log(ticks[-1])

    def across(seconds: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log(seconds) - low) / (high - low)

    def down(f1: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * f1

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{html.escape(title)}: F1 against seconds a sheet</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="ink" x="{LEFT}" y="24" font-weight="bold">{html.escape(title)}</text>',
    ]
    bottom, end = down(0), across(ticks[-1])
    for tick in ticks:
        x = across(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom:.1f}"/>')
        parts.append(_label(f"{tick:g}", x, bottom + 18, "middle"))
    for tenths in range(0, 11, 2):
        y = down(tenths / 10)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{end:.1f}" y2="{y:.1f}"/>')
        parts.append(_label(f"{tenths / 10:.1f}", LEFT - 8, y + 4, "end"))
    parts.append(f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{bottom:.1f}H{end:.1f}"/>')
    parts.append(_label("seconds a sheet (logarithmic)", (LEFT + end) / 2, HEIGHT - 10, "middle"))
    parts.append(_label("F1", LEFT - 8, TOP - 12, "end"))
    points = [(across(item["seconds_a_sheet"]), down(item["f1"])) for item in timed]
    taken = [(x - 8, y - 8, x + 8, y + 8) for x, y in points]
    for item, (x, y) in zip(timed, points, strict=True):
        kind, radius = ("own", 7) if item["name"] == "drawops" else ("peer", 5)
        parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>')
        box = _free_place(item["title"], x, y, taken)
        taken.append(box)
        parts.append(_label(item["title"], box[0], box[3] - 4, "start"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _label(text: str, x: float, y: float, anchor: str) -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="ink" {where}>{html.escape(text)}</text>'


Box = tuple[float, float, float, float]


def _free_place(text: str, x: float, y: float, taken: Sequence[Box]) -> Box:
    """A place for a point's label (left, top, right, bottom) that covers no other label and no point."""
    width, height = 7.0 * len(text), 16.0
    for offset in range(0, HEIGHT, 8):
        for middle in (y - offset, y + offset):
            for left in (x + 10, x - 10 - width):
                box = (left, middle - height / 2, left + width, middle + height / 2)
                inside = box[0] > LEFT and box[2] < WIDTH and box[1] > TOP and box[3] < HEIGHT - BOTTOM
                if inside and not any(_overlap(box, other) for other in taken):
                    return box
    return x + 10, y - height / 2, x + 10 + width, y + height / 2


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _ticks(values: Sequence[float]) -> list[float]:
    """1, 2, 5, 10, … from below the smallest to above the largest value; at least two."""
    steps = [factor * 10.0**power for power in range(-3, 5) for factor in (1, 2, 5)]
    low, high = min(values, default=1.0), max(values, default=1.0)
    below = max(number for number, step in enumerate(steps) if step <= max(low, steps[0]))
    above = min(number for number, step in enumerate(steps) if step > min(high, steps[-2]))
    return steps[below : above + 1]
