"""How smoothly the labeling page pans and zooms with 2,000 boxes on an A1 sheet, in a real browser.

    .venv/bin/python -m benchmarks.labeling_page [--boxes 2000] [--seconds 5] [--screenshot FILE]

The mouse is moved and the wheel turned through the browser's own input; frames are counted by
requestAnimationFrame. Script time and the main thread's whole time are Chromium's own counters
(`Performance.getMetrics`, time on a core), so they hold on a busy machine as well. Without a GPU the main
thread paints, too: then most of a frame is painting, and script time tells what the page itself costs.
"""

import argparse
import math
import os
import random
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from drawops_vision.sheets import generate
from playwright.sync_api import CDPSession, Page, Route

from benchmarks.browser import browser
from benchmarks.labeling_desk import Reading, desk, pyramid

VIEW = (1920, 1080)
COUNT_FRAMES = """
() => {
    const overlay = window.drawops.sheet.overlay;
    if (!overlay.timed) {
        const draw = overlay.draw.bind(overlay);
        overlay.draw = (...where) => {
            const start = performance.now();
            draw(...where);
            window.frames_.draws.push(performance.now() - start);
            window.frames_.most = Math.max(window.frames_.most, overlay.drawnBoxes);
        };
        overlay.timed = true;
    }
    window.frames_ = { at: [], draws: [], most: 0, run: true };
    const tick = (now) => {
        window.frames_.at.push(now);
        if (window.frames_.run) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
}
"""


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of `values` lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def readings(boxes: int, seed: int) -> tuple[bytes, int, int, list[Reading]]:
    """An A1 sheet at 300 dpi with `boxes` boxes: its own texts, then others at random places."""
    sheet = generate(seed, "A1")
    height, width = sheet.image.shape
    random_ = random.Random(seed)
    found = [Reading(text.text, text.quad) for text in sheet.truth][:boxes]
    while len(found) < boxes:
        x, y = random_.uniform(50, width - 400), random_.uniform(50, height - 100)
        w, h = random_.uniform(60, 300), random_.uniform(25, 45)
        found.append(Reading(f"P-{len(found)}", ((x, y), (x + w, y), (x + w, y + h), (x, y + h))))
    sure = [Reading(one.text, one.quad, 0.5 if random_.random() < 0.2 else 0.99) for one in found]
    return pyramid(sheet), width, height, sure


def undivided(route: Route, width: int, height: int, boxes: list[Reading]) -> None:
    """Answer with all boxes of the page in one task; the service cuts pages of more than 1,500 boxes."""
    answer = route.fetch()
    document = answer.json()
    if "boxes" in document:
        like = document["boxes"][0]
        document["area"] = {"x": 0, "y": 0, "width": width, "height": height}
        document["boxes"] = [
            like
            | {"id": f"p1-t{number}", "quad": box.quad, "text": box.text, "confidence": box.confidence}
            | {"state": "UNSURE" if box.confidence < 0.9 else "SURE"}
            for number, box in enumerate(boxes)
        ]
    route.fulfill(response=answer, json=document)


def metrics(session: CDPSession) -> dict[str, float]:
    """Chromium's own counters, in seconds."""
    answer = session.send("Performance.getMetrics")
    return {metric["name"]: metric["value"] for metric in answer["metrics"]}


def measure(page: Page, session: CDPSession, seconds: float, act: str) -> dict[str, Any]:
    """Pan (drag in circles) or zoom (wheel in and out) for a while; figures of the frames meanwhile."""
    left, top = (VIEW[0] - 384) / 2, VIEW[1] / 2
    page.evaluate(COUNT_FRAMES)
    before = metrics(session)
    start = time.monotonic()
    page.mouse.move(left, top)
    if act == "pan":
        page.mouse.down()
    step = 0
    while time.monotonic() - start < seconds:
        step += 1
        if act == "pan":
            page.mouse.move(left + 300 * math.sin(step / 25), top + 200 * math.sin(step / 17))
        else:
            page.mouse.wheel(0, -120 if step // 12 % 2 == 0 else 120)
            page.wait_for_timeout(30)
    if act == "pan":
        page.mouse.up()
    after = metrics(session)
    counted = page.evaluate("() => { window.frames_.run = false; return window.frames_; }")
    at = counted["at"]
    intervals = [b - a for a, b in pairwise(at)]
    frames = len(intervals)
    script, task = (
        1000 * (after[name] - before[name]) / frames for name in ("ScriptDuration", "TaskDuration")
    )
    return {
        "fps": 1000 * frames / (at[-1] - at[0]),
        "p50": percentile(intervals, 0.5),
        "p95": percentile(intervals, 0.95),
        "p99": percentile(intervals, 0.99),
        "script": script,
        "main": task,
        "overlay50": percentile(counted["draws"], 0.5),
        "overlay99": percentile(counted["draws"], 0.99),
        "boxes": counted["most"],
        "inputs": step,
    }


def main() -> None:
    """Measure, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--boxes", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--screenshot", type=Path, help="write the page with all boxes in view to this PNG")
    options = parser.parse_args()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "testing"
    picture, width, height, boxes = readings(options.boxes, options.seed)
    with desk() as running, browser() as chromium:
        task, *_ = running.open(picture, width, height, boxes)
        page = chromium.new_page(viewport={"width": VIEW[0], "height": VIEW[1]})
        page.route(
            re.compile(r"/api/tasks/[^/]+(/claim)?$"), lambda route: undivided(route, width, height, boxes)
        )
        session = page.context.new_cdp_session(page)
        # Time of the thread on a core, not of the clock: other programs on the machine do not count.
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(running.link("Anna"))
        page.goto(f"{running.url}#/tasks/{task}")
        page.wait_for_selector(".sheet[data-ready=yes]")
        drawer = page.evaluate("window.drawops.sheet.viewer.drawer.getType()")
        print(
            f"A1 sheet, {width} x {height} px, {options.boxes:,} boxes, window {VIEW[0]} x {VIEW[1]}, "
            f"Chromium {chromium.version}, drawer {drawer}, "
            f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n"
        )
        print(
            "| what | boxes in view | fps | frame p50 / p95 / p99 ms | script ms a frame "
            "| main thread ms a frame | overlay p50 / p99 ms |"
        )
        print("|---|---|---|---|---|---|---|")
        for name, zoom, act in (
            ("pan, whole sheet", None, "pan"),
            ("pan, a quarter of it", 0.35, "pan"),
            ("pan, readable size", 1.0, "pan"),
            ("zoom in and out", None, "zoom"),
        ):
            view = "s.fit({x: 0, y: 0, width: s.editor.width, height: s.editor.height}, true)"
            if zoom:
                view = f"s.go([s.editor.width / 2, s.editor.height / 2], {zoom}, true)"
            page.evaluate(f"() => {{ const s = window.drawops.sheet; {view}; }}")
            page.wait_for_timeout(1_500)  # tiles come in
            if zoom is None and act == "pan" and options.screenshot:
                page.screenshot(path=options.screenshot)
            got = measure(page, session, options.seconds, act)
            print(
                f"| {name} | {got['boxes']:,} | {got['fps']:.0f} | {got['p50']:.1f} / {got['p95']:.1f} / "
                f"{got['p99']:.1f} | {got['script']:.1f} | {got['main']:.1f} | "
                f"{got['overlay50']:.2f} / {got['overlay99']:.2f} |"
            )


if __name__ == "__main__":
    main()
