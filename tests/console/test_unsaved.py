"""Nobody's input is lost: two people, no network, closed tabs, a killed browser, refusals of the server."""

import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from drawops.contracts.labeling import BoxState, SaveRequest
from playwright.sync_api import Dialog, Route

from benchmarks.labeling_desk import Desk
from tests.console.conftest import Drawn, Person, box

Comes = Callable[..., Person]
Opened = Callable[..., str]


def elsewhere(served: Desk, task: str, changes: dict[int, str], revision: int) -> None:
    """The same person saves the task from another computer."""
    document = served.task(task, "Anna")
    boxes = tuple(
        b.model_copy(update={"text": changes[int(b.id[4:])], "state": BoxState.EDITED})
        if b.id.startswith("p1-t") and int(b.id[4:]) in changes
        else b
        for b in document.boxes
    )
    served.service.save("Anna", task, SaveRequest(base_revision=revision, boxes=boxes))


def test_edits_of_different_texts_are_merged(person: Comes, opened: Opened, served: Desk) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    elsewhere(served, task, {8: "THEIRS"}, 0)
    anna.type("MINE")
    anna.press("Enter")
    anna.saved(2)
    saved = served.task(task, "Anna")
    assert (box(saved, 3).text, box(saved, 8).text) == ("MINE", "THEIRS")
    assert "1 texts were taken over" in anna.page.locator(".notice").inner_text()
    assert ("PUT", f"/api/tasks/{task}", 409) in served.requests


@pytest.mark.parametrize("choice", ["Yours", "Theirs"])
def test_two_answers_to_one_text_are_decided_by_a_person(
    person: Comes, opened: Opened, served: Desk, choice: str
) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    elsewhere(served, task, {3: "THEIRS"}, 0)
    anna.type("MINE")
    anna.press("Enter")
    conflict = anna.page.locator(".conflict")
    conflict.wait_for()
    assert "MINE" in conflict.inner_text()
    assert "THEIRS" in conflict.inner_text()
    # Until then both are kept: theirs on the server, mine here, over a reload as well.
    anna.page.on("dialog", lambda dialog: dialog.accept())
    anna.page.reload()
    anna.ready()
    conflict.wait_for()
    assert box(served.task(task, "Anna"), 3).text == "THEIRS"
    anna.press("Control+Enter")
    assert "Decide the open disagreements first" in anna.page.locator("dialog").inner_text()
    anna.press("Escape")
    conflict.get_by_role("button", name=re.compile(f"^{choice}")).click()
    conflict.wait_for(state="detached")
    anna.saved(2 if choice == "Yours" else 1)
    assert box(served.task(task, "Anna"), 3).text == {"Yours": "MINE", "Theirs": "THEIRS"}[choice]


def test_a_second_tab_has_to_be_chosen(person: Comes, opened: Opened) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    other = anna.watch(anna.context.new_page())
    other.goto(f"{anna.desk.url}#/tasks/{task}")
    other.get_by_text("This task is open in another tab").wait_for()
    other.get_by_text("Work here").click()
    other.wait_for_selector(".sheet[data-ready=yes]")
    anna.page.get_by_text("You work on this task in another tab now").wait_for()


def test_without_network_edits_wait_and_go_out_later(person: Comes, opened: Opened, served: Desk) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    anna.context.set_offline(True)
    anna.type("OFFLINE")
    anna.press("Enter", "Enter")
    anna.page.get_by_text("Offline: 2 edits kept on this computer").wait_for()
    anna.context.set_offline(False)
    anna.saved(1)
    assert box(served.task(task, "Anna"), 3).text == "OFFLINE"


def test_a_tab_closed_while_nothing_could_be_saved_loses_nothing(
    person: Comes, opened: Opened, served: Desk
) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    served.saving = False
    anna.type("CLOSED")
    anna.press("Enter")
    anna.type("HALF TYP")
    anna.page.evaluate("window.drawops.sync.drafts")  # milliseconds; nobody closes a tab faster
    anna.page.close()
    anna.page = anna.watch(anna.context.new_page())
    anna.page.goto(served.link("Anna"))
    anna.ready()
    assert "2 edits that had not been sent are back" in anna.page.locator(".notice").inner_text()
    assert anna.field.input_value() == "HALF TYP"
    # Only now: what the closed tab was still sending must not arrive after all.
    served.saving = True
    anna.saved(1)
    assert box(served.task(task, "Anna"), 3).text == "CLOSED"
    anna.press("Enter")
    anna.saved(2)
    assert box(served.task(task, "Anna"), 8).text == "HALF TYP"


def test_closing_the_tab_asks_while_something_is_unsaved(person: Comes, opened: Opened) -> None:
    anna = person("Anna")
    anna.open(opened())
    asked = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    anna.page.on("dialog", answer)
    anna.context.set_offline(True)
    anna.type("UNSAVED")
    anna.page.close(run_before_unload=True)
    anna.page.wait_for_event("close")
    assert asked == ["beforeunload"]


def test_ten_megabytes_are_refused_with_a_message_and_kept(
    person: Comes, opened: Opened, served: Desk
) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    # 3,600 boxes of 500 characters of three bytes each: more than a save may hold.
    anna.page.evaluate(
        """() => { const { editor } = window.drawops; const like = editor.boxes[0];
        editor.replace([...editor.boxes, ...Array.from({ length: 3600 }, (_, i) => ({ ...like, id: "n-" + i,
            text: "阀".repeat(500), state: "DRAWN", confidence: null, proposals: [] }))]); }"""
    )
    trouble = anna.page.locator(".trouble")
    trouble.wait_for()
    assert "too much for one save (5 MB)" in trouble.inner_text()
    assert not any(method == "PUT" for method, _, _ in served.requests)
    # The server refuses as well, whoever sends it.
    token, _ = served.invitations.issue("Anna")
    status = anna.page.evaluate(
        """async ([path, token]) => {
            const headers = { Authorization: `Bearer ${token}` };
            return (await fetch(path, { method: "PUT", body: "x".repeat(10_000_000), headers })).status;
        }""",
        [f"{served.url}api/tasks/{task}", token],
    )
    assert status == 413
    assert len(anna.boxes()) == 3640
    anna.page.evaluate(
        "() => { const { editor } = window.drawops; editor.replace(editor.boxes.slice(0, 40)); }"
    )
    anna.type("SMALL")
    anna.press("Enter")
    anna.saved(1)
    assert trouble.count() == 0


def test_a_task_that_another_person_took_keeps_my_edits_as_a_file(
    person: Comes, opened: Opened, served: Desk
) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    served.service.release("Anna", task)
    served.service.claim("Bert", task)
    anna.type("TOO LATE")
    anna.press("Enter")
    trouble = anna.page.locator(".trouble")
    trouble.wait_for()
    assert "not yours any more" in trouble.inner_text()
    with anna.page.expect_download() as download:
        trouble.get_by_text("Download my edits").click()
    kept = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert [change["mine"]["text"] for change in kept["changes"]] == ["TOO LATE"]
    # Bert gives it back: Anna's edits go in after all.
    served.service.release("Bert", task)
    trouble.get_by_text("Try again").click()
    anna.saved(1)
    assert box(served.task(task, "Anna"), 3).text == "TOO LATE"


def test_an_answer_that_got_lost_is_no_conflict(person: Comes, opened: Opened, served: Desk) -> None:
    task = opened()
    anna = person("Anna")
    anna.open(task)
    lost = []

    def lose(route: Route) -> None:
        if route.request.method == "PUT" and not lost:
            lost.append(route.fetch().status)  # the server has it, the page never hears
            route.abort()
        else:
            route.continue_()

    anna.page.route("**/api/tasks/**", lose)
    anna.type("ONCE")
    anna.press("Enter")
    anna.page.wait_for_selector(".save.offline, .save.saved[data-revision='1']")
    anna.saved(1)
    assert lost == [200]
    assert served.task(task, "Anna").revision == 1
    assert anna.page.locator(".conflict").count() == 0


def test_the_lease_is_renewed_while_somebody_works(
    person: Comes, opened: Opened, served: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.service, "_lease", timedelta(seconds=40))
    task = opened()
    anna = person("Anna")
    anna.page.clock.install()
    anna.open(task)
    anna.press("Escape", "j")
    before = served.task(task, "Anna").lease_expires_at
    anna.page.clock.run_for(21_000)
    deadline = time.monotonic() + 20
    while ("POST", f"/api/tasks/{task}/renew", 200) not in served.requests:
        assert time.monotonic() < deadline
        anna.page.wait_for_timeout(50)
    after = served.task(task, "Anna").lease_expires_at
    assert before is not None
    assert after is not None
    assert after > before


def test_a_text_that_nobody_sees_never_waits_for_a_save_longer_than_five_seconds(
    person: Comes, opened: Opened, served: Desk, drawn: Drawn
) -> None:
    task = opened(dict.fromkeys(range(40), "A"))
    anna = person("Anna")
    anna.open(task)
    start = time.monotonic()
    while not any(method == "PUT" for method, _, _ in served.requests):
        anna.press("Enter")  # never a pause
        anna.page.wait_for_timeout(300)
        assert time.monotonic() - start < 12
    assert served.task(task, "Anna").revision >= 1
