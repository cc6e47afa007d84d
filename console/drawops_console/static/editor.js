// The boxes of a task while a person works on them: selection, every action, and the history of all of them.
//
// Boxes are never changed in place, so whoever holds one (history, autosave) holds what it said then. A box
// that somebody has seen is never dropped: it becomes DELETED, which can be undone, merged and counted.
// Sends "boxes" when a box changed, "view" when only what is shown did, "notice" with a message's key.
import * as geometry from "./geometry.js";
import { same } from "./merge.js";

export const MAX_BOXES = 5_000;
export const MAX_TEXT = 500;
const COALESCE_MS = 1_000;

const characters = (text) => [...text].length;

/** A new box's name; random, so that two people never choose the same. */
function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    return "n-" + [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether a box still waits for a person: unsure, or there but without a string. */
export function waits(box) {
    if (box.state === "DELETED" || box.state === "UNREADABLE") return false;
    return box.state === "UNSURE" || box.text.trim() === "";
}

/** State of a box whose string or place a person changed. */
const edited = (box) => (box.state === "DRAWN" ? "DRAWN" : "EDITED");

export class Editor extends EventTarget {
    /**
     * @param {object} options
     *   boxes: as the API gives them; area: {x, y, width, height} of the task; width, height: of the page.
     */
    constructor({ boxes, area, width, height }) {
        super();
        this.area = area;
        this.width = width;
        this.height = height;
        this.selectedId = null;
        this.onlyUnsure = true;
        this.drawing = false;
        this.typed = null; // what stands in the text field and is not in the box yet
        this.preview = null; // quad of the selected box while it is dragged
        this.past = [];
        this.future = [];
        this.#put(boxes);
    }

    #put(boxes) {
        this.boxes = boxes;
        this.index = new Map(boxes.map((box, i) => [box.id, i]));
    }

    #send(event, detail) {
        this.dispatchEvent(new CustomEvent(event, { detail }));
    }

    #notice(key, values = {}) {
        this.#send("notice", { key, values });
        return false;
    }

    /** The box with this id, or null. */
    box(id) {
        const i = this.index.get(id);
        return i === undefined ? null : this.boxes[i];
    }

    /** The box that the person is at, or null. */
    get selected() {
        return this.selectedId === null ? null : this.box(this.selectedId);
    }

    /** What stands in the text field. */
    get text() {
        return this.typed ?? this.selected?.text ?? "";
    }

    /** How many boxes wait for a person, and how many there are (deleted ones left out). */
    get counts() {
        let waiting = 0;
        let total = 0;
        for (const box of this.boxes) {
            if (waits(box)) waiting += 1;
            if (box.state !== "DELETED") total += 1;
        }
        return { waiting, total };
    }

    /** Exchange all boxes for merged ones (another person saved); the history stays. */
    replace(boxes) {
        this.#put(boxes);
        if (!this.selected) {
            this.selectedId = null;
            this.typed = null;
        }
        this.#send("boxes");
    }

    // History. A change is {id, before, after, behind}: null for "no such box", `behind` the id it stands after.

    #apply(changes, side) {
        let boxes = this.boxes.slice();
        let skipped = 0;
        for (const change of changes) {
            const [from, to] = side === "after" ? [change.before, change.after] : [change.after, change.before];
            const i = boxes.findIndex((box) => box.id === change.id);
            const now = i < 0 ? null : boxes[i];
            if (!same(now, from)) {
                skipped += 1; // somebody else changed it since
            } else if (to === null) {
                boxes.splice(i, 1);
            } else if (from === null) {
                const behind = boxes.findIndex((box) => box.id === change.behind);
                boxes.splice(behind < 0 ? boxes.length : behind + 1, 0, to);
            } else {
                boxes[i] = to;
            }
        }
        this.#put(boxes);
        return skipped;
    }

    #change(name, changes, select = this.selectedId) {
        const added = changes.filter((change) => change.before === null).length;
        if (this.boxes.length + added > MAX_BOXES) return this.#notice("tooManyBoxes", { most: MAX_BOXES });
        const entry = { name, changes, from: this.selectedId, to: select, at: performance.now() };
        const last = this.past.at(-1);
        const continues =
            ["nudge", "rotate"].includes(name) &&
            last?.name === name &&
            last.changes[0].id === changes[0].id &&
            same(last.changes[0].after, changes[0].before) &&
            entry.at - last.at < COALESCE_MS;
        if (continues) {
            last.changes = [{ ...last.changes[0], after: changes[0].after }];
            last.at = entry.at;
        } else {
            this.past.push(entry);
        }
        this.future = [];
        this.#apply(changes, "after");
        this.#go(select);
        this.#send("boxes");
        return true;
    }

    #set(name, box, fields, select) {
        const after = { ...box, ...fields };
        return this.#change(name, [{ id: box.id, before: box, after }], select);
    }

    #step(from, to, side) {
        this.commit();
        const entry = from.pop();
        if (!entry) return this.#notice(side === "before" ? "nothingToUndo" : "nothingToRedo");
        to.push(entry);
        if (this.#apply(entry.changes, side)) this.#notice("undoSkipped");
        const at = side === "before" ? entry.from : entry.to;
        this.typed = null;
        this.selectedId = this.box(at) ? at : null;
        this.#send("boxes");
        this.#send("moved");
        return true;
    }

    /** Take back the last action. */
    undo() {
        if (this.typed !== null && this.typed !== this.selected?.text) {
            this.typed = null;
            this.#send("view");
            return true;
        }
        return this.#step(this.past, this.future, "before");
    }

    /** Do again what was taken back. */
    redo() {
        return this.#step(this.future, this.past, "after");
    }

    // Selection

    #go(id) {
        if (id === this.selectedId) {
            this.typed = null;
            return;
        }
        this.selectedId = id;
        this.typed = null;
        this.preview = null;
        this.#send("moved");
    }

    /** Go to a box (null: to none); what was typed is kept as an edit of the box that is left. */
    select(id) {
        if (id === this.selectedId) return;
        this.commit();
        this.#go(id);
        this.#send("view");
    }

    /** Go `step` boxes on (-1: back), round the end; only to waiting ones unless all are asked for. */
    move(step) {
        this.commit();
        const count = this.boxes.length;
        const start = this.selectedId === null ? (step > 0 ? -1 : count) : this.index.get(this.selectedId);
        for (let n = 1; n <= count; n += 1) {
            const box = this.boxes[(((start + step * n) % count) + count) % count];
            if (box.id === this.selectedId) break;
            if (this.onlyUnsure ? waits(box) : box.state !== "DELETED") {
                this.#go(box.id);
                this.#send("view");
                return true;
            }
        }
        return this.#notice(this.onlyUnsure && this.counts.waiting === 0 ? "noneWaiting" : "noOther");
    }

    /** The box that `move(1)` would go to, or null. */
    get upcoming() {
        const start = this.selectedId === null ? -1 : this.index.get(this.selectedId);
        for (let n = 1; n < this.boxes.length; n += 1) {
            const box = this.boxes[(start + n) % this.boxes.length];
            if (this.onlyUnsure ? waits(box) : box.state !== "DELETED") return box;
        }
        return null;
    }

    /** Walk through waiting boxes only, or through all. */
    toggleFilter() {
        this.onlyUnsure = !this.onlyUnsure;
        this.#send("boxes");
    }

    /** Wait for a rectangle to be dragged, or stop waiting. */
    setDrawing(on) {
        this.drawing = on;
        this.#send("view");
    }

    /** Smallest box under a point of the page, or null. */
    at(point) {
        let found = null;
        let least = Infinity;
        for (const box of this.boxes) {
            if (box.state === "DELETED" && this.onlyUnsure) continue;
            if (!geometry.contains(box.quad, point)) continue;
            const { width, height } = geometry.size(box.quad);
            if (width * height < least) [found, least] = [box, width * height];
        }
        return found;
    }

    // Strings

    /** Put a string into the text field; refused when it is longer than a text may be. */
    type(text) {
        if (!this.selected) return false;
        if (characters(text) > MAX_TEXT) {
            this.#send("view");
            return this.#notice("tooLong", { most: MAX_TEXT, given: characters(text) });
        }
        this.typed = text;
        this.#send("view");
        this.#send("typed");
        return true;
    }

    /** Forget what was typed. */
    revert() {
        if (this.typed === null) return;
        this.typed = null;
        this.#send("view");
        this.#send("typed");
    }

    /** Whether the field holds something that the box does not. */
    get dirty() {
        return this.typed !== null && this.selected !== null && this.typed.trim() !== this.selected.text;
    }

    /** Put what was typed into the box. An empty string says nothing about a box: it is dropped. */
    commit() {
        const box = this.selected;
        const text = this.typed?.trim();
        if (!box || text === undefined || text === box.text || text === "") {
            this.typed = null;
            return;
        }
        if (text === "###") this.#set("unreadable", box, { state: "UNREADABLE" });
        else this.#set("edit", box, { text, state: edited(box) });
    }

    /** Agree with what stands in the field and go on. */
    accept() {
        const box = this.selected;
        if (!box) return this.move(1);
        if (this.text.trim() === "") return this.#notice("emptyText");
        if (this.dirty) this.commit();
        else if (box.state === "UNSURE" || box.state === "SURE") this.#set("accept", box, { state: "ACCEPTED" });
        return this.move(1);
    }

    /** Take what another annotator read (0 is the first proposal) and go on. */
    propose(i) {
        const box = this.selected;
        const text = box?.proposals?.[i];
        if (text === undefined) return false;
        this.typed = null;
        const state = text === box.text ? "ACCEPTED" : edited(box);
        if (text === "###") this.#set("unreadable", box, { state: "UNREADABLE" });
        else this.#set("propose", box, { text, state });
        return this.move(1);
    }

    // Marks

    /** There is a text, but nobody can read it; a second time takes that back. */
    toggleUnreadable() {
        const box = this.selected;
        if (!box) return this.#notice("selectFirst");
        this.typed = null;
        if (box.state === "UNREADABLE") return this.#set("readable", box, { state: "EDITED" });
        this.#set("unreadable", box, { state: "UNREADABLE" });
        return this.move(1);
    }

    /** PPOCRLabel's mark for texts that training may leave out. */
    toggleDifficult() {
        const box = this.selected;
        if (!box) return this.#notice("selectFirst");
        this.commit();
        return this.#set("difficult", this.selected, { difficult: !box.difficult });
    }

    /** There is no text here; a second time takes that back. */
    toggleDeleted() {
        const box = this.selected;
        if (!box) return this.#notice("selectFirst");
        this.typed = null;
        if (box.state === "DELETED") return this.#set("restore", box, { state: "EDITED" });
        this.#set("delete", box, { state: "DELETED" });
        return this.move(1);
    }

    // Shapes

    #inside(quad) {
        const [x, y] = geometry.middle(quad);
        const { area } = this;
        return x >= area.x && x < area.x + area.width && y >= area.y && y < area.y + area.height;
    }

    #reshape(name, quad) {
        const box = this.selected;
        if (!box) return this.#notice("selectFirst");
        if (!this.#inside(quad) && this.#inside(box.quad)) return this.#notice("outside");
        this.commit();
        const state = box.state === "UNREADABLE" || box.state === "DELETED" ? box.state : edited(box);
        return this.#set(name, this.selected, { quad, state });
    }

    /** A quad that was dragged with the mouse. */
    reshape(quad) {
        this.preview = null;
        return this.#reshape("reshape", quad);
    }

    /** Move by whole pixels. */
    nudge(dx, dy) {
        const box = this.selected;
        return box ? this.#reshape("nudge", geometry.moved(box.quad, dx, dy)) : this.#notice("selectFirst");
    }

    /** Rotate about the middle. */
    rotate(degrees) {
        const box = this.selected;
        return box ? this.#reshape("rotate", geometry.rotated(box.quad, degrees)) : this.#notice("selectFirst");
    }

    /** The text reads a quarter turn further; the place stays. */
    turn(turns) {
        const box = this.selected;
        return box ? this.#reshape("turn", geometry.turned(box.quad, turns)) : this.#notice("selectFirst");
    }

    /** A new box around the rectangle between two points of the page. */
    draw(a, b) {
        this.commit();
        this.drawing = false;
        const clamp = ([x, y]) => [Math.min(Math.max(x, 0), this.width), Math.min(Math.max(y, 0), this.height)];
        const quad = geometry.drawn(clamp(a), clamp(b));
        const { width, height } = geometry.size(quad);
        if (width < 3 || height < 3) return this.#notice("tooSmall");
        if (!this.#inside(quad)) return this.#notice("outside");
        const box = {
            id: newId(),
            quad,
            text: "",
            state: "DRAWN",
            confidence: null,
            difficult: false,
            proposals: [],
        };
        const behind = this.selectedId;
        return this.#change("draw", [{ id: box.id, before: null, after: box, behind }], box.id);
    }

    /** Cut the selected box behind the character `caret` of its string (null: at `t`, 0..1 of its length). */
    split(caret, t) {
        const box = this.selected;
        if (!box) return this.#notice("selectFirst");
        const text = this.text.trim();
        if (caret === null) {
            if (t === null || t <= 0.02 || t >= 0.98) return this.#notice("splitWhere");
            caret = Math.round(text.length * t);
            const blank = [0, 1, -1, 2, -2].find((offset) => text[caret + offset] === " ");
            caret += blank ?? 0;
        } else {
            caret -= this.text.length - this.text.trimStart().length;
            if (caret <= 0 || caret >= text.length) return this.#notice("splitWhere");
            // The cut goes through the middle of a blank.
            const [before, after] = [text.slice(0, caret), text.slice(caret)];
            const gap = [before.trimEnd().length, text.length - after.trimStart().length];
            t ??= (gap[0] + gap[1]) / 2 / text.length;
        }
        const [left, right] = geometry.divided(box.quad, t);
        const first = { ...box, quad: left, text: text.slice(0, caret).trim(), state: edited(box) };
        const second = {
            id: newId(),
            quad: right,
            text: text.slice(caret).trim(),
            state: "DRAWN",
            confidence: null,
            difficult: box.difficult,
            proposals: [],
        };
        return this.#change("split", [
            { id: box.id, before: box, after: first },
            { id: second.id, before: null, after: second, behind: box.id },
        ]);
    }

    /** Make one box of the selected one and its neighbour on the same line: the next, or the one before it. */
    merge(backwards = false) {
        this.commit();
        const box = this.selected;
        if (!box) return this.#notice("selectFirst");
        let best = null;
        let least = Infinity;
        for (const other of this.boxes) {
            if (other.id === box.id || other.state === "DELETED") continue;
            const gap = backwards ? geometry.gapTo(other.quad, box.quad) : geometry.gapTo(box.quad, other.quad);
            if (gap !== null && Math.abs(gap) < least) [best, least] = [other, Math.abs(gap)];
        }
        if (!best) return this.#notice(backwards ? "noPrevious" : "noNext");
        const [first, second] = backwards ? [best, box] : [box, best];
        const blank = geometry.gapTo(first.quad, second.quad) > 0.15 ? " " : "";
        const text = [first.text, second.text].filter(Boolean).join(blank);
        if (characters(text) > MAX_TEXT) return this.#notice("tooLong", { most: MAX_TEXT, given: characters(text) });
        const quad = geometry.united([first.quad, second.quad]);
        return this.#change(
            "merge",
            [
                { id: first.id, before: first, after: { ...first, quad, text, state: edited(first) } },
                { id: second.id, before: second, after: { ...second, state: "DELETED" } },
            ],
            first.id,
        );
    }

    /** Put back what this person wrote before somebody else's save came first. */
    decide(id, mine) {
        const box = this.box(id);
        if (!same(box, mine)) this.#change("decide", [{ id, before: box, after: mine }], mine ? id : null);
    }
}
