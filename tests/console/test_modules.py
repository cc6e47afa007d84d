"""The page's own logic, run where it runs: geometry, merging, history, keys."""

# ruff: noqa: E501 - JavaScript inside

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from benchmarks.labeling_desk import desk

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def page(running_browser: Browser) -> Iterator[Page]:
    with desk() as served:
        page = running_browser.new_page()
        page.goto(served.url)
        yield page
        page.close()


@pytest.fixture
def run(page: Page) -> Run:
    """Run a function in the page; it gets the modules by name and one argument."""

    def run(function: str, argument: Any = None) -> Any:  # noqa: ANN401
        return page.evaluate(
            """async ([root, argument]) => {
                const names = ["geometry", "merge", "editor", "sync", "keys", "palette"];
                const modules = await Promise.all(names.map((name) => import(`${root}console/${name}.js`)));
                const all = Object.fromEntries(names.map((name, i) => [name, modules[i]]));
                // Seeded, so that a failure can be repeated (mulberry32).
                const random = (seed) => () => {
                    seed = (seed + 0x6d2b79f5) | 0;
                    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
                    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
                    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
                };
                return (FUNCTION)({ ...all, random }, argument);
            }""".replace("FUNCTION", function),
            [page.url, argument],
        )

    return run


QUAD = [[10, 20], [110, 20], [110, 50], [10, 50]]


def test_turning_four_times_is_nothing_and_corners_stay(run: Run) -> None:
    turned = run("({geometry}, q) => [1, 2, 3, 4].map((n) => geometry.turned(q, n))", QUAD)
    assert turned[0] == [*QUAD[1:], QUAD[0]]
    assert turned[3] == QUAD
    assert run("({geometry}, q) => [0, 1, 2, 3].map((n) => geometry.angle(geometry.turned(q, n)))", QUAD) == [
        0,
        90,
        180,
        -90,
    ]


def test_rotating_there_and_back_moves_nothing_by_more_than_rounding(run: Run) -> None:
    worst = run(
        """({geometry, random}) => {
            const next = random(1);
            let worst = 0;
            for (let n = 0; n < 500; n += 1) {
                const quad = geometry.rotated(geometry.drawn([next() * 1e4, next() * 1e4], [next() * 1e4, next() * 1e4]), next() * 360);
                const by = next() * 360 - 180;
                const back = geometry.rotated(geometry.rotated(quad, by), -by);
                back.forEach(([x, y], i) => { worst = Math.max(worst, Math.abs(x - quad[i][0]), Math.abs(y - quad[i][1])); });
            }
            return worst;
        }"""
    )
    assert worst <= 0.03


def test_dividing_and_uniting_gives_the_box_back_at_any_angle(run: Run) -> None:
    worst = run(
        """({geometry, random}) => {
            const next = random(2);
            let worst = 0;
            for (let n = 0; n < 500; n += 1) {
                const quad = geometry.rotated([[0, 0], [50 + next() * 400, 0], [50, 0], [0, 0]].map((p, i, all) =>
                    [[0, 0], [all[1][0], 0], [all[1][0], 30], [0, 30]][i]), next() * 360);
                const again = geometry.united(geometry.divided(quad, 0.1 + 0.8 * next()));
                again.forEach(([x, y], i) => { worst = Math.max(worst, Math.abs(x - quad[i][0]), Math.abs(y - quad[i][1])); });
            }
            return worst;
        }"""
    )
    assert worst <= 0.05


def test_resizing_keeps_the_opposite_corner_and_right_angles(run: Run) -> None:
    result = run(
        """({geometry, random}) => {
            const next = random(3);
            let fixed = 0, skew = 0;
            for (let n = 0; n < 400; n += 1) {
                const quad = geometry.rotated([[100, 100], [300, 100], [300, 140], [100, 140]], next() * 360);
                const i = Math.floor(next() * 4);
                const to = [quad[i][0] + next() * 60 - 30, quad[i][1] + next() * 60 - 30];
                const got = geometry.resized(quad, i, to);
                const o = (i + 2) % 4;
                fixed = Math.max(fixed, Math.hypot(got[o][0] - quad[o][0], got[o][1] - quad[o][1]));
                const a = [got[1][0] - got[0][0], got[1][1] - got[0][1]], b = [got[3][0] - got[0][0], got[3][1] - got[0][1]];
                skew = Math.max(skew, Math.abs(a[0] * b[0] + a[1] * b[1]) / (Math.hypot(...a) * Math.hypot(...b)));
            }
            return [fixed, skew];
        }"""
    )
    assert result[0] <= 0.02
    assert result[1] <= 0.01


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ([[115, 20], [150, 20], [150, 50], [115, 50]], 1 / 6),  # the next word
        ([[115, 22], [150, 22], [150, 52], [115, 52]], 1 / 6),  # a little lower
        ([[115, 60], [150, 60], [150, 90], [115, 90]], None),  # another line
        ([[400, 20], [450, 20], [450, 50], [400, 50]], None),  # far away
        ([[150, 20], [150, 50], [115, 50], [115, 20]], None),  # reads downwards
    ],
)
def test_the_next_text_on_the_line_is_found(
    run: Run, other: list[list[float]], expected: float | None
) -> None:
    assert run("({geometry}, [a, b]) => geometry.gapTo(a, b)", [QUAD, other]) == (
        None if expected is None else pytest.approx(expected)
    )


def box(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    plain = {"id": "a", "quad": QUAD, "text": "P-1", "state": "UNSURE", "confidence": 0.5, "difficult": False}
    return {**plain, "proposals": [], **changes}


MOVED = [[x + 5, y] for x, y in QUAD]


@pytest.mark.parametrize(
    ("mine", "theirs", "merged"),
    [
        (box(), box(text="P-2", state="EDITED"), box(text="P-2", state="EDITED")),
        (box(text="P-2", state="EDITED"), box(), box(text="P-2", state="EDITED")),
        (box(state="ACCEPTED"), box(state="ACCEPTED"), box(state="ACCEPTED")),
        (box(quad=MOVED, state="EDITED"), box(text="P-2", state="EDITED"), box(quad=MOVED, text="P-2", state="EDITED")),
        (box(difficult=True), box(text="P-2", state="EDITED"), box(difficult=True, text="P-2", state="EDITED")),
        (box(quad=MOVED, state="EDITED"), box(state="ACCEPTED"), box(quad=MOVED, state="EDITED")),
        # Disagreements: a person decides.
        (box(text="P-3", state="EDITED"), box(text="P-2", state="EDITED"), None),
        (box(state="ACCEPTED"), box(text="P-2", state="EDITED"), None),
        (box(state="UNREADABLE"), box(text="P-2", state="EDITED"), None),
        (box(state="DELETED"), box(state="ACCEPTED"), None),
        (box(quad=MOVED, state="EDITED"), box(quad=[[x, y + 5] for x, y in QUAD], state="EDITED"), None),
    ],
)  # fmt: skip
def test_two_peoples_edits_of_one_box(
    run: Run, mine: dict[str, Any], theirs: dict[str, Any], merged: dict[str, Any] | None
) -> None:
    got = run("({merge}, [b, m, t]) => merge.merge(b, m, t)", [box(), mine, theirs])
    assert got == (
        {"box": theirs, "conflict": True} if merged is None else {"box": merged, "conflict": False}
    )


def test_merging_loses_no_edit_whatever_two_people_do(run: Run) -> None:
    """Every edit of either is in the result, or waits as a conflict."""
    lost = run(
        """({merge, sync, random}) => {
            const next = random(4);
            const states = ["ACCEPTED", "EDITED", "UNREADABLE", "DELETED"];
            const base = Array.from({length: 6}, (_, i) => ({id: `b${i}`, quad: [[0,0],[9,0],[9,3],[0,3]], text: "T", state: "UNSURE",
                difficult: false, confidence: 0.5, proposals: []}));
            const change = (box) => {
                const state = states[Math.floor(next() * 4)];
                const moved = next() < 0.3;
                return {...box, state: moved ? "EDITED" : state, text: state === "EDITED" ? `T${Math.floor(next() * 3)}` : box.text,
                    quad: moved ? box.quad.map(([x, y]) => [x + Math.floor(next() * 3), y]) : box.quad};
            };
            const lost = [];
            for (let round = 0; round < 3000; round += 1) {
                const mine = base.map((box) => (next() < 0.5 ? change(box) : box));
                const theirs = base.map((box) => (next() < 0.5 ? change(box) : box));
                if (next() < 0.5) mine.splice(2, 0, {...base[0], id: "mine"});
                if (next() < 0.5) theirs.push({...base[0], id: "theirs"});
                const changes = mine.filter((box) => !merge.same(box, base.find((b) => b.id === box.id) ?? null))
                    .map((box) => ({id: box.id, base: base.find((b) => b.id === box.id) ?? null, mine: box, behind: "b1"}));
                const {boxes, conflicts} = sync.mergeAll(theirs, changes);
                const result = (id) => boxes.find((box) => box.id === id);
                if (new Set(boxes.map((box) => box.id)).size !== boxes.length) lost.push("twice");
                for (const {id, mine: m, base: b} of changes) {
                    const got = result(id), t = theirs.find((box) => box.id === id);
                    const waits = conflicts.some((conflict) => conflict.id === id);
                    if (waits) { if (!merge.same(got, t)) lost.push("theirs"); continue; }
                    if (b && m.text !== b.text && got.text !== m.text) lost.push("text");
                    if (b && !merge.sameQuad(m.quad, b.quad) && !merge.sameQuad(got.quad, m.quad)) lost.push("quad");
                    if (["DELETED", "UNREADABLE"].includes(m.state) && got.state !== m.state) lost.push("mark");
                }
                for (const t of theirs) {
                    const b = base.find((box) => box.id === t.id), got = result(t.id);
                    if (!got) lost.push("gone");
                    else if (b && t.text !== b.text && got.text !== t.text) lost.push("their text");
                }
            }
            return lost;
        }"""
    )
    assert lost == []


def test_any_history_can_be_undone_and_redone_to_the_letter(run: Run) -> None:
    wrong = run(
        """({editor: {Editor}, random}) => {
            const wrong = [];
            for (let seed = 1; seed <= 60; seed += 1) {
                const next = random(seed);
                const boxes = Array.from({length: 12}, (_, i) => ({id: `b${i}`, text: `TEXT ${i}`, state: next() < 0.5 ? "UNSURE" : "SURE",
                    quad: [[i % 4 * 60, 40 * Math.floor(i / 4)], [i % 4 * 60 + 50, 40 * Math.floor(i / 4)], [i % 4 * 60 + 50, 40 * Math.floor(i / 4) + 20],
                    [i % 4 * 60, 40 * Math.floor(i / 4) + 20]], difficult: false, confidence: 0.5, proposals: ["A", "B"]}));
                const e = new Editor({boxes, area: {x: 0, y: 0, width: 1000, height: 1000}, width: 1000, height: 1000});
                const acts = [() => e.accept(), () => e.move(1), () => e.move(-1), () => { e.type(`T${next()}`); e.commit(); }, () => e.toggleDeleted(),
                    () => e.toggleUnreadable(), () => e.toggleDifficult(), () => e.split(3, null), () => e.split(null, 0.4), () => e.merge(next() < 0.5),
                    () => e.turn(1), () => e.rotate(next() * 9), () => e.nudge(1, 2), () => e.draw([next() * 900, next() * 900], [next() * 900, next() * 900]),
                    () => e.toggleFilter(), () => e.propose(0), () => e.undo(), () => e.redo(), () => e.type("open")];
                for (let n = 0; n < 80; n += 1) acts[Math.floor(next() * acts.length)]();
                e.commit();
                while (e.future.length) e.redo();
                const end = JSON.stringify(e.boxes);
                if (e.boxes.length !== new Set(e.boxes.map((box) => box.id)).size) wrong.push(`${seed} ids`);
                while (e.past.length) e.undo();
                if (JSON.stringify(e.boxes) !== JSON.stringify(boxes)) wrong.push(`${seed} undo`);
                while (e.future.length) e.redo();
                if (JSON.stringify(e.boxes) !== end) wrong.push(`${seed} redo`);
            }
            return wrong;
        }"""
    )
    assert wrong == []


def test_undo_leaves_alone_what_somebody_else_changed_since(run: Run) -> None:
    result = run(
        """({editor: {Editor}}, box) => {
            const e = new Editor({boxes: [box], area: {x: 0, y: 0, width: 1000, height: 1000}, width: 1000, height: 1000});
            const notices = [];
            e.addEventListener("notice", (event) => notices.push(event.detail.key));
            e.select("a");
            e.type("MINE"); e.commit();
            e.replace([{...e.boxes[0], text: "THEIRS"}]);
            e.undo();
            return [e.boxes[0].text, notices];
        }""",
        box(),
    )
    assert result == ["THEIRS", ["undoSkipped"]]


@pytest.mark.parametrize(
    ("event", "place", "command"),
    [
        ({"key": "u", "code": "KeyU"}, "sheet", "unreadable"),
        ({"key": "U", "code": "KeyU"}, "sheet", "unreadable"),  # caps lock
        ({"key": "u", "code": "KeyU"}, "field", None),
        ({"key": "u", "code": "KeyU", "altKey": True}, "field", "unreadable"),
        ({"key": "¨", "code": "KeyU", "altKey": True}, "field", "unreadable"),  # Option on a Mac
        ({"key": "Dead", "code": "KeyN", "altKey": True}, "field", "draw"),
        ({"key": "г", "code": "KeyU"}, "sheet", "unreadable"),  # Cyrillic layout
        ({"key": "?", "code": "Slash", "shiftKey": True}, "sheet", "help"),
        ({"key": "ß", "code": "Minus"}, "field", None),
        ({"key": "Enter", "code": "Enter"}, "field", "accept"),
        ({"key": "Enter", "code": "Enter", "isComposing": True}, "field", None),  # an input method's
        ({"key": "Process", "code": "Enter", "keyCode": 229}, "field", None),
        ({"key": "Tab", "code": "Tab", "shiftKey": True}, "field", "previous"),
        ({"key": "!", "code": "Digit1", "altKey": True, "shiftKey": True}, "field", "insert"),
        ({"key": "1", "code": "Digit1", "altKey": True}, "field", "propose"),
        ({"key": "1", "code": "Digit1"}, "field", None),
        ({"key": "z", "code": "KeyZ", "ctrlKey": True}, "field", "undo"),
        ({"key": "Z", "code": "KeyZ", "ctrlKey": True, "shiftKey": True}, "sheet", "redo"),
        ({"key": "µ", "code": "KeyM", "ctrlKey": True, "altKey": True}, "field", None),  # AltGr on Windows
    ],
)
def test_keys_mean_what_the_help_says_on_any_keyboard(
    run: Run, event: dict[str, Any], place: str, command: str | None
) -> None:
    got = run(
        """({keys}, [event, place]) => keys.commandOf({keyCode: 0, isComposing: false, altKey: false, ctrlKey: false, metaKey: false,
            shiftKey: false, getModifierState: (name) => name === "AltGraph" && event.ctrlKey && event.altKey, ...event}, place)?.id ?? null""",
        [event, place],
    )
    assert got == command
