"""What a person does at the labeling page, and what is saved of it."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import cv2
import numpy as np
import pytest
from drawops.contracts.labeling import BoxState, SubmitRequest, TaskState
from numpy.typing import NDArray

from benchmarks.labeling_desk import Desk, by_state
from tests.console.conftest import Drawn, Person, box

Comes = Callable[..., Person]
Opened = Callable[..., str]


def test_from_the_link_to_the_submission_by_keyboard_alone(
    person: Comes, opened: Opened, served: Desk, drawn: Drawn
) -> None:
    right = drawn.texts[8].text
    task = opened({3: drawn.texts[3].text, 8: "WR0NG", 13: drawn.texts[13].text})
    anna = person("Anna")
    anna.open()
    assert anna.page.url == served.url + "#/" or "token" not in anna.page.url
    row = anna.page.locator(".task")
    assert "unit 40/P&ID 4711.png" in row.inner_text()
    assert "3 unsure" in row.inner_text()

    anna.press("Tab", "Tab", "Tab", "Enter")  # the button that starts the next task
    anna.ready()
    assert anna.field.input_value() == drawn.texts[3].text
    anna.press("Enter")
    assert anna.field.input_value() == "WR0NG"
    anna.type(right)
    anna.press("Enter", "Enter")
    assert "All looked at" in anna.page.locator(".bar .left").inner_text()
    anna.saved()
    saved = served.task(task, "Anna")
    assert [box(saved, n).state for n in (3, 8, 13)] == ["ACCEPTED", "EDITED", "ACCEPTED"]
    assert box(saved, 8).text == right
    assert by_state(saved, BoxState.UNSURE) == []

    anna.press("Control+Enter")
    anna.page.wait_for_selector("dialog")
    anna.press("Enter")
    anna.page.get_by_text("Handed in. Thank you.").wait_for()
    assert served.task(task, "Anna").state is TaskState.SUBMITTED
    [event] = served.submitted
    assert event.labeling_id == saved.labeling_id


def test_seconds_and_actions_are_counted(person: Comes, opened: Opened, served: Desk) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    anna.press("Enter", "Enter", "Enter")
    anna.saved(1)
    kept = served.store.task(task)
    assert kept is not None
    assert kept.actions == 3
    assert 0 < kept.seconds < 60


def test_a_reload_goes_on_at_the_same_box_in_the_same_view(person: Comes, opened: Opened) -> None:
    anna = person("Anna")
    anna.open(opened())
    anna.press("Enter", "Alt+z")
    anna.still()
    before = anna.page.evaluate("window.drawops.sheet.place")
    selected = anna.page.evaluate("window.drawops.editor.selectedId")
    anna.saved(1)
    anna.page.reload()
    anna.ready()
    anna.still()
    assert anna.page.evaluate("window.drawops.editor.selectedId") == selected == "p1-t8"
    after = anna.page.evaluate("window.drawops.sheet.place")
    assert after == pytest.approx(before, rel=0.01)


def test_the_same_link_in_a_new_tab_goes_on_with_the_task(person: Comes, opened: Opened) -> None:
    anna = person("Anna")
    anna.open(opened())
    anna.press("Enter")
    anna.saved(1)
    anna.page.close()
    anna.page = anna.watch(anna.context.new_page())
    anna.page.goto(anna.desk.link("Anna"))
    anna.ready()
    assert anna.page.evaluate("window.drawops.editor.selectedId") == "p1-t8"


def test_script_in_a_transcription_is_text(person: Comes, opened: Opened, served: Desk) -> None:
    evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
    task = opened({3: evil, 8: "A"}, name="<script>window.hacked=1</script>.png")
    anna = person("Anna")
    anna.open()
    assert "<script>" in anna.page.locator(".task .name").inner_text()
    anna.go(task)
    assert anna.field.input_value() == evil
    anna.press("End")
    anna.type("!")
    assert evil in anna.page.locator(".was").inner_text()
    assert "<script>" in anna.page.locator(".bar .title").inner_text()
    anna.press("Enter")
    anna.saved(1)
    assert box(served.task(task, "Anna"), 3).text == evil + "!"
    assert anna.page.evaluate("window.hacked") is None
    assert anna.page.locator(".labeler img, .labeler script").count() == 0


def test_a_token_that_has_expired_is_said_so_and_edits_stay(
    person: Comes, opened: Opened, served: Desk
) -> None:
    task = opened()
    anna = person("Anna")
    anna.page.goto(served.link("Anna", lifetime=timedelta(seconds=6)))
    anna.go(task)
    anna.type("X1")
    anna.page.wait_for_timeout(6_500)  # the token's own lifetime
    anna.press("Enter")
    trouble = anna.page.locator(".trouble")
    trouble.wait_for()
    assert "Your link has expired" in trouble.inner_text()
    assert "drawops label invite" in trouble.inner_text()
    anna.page.on("dialog", lambda dialog: dialog.accept())
    anna.page.goto("about:blank")
    anna.page.goto(served.link("Anna"))
    anna.ready()
    anna.saved(1)
    assert box(served.task(task, "Anna"), 3).text == "X1"


def test_without_a_link_the_page_says_how_to_get_one(person: Comes, served: Desk) -> None:
    anna = person("Anna")
    anna.page.goto(served.url)
    assert "Open your invitation link" in anna.page.locator(".message").inner_text()
    anna.page.goto("about:blank")
    anna.page.goto(served.url + "#token=v1.forged.forged")
    anna.page.get_by_text("Your link has expired").wait_for()


def test_undo_and_redo_go_through_the_whole_history(person: Comes, opened: Opened) -> None:
    anna = person("Anna")
    anna.open(opened())
    before = anna.boxes()
    anna.press("Enter")  # agree
    anna.type("EDITED")
    anna.press("Enter")  # edit
    anna.press("Alt+u")  # unreadable
    anna.press("Escape", "a", "j", "x", "j", "d", "j", "r", "Shift+ArrowRight", ".", "m")
    after = anna.boxes()
    assert after != before
    done = anna.page.evaluate("window.drawops.editor.past.length")
    assert done >= 8
    anna.press(*["Control+z"] * done)
    assert anna.boxes() == before
    anna.press(*["Control+Shift+z"] * done)
    assert anna.boxes() == after
    anna.press(*["Control+z"] * (done + 3))
    assert anna.boxes() == before


def test_escape_takes_back_typing_then_leaves_the_field(person: Comes, opened: Opened, drawn: Drawn) -> None:
    anna = person("Anna")
    anna.open(opened())
    anna.type("NONSENSE")
    anna.press("Escape")
    assert anna.field.input_value() == drawn.texts[3].text
    assert anna.page.evaluate("document.activeElement.className").startswith("text")
    anna.press("Escape")
    assert anna.page.evaluate("document.activeElement.className") == "sheet"
    anna.press("u")  # a command now, no letter
    assert next(b for b in anna.boxes() if b["id"] == "p1-t3")["state"] == "UNREADABLE"
    anna.press("F2")
    anna.type("x")
    assert anna.field.input_value().endswith("x")


def test_split_at_the_caret_cuts_string_and_box(person: Comes, opened: Opened, served: Desk) -> None:
    task = opened({3: "ABCD EFGH"})
    anna = person("Anna")
    anna.open(task)
    whole = box(served.task(task, "Anna"), 3).quad
    anna.press("Home", *["ArrowRight"] * 4, "Alt+s")
    anna.saved(1)
    saved = served.task(task, "Anna")
    first, [second] = box(saved, 3), by_state(saved, BoxState.DRAWN)
    assert (first.text, first.state, second.text) == ("ABCD", "EDITED", "EFGH")
    # The cut goes through the middle of the blank: 4.5 of 9 characters.
    cut = [(whole[0][i] + whole[1][i]) / 2 for i in (0, 1)]
    assert first.quad[0] == whole[0]
    assert first.quad[3] == whole[3]
    assert second.quad[1] == whole[1]
    assert first.quad[1] == second.quad[0] == pytest.approx(cut, abs=0.01)


def test_split_at_the_mouse_cuts_where_it_points(person: Comes, opened: Opened, served: Desk) -> None:
    task = opened({3: "ABCDEFGHIJ"})
    anna = person("Anna")
    anna.open(task)
    anna.press("Alt+z")
    anna.still()
    quad = box(served.task(task, "Anna"), 3).quad
    x = quad[0][0] + 0.3 * (quad[1][0] - quad[0][0])
    anna.page.mouse.move(*anna.at(x, (quad[0][1] + quad[3][1]) / 2))
    anna.press("Alt+s")
    anna.saved(1)
    saved = served.task(task, "Anna")
    assert box(saved, 3).text == "ABC"
    assert by_state(saved, BoxState.DRAWN)[0].text == "DEFGHIJ"
    assert box(saved, 3).quad[1][0] == pytest.approx(x, abs=1)


def test_split_then_merge_gives_the_text_and_the_place_back(
    person: Comes, opened: Opened, served: Desk
) -> None:
    task = opened({3: "ABCD EFGH"})
    anna = person("Anna")
    anna.open(task)
    whole = box(served.task(task, "Anna"), 3).quad
    anna.press("Home", *["ArrowRight"] * 4, "Alt+s", "Alt+m")
    anna.saved()
    saved = served.task(task, "Anna")
    assert box(saved, 3).text in ("ABCD EFGH", "ABCDEFGH")  # the halves touch, so the blank is not sure
    for got, expected in zip(box(saved, 3).quad, whole, strict=True):
        assert got == pytest.approx(expected, abs=0.02)


def test_a_drawn_box_has_exactly_the_place_that_was_dragged(
    person: Comes, opened: Opened, served: Desk
) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    anna.press("Alt+w")
    anna.still()
    anna.press("Alt+n")
    place = anna.page.evaluate("window.drawops.sheet.placement")
    start, end = anna.at(400, 300), anna.at(620, 340)
    start, end = (round(start[0]), round(start[1])), (round(end[0]), round(end[1]))
    frame = anna.page.locator(".sheet").bounding_box()
    assert frame is not None
    anna.page.mouse.move(*start)
    anna.page.mouse.down()
    anna.page.mouse.move(start[0] + 40, start[1] + 5)
    anna.page.mouse.move(*end)
    anna.page.mouse.up()
    anna.type("NEW-1")
    anna.press("Enter")
    anna.saved()
    [new] = by_state(served.task(task, "Anna"), BoxState.DRAWN)
    assert new.text == "NEW-1"

    def on_page(point: tuple[float, float]) -> tuple[float, float]:
        return (
            (point[0] - frame["x"] - place["x"]) / place["zoom"],
            (point[1] - frame["y"] - place["y"]) / place["zoom"],
        )

    (x0, y0), (x1, y1) = on_page(start), on_page(end)
    for got, expected in zip(new.quad, ((x0, y0), (x1, y0), (x1, y1), (x0, y1)), strict=True):
        assert got == pytest.approx(expected, abs=0.01)


def test_a_tall_box_reads_upwards_and_turning_keeps_its_corners(
    person: Comes, opened: Opened, served: Desk
) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    anna.press("Alt+w")
    anna.still()
    anna.press("Alt+n")
    anna.page.mouse.move(*anna.at(400, 300))
    anna.page.mouse.down()
    anna.page.mouse.move(*anna.at(420, 400), steps=4)
    anna.page.mouse.up()
    anna.type("UP")
    anna.press("Alt+r")
    anna.saved()
    [new] = by_state(served.task(task, "Anna"), BoxState.DRAWN)
    # Drawn tall, it reads bottom to top; turned clockwise once, it reads left to right.
    assert new.quad[0] == (min(x for x, _ in new.quad), min(y for _, y in new.quad))
    anna.press("Alt+Shift+r")
    anna.saved()
    [turned] = by_state(served.task(task, "Anna"), BoxState.DRAWN)
    assert turned.quad == (new.quad[3], new.quad[0], new.quad[1], new.quad[2])


def test_corners_resize_the_knob_rotates_and_the_box_moves(
    person: Comes, opened: Opened, served: Desk
) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    anna.press("Alt+z")
    anna.still()
    before = box(served.task(task, "Anna"), 3).quad

    def drag(start: tuple[float, float], by: tuple[float, float]) -> None:
        x, y = anna.at(*start)
        anna.page.mouse.move(x, y)
        anna.page.mouse.down()
        anna.page.mouse.move(*anna.at(start[0] + by[0], start[1] + by[1]), steps=5)
        anna.page.mouse.up()

    def now() -> tuple[tuple[float, float], ...]:
        return tuple(tuple(p) for p in next(b for b in anna.boxes() if b["id"] == "p1-t3")["quad"])

    middle = (sum(x for x, _ in before) / 4, sum(y for _, y in before) / 4)
    drag(middle, (6, 4))
    for got, old in zip(now(), before, strict=True):
        assert got == pytest.approx((old[0] + 6, old[1] + 4), abs=0.6)
    moved = now()
    drag(moved[2], (8, 3))
    assert now()[0] == pytest.approx(moved[0], abs=0.02)
    assert now()[2] == pytest.approx((moved[2][0] + 8, moved[2][1] + 3), abs=0.6)
    anna.press("Escape", *["."] * 3)
    assert anna.page.evaluate("document.querySelector('.facts').innerText").find("3°") >= 0
    anna.saved()
    kept = box(served.task(task, "Anna"), 3)
    assert kept.state is BoxState.EDITED
    assert kept.quad == now()


def test_marks_are_saved(person: Comes, opened: Opened, served: Desk) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    anna.press("Alt+d", "Alt+u", "Alt+x", "Enter")
    anna.saved()
    saved = served.task(task, "Anna")
    assert (box(saved, 3).difficult, box(saved, 3).state) == (True, "UNREADABLE")
    assert box(saved, 8).state is BoxState.DELETED
    assert box(saved, 13).state is BoxState.ACCEPTED


def test_an_unreadable_place_can_be_drawn_and_a_drawn_box_taken_back(
    person: Comes, opened: Opened, served: Desk
) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    for x in (400, 700):
        anna.press("Alt+w")
        anna.still()
        anna.press("Alt+n")
        anna.page.mouse.move(*anna.at(x, 300))
        anna.page.mouse.down()
        anna.page.mouse.move(*anna.at(x + 90, 330), steps=4)
        anna.page.mouse.up()
        if x == 400:
            anna.press("Alt+u")
    anna.page.wait_for_function("() => window.drawops.sync.base.size === 42")
    anna.press("Control+z")
    anna.saved()
    saved = served.task(task, "Anna")
    assert [b.state for b in saved.boxes if b.id.startswith("n-")] == ["UNREADABLE", "DELETED"]


def test_special_characters_go_in_at_the_caret(person: Comes, opened: Opened, served: Desk) -> None:
    task = opened({3: "20 mm", 8: "5"})
    anna = person("Anna")
    anna.open(task)
    anna.press("Home")
    anna.page.locator(".palette button", has_text="Ø").click()
    anna.press("End", "Alt+Shift+4", "Enter")
    anna.type("≥5")
    anna.press("Enter")
    anna.saved()
    saved = served.task(task, "Anna")
    assert (box(saved, 3).text, box(saved, 8).text) == ("Ø20 mm²", "≥5")
    anna.press("Escape", "a", "j")
    assert "≥" in anna.page.locator(".palette").inner_text()


def test_an_input_method_composes_without_being_taken_for_commands(
    person: Comes, opened: Opened, served: Desk
) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    session = anna.context.new_cdp_session(anna.page)
    session.send("Input.imeSetComposition", {"text": "fa", "selectionStart": 2, "selectionEnd": 2})
    # Enter chooses among the candidates: it belongs to the input method (key code 229).
    session.send(
        "Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "Process", "windowsVirtualKeyCode": 229}
    )
    assert anna.page.evaluate("window.drawops.editor.selectedId") == "p1-t3"
    session.send("Input.imeSetComposition", {"text": "阀门", "selectionStart": 2, "selectionEnd": 2})
    session.send("Input.insertText", {"text": "阀门"})
    assert anna.field.input_value() == "阀门"
    anna.press("Enter")
    anna.saved()
    assert box(served.task(task, "Anna"), 3).text == "阀门"


def test_a_text_that_is_too_long_is_refused_with_a_message(
    person: Comes, opened: Opened, drawn: Drawn
) -> None:
    anna = person("Anna")
    anna.open(opened())
    anna.page.evaluate(
        """() => { const data = new DataTransfer(); data.setData("text/plain", "x");
        document.execCommand("insertText", false, "W".repeat(501)); }"""
    )
    assert "at most 500 characters; this one has 501" in anna.page.locator(".notice").inner_text()
    assert anna.field.input_value() == drawn.texts[3].text


def test_what_others_read_is_taken_with_a_number(person: Comes, opened: Opened, served: Desk) -> None:
    first = opened({3: "P-1O1"})
    for_anna = served.service.claim("Bert", first)
    boxes = tuple(
        b.model_copy(update={"state": BoxState.ACCEPTED}) if b.id == "p1-t3" else b for b in for_anna.boxes
    )
    served.service.submit("Bert", first, SubmitRequest(base_revision=0, boxes=boxes))
    again = tuple(
        b.model_copy(update={"state": BoxState.UNSURE, "proposals": ("P-1O1", "P-101")})
        if b.id == "p1-t3"
        else b
        for b in boxes
    )
    second = served.send_back(first, again)
    anna = person("Anna")
    anna.open(second)
    assert "Back for round 2" in anna.page.locator(".bar").inner_text()
    assert "P-101" in anna.page.locator(".proposals").inner_text()
    anna.press("Alt+2")
    anna.saved()
    assert (box(served.task(second, "Anna"), 3).text, box(served.task(second, "Anna"), 3).state) == (
        "P-101",
        "EDITED",
    )


def test_handing_in_asks_when_texts_are_unsure(person: Comes, opened: Opened, served: Desk) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    anna.press("Enter", "Control+Enter")
    dialog = anna.page.locator("dialog")
    assert "2 texts have not been looked at" in dialog.inner_text()
    dialog.get_by_text("Look at them").click()
    assert anna.page.evaluate("window.drawops.editor.selectedId") in ("p1-t8", "p1-t13")
    anna.press("Control+Enter")
    dialog.get_by_role("button", name="Hand in").click()
    anna.page.get_by_text("Handed in. Thank you.").wait_for()
    saved = served.task(task, "Anna")
    assert (saved.state, len(by_state(saved, BoxState.UNSURE))) == (TaskState.SUBMITTED, 2)


def test_a_task_can_be_given_back(person: Comes, opened: Opened, served: Desk) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    anna.press("Enter")
    anna.page.get_by_role("button", name="Give back").click()
    anna.page.locator("dialog").get_by_role("button", name="Give back").click()
    anna.page.wait_for_selector(".tasks .task")
    kept = served.store.task(task)
    assert kept is not None
    assert (kept.state, kept.revision) == (TaskState.OPEN, 1)


def test_only_the_own_area_is_bright_and_boxes_stay_in_it(
    person: Comes, opened: Opened, served: Desk
) -> None:
    task = opened(dict.fromkeys(range(0, 40, 2), "A"), per_task=10)
    area = served.task(task, "Anna").area
    anna = person("Anna")
    anna.open(task)
    outside = (area.x + area.width + 60, area.y + 60)
    if area.y + area.height < area.x + area.width and area.width > area.height:
        outside = (area.x + 60, area.y + area.height + 60)
    anna.page.evaluate(
        "([x, y]) => window.drawops.editor.draw([x, y], [x + 40, y + 20])", [outside[0], outside[1]]
    )
    assert "outside your area" in anna.page.locator(".notice").inner_text()
    assert len(anna.boxes()) == len(served.task(task, "Anna").boxes)


def test_a_moving_sheet_has_nothing_else_painted_and_stands_on_the_pages_ground(
    person: Comes, opened: Opened
) -> None:
    anna = person("Anna")
    anna.open(opened())
    anna.press("Escape")  # the sheet has the keys, and is framed
    anna.still()
    frame = anna.page.locator(".work main")
    assert frame.evaluate("main => getComputedStyle(main).borderTopColor") == "rgb(56, 189, 248)"

    session = anna.page.context.new_cdp_session(anna.page)
    layers: list[dict[str, Any]] = []

    def changed(event: dict[str, Any]) -> None:
        layers[:] = event.get("layers") or layers

    session.on("LayerTree.layerTreeDidChange", changed)
    session.send("DOM.enable")
    session.send("LayerTree.enable")
    for _ in range(3):
        anna.press("ArrowLeft", "ArrowUp")
        anna.still()
    drawn = [layer for layer in layers if layer["drawsContent"]]
    window = sum(layer["paintCount"] for layer in drawn if layer["width"] == 1280)
    others = sum(layer["paintCount"] for layer in drawn if layer["width"] != 1280)
    assert others > 10  # the frame in the small picture of the sheet moves along
    assert window < others / 3

    corner = """() => {
        const { context } = window.drawops.sheet.viewer.drawer;
        return [...context.getImageData(0, 0, 1, 1).data];
    }"""
    anna.page.evaluate(
        """() => {
            const { sheet, editor } = window.drawops;
            sheet.go([editor.width / 2, editor.height / 2], 0.05, true);
        }"""
    )
    anna.still()
    assert anna.page.evaluate(corner) == [20, 22, 25, 255]


def test_the_page_speaks_chinese(person: Comes, opened: Opened) -> None:
    task = opened()
    li = person("李", locale="zh-CN")
    li.open()
    assert "任务" in li.page.locator("h1").inner_text()
    assert "3 处待确认" in li.page.locator(".task").inner_text()
    li.go(task)
    assert "剩余 3 处待确认" in li.page.locator(".bar").inner_text()
    li.page.get_by_text("English").click()
    assert "3 to look at" in li.page.locator(".bar").inner_text()
    assert li.page.evaluate("document.documentElement.lang") == "en"
    li.page.reload()
    li.ready()
    assert "3 to look at" in li.page.locator(".bar").inner_text()


def test_help_shows_every_key(person: Comes, opened: Opened) -> None:
    anna = person("Anna")
    anna.open(opened())
    anna.press("Escape", "?")
    shown = anna.page.locator("dialog").inner_text()
    for said in ("Agree and go on", "Split at the caret", "Alt+N", "Ctrl+Shift+Z", "Unreadable"):
        assert said in shown
    anna.press("Escape")
    anna.page.locator("dialog").wait_for(state="detached")
    anna.press("j")
    assert anna.page.evaluate("window.drawops.editor.selectedId") == "p1-t8"


def test_everything_fits_into_1280_by_720(person: Comes, opened: Opened) -> None:
    anna = person("Anna")
    anna.open(opened())
    anna.press("Enter")
    overflow = "(e) => e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight"
    assert not anna.page.evaluate(f"({overflow})(document.documentElement)")
    assert not anna.page.evaluate(f"({overflow})(document.querySelector('.panel'))")
    assert not anna.page.evaluate(f"({overflow})(document.querySelector('.bar'))")


@pytest.mark.parametrize(("zoom", "ratio"), [(0.45, 1), (0.8, 1), (1.0, 1), (0.45, 2), (0.8, 1.25)])
def test_a_sheet_that_was_panned_looks_as_if_painted_anew(
    person: Comes, opened: Opened, zoom: float, ratio: float
) -> None:
    anna = person("Anna", device_scale_factor=ratio)
    anna.open(opened())
    anna.page.evaluate(f"window.drawops.sheet.go([877, 620], {zoom}, true)")
    anna.still()
    anna.page.evaluate("window.drawops.sheet.pan(0.11, -0.07)")
    anna.still()

    assert_as_if_painted_anew(anna)


def test_a_sheet_on_a_denser_screen_looks_as_if_painted_anew(person: Comes, opened: Opened) -> None:
    anna = person("Anna")
    anna.open(opened())
    anna.page.evaluate("window.drawops.sheet.go([877, 620], 0.45, true)")
    anna.still()
    sheet_picture(anna, "drawer.steady")
    dense = {"width": 1280, "height": 720, "deviceScaleFactor": 2, "mobile": False}
    anna.context.new_cdp_session(anna.page).send("Emulation.setDeviceMetricsOverride", dense)
    anna.page.evaluate("window.dispatchEvent(new Event('resize'))")
    anna.still()

    assert_as_if_painted_anew(anna)


def assert_as_if_painted_anew(anna: Person) -> None:
    """Once on whole pixels and loaded, the canvas differs by no more than how lines fall on pixels."""
    anna.page.evaluate(ONTO_WHOLE_PIXELS)
    anna.still()
    anna.page.wait_for_function("() => window.drawops.sheet.viewer.world.getItemAt(0).getFullyLoaded()")
    panned, kept = sheet_picture(anna, "drawer.steady")
    anew, scaled_again = sheet_picture(anna, "(drawer.scale = null) === null")
    assert kept
    assert scaled_again
    assert panned.std() > 20
    difference = np.abs(panned.astype(int) - anew)
    assert difference.mean() < 0.1
    assert difference.mean(axis=0).max() < 25, "a gap or a shift between tiles"
    assert difference.mean(axis=1).max() < 25, "a gap or a shift between tiles"


ONTO_WHOLE_PIXELS = """() => {
    const { placement, viewer } = window.drawops.sheet;
    const ratio = OpenSeadragon.pixelDensityRatio;
    const beside = (pixels) => pixels - Math.round(pixels * ratio) / ratio;
    const off = new OpenSeadragon.Point(beside(placement.x), beside(placement.y));
    viewer.viewport.panBy(viewer.viewport.deltaPointsFromPixels(off, true), true);
}"""


def sheet_picture(person: Person, before: str) -> tuple[NDArray[np.uint8], bool]:
    """The sheet's canvas, grey, after one more painting, and what `before` it came to."""
    address, said = person.page.evaluate(
        f"""() => new Promise((resolve) => {{
            const {{ viewer }} = window.drawops.sheet;
            const {{ drawer }} = viewer;
            const said = {before};
            viewer.forceRedraw();
            viewer.addOnceHandler("update-viewport", () => resolve([drawer.canvas.toDataURL(), said]));
        }})"""
    )
    encoded = np.frombuffer(base64.b64decode(address.split(",")[1]), np.uint8)
    picture = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return np.asarray(picture, np.uint8), bool(said)
