// Autosave of one task: the server's revision, this browser's draft, and how the two come together again.
//
// Every edit goes into the draft at once and to the server soon after. A save names the revision that it was
// made from; when another save came first, theirs is loaded and merged box by box. Boxes that both changed in
// different ways stay as the server has them, and mine waits in `conflicts` for a decision.
// Sends "status" when `status`, `conflicts` or `revision` changed.
import * as api from "./api.js";
import { draftKey, dropDraft, readDraft, writeDraft } from "./drafts.js";
import { merge, same } from "./merge.js";

const PAUSE_MS = 1_000; // after the last edit
const LONGEST_MS = 5_000; // after the first edit that is not saved
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000];
const IDLE_MS = 30_000; // a longer break is no work

const byId = (boxes) => new Map(boxes.map((box) => [box.id, box]));

/** What the server holds, with every edit of `changes` ({id, base, mine, behind}) merged into it. */
export function mergeAll(theirs, changes) {
    const boxes = theirs.slice();
    const conflicts = [];
    for (const { id, base, mine, behind } of changes) {
        const i = boxes.findIndex((box) => box.id === id);
        const { box, conflict } = merge(base, mine, i < 0 ? null : boxes[i]);
        if (conflict) conflicts.push({ id, mine });
        else if (i >= 0 && box) boxes[i] = box;
        else if (i >= 0) boxes.splice(i, 1);
        else if (box) boxes.splice(boxes.findIndex((other) => other.id === behind) + 1 || boxes.length, 0, box);
    }
    return { boxes, conflicts };
}

export class Sync extends EventTarget {
    /** Begin with the task document as the server has it; `resume` brings the draft back. */
    constructor(document, annotator, editor) {
        super();
        this.taskId = document.task_id;
        this.editor = editor;
        this.key = draftKey(annotator, document.task_id);
        this.revision = document.revision;
        this.round = document.round;
        this.base = byId(document.boxes);
        this.conflicts = [];
        this.resumed = 0;
        this.status = { kind: "saved" };
        this.inFlight = null;
        this.timer = null;
        this.firstUnsaved = null;
        this.failures = 0;
        this.seconds = 0;
        this.actions = 0;
        this.lastActive = null;
        this.drafts = Promise.resolve();
        this.stopped = false;
        this.#lease(document.lease_expires_at);
        this.onBoxes = () => this.#edited();
        this.onTyped = () => this.#draft();
        this.onOnline = () => this.status.kind === "offline" && this.#schedule(0);
        editor.addEventListener("boxes", this.onBoxes);
        editor.addEventListener("typed", this.onTyped);
        window.addEventListener("online", this.onOnline);
    }

    /** End: nothing is sent or kept any more. */
    stop() {
        this.stopped = true;
        clearTimeout(this.timer);
        clearTimeout(this.leaseTimer);
        this.editor.removeEventListener("boxes", this.onBoxes);
        this.editor.removeEventListener("typed", this.onTyped);
        window.removeEventListener("online", this.onOnline);
    }

    #tell(status) {
        this.status = status;
        this.dispatchEvent(new Event("status"));
    }

    /** A key or a click: counts as work. */
    active() {
        const now = performance.now();
        if (this.lastActive !== null) this.seconds += Math.min(now - this.lastActive, IDLE_MS) / 1000;
        this.lastActive = now;
        this.actions += 1;
    }

    /** Edits that the server does not have: {id, base, mine, behind}, in the order of boxes. */
    changes() {
        const found = [];
        let behind = null;
        for (const box of this.editor.boxes) {
            const base = this.base.get(box.id) ?? null;
            if (!same(base, box)) found.push({ id: box.id, base, mine: box, behind });
            behind = box.id;
        }
        for (const [id, base] of this.base) {
            if (!this.editor.box(id) && base.state !== "DELETED") found.push({ id, base, mine: null, behind: null });
        }
        return found;
    }

    /** All boxes as the API wants them: what it knows may not vanish, and what is new to it is DRAWN first. */
    #outgoing() {
        const boxes = this.editor.boxes.map((box) =>
            this.base.has(box.id) || box.state === "DELETED" ? box : { ...box, state: "DRAWN" },
        );
        for (const [id, base] of this.base) {
            if (!this.editor.box(id)) boxes.push(base.state === "DELETED" ? base : { ...base, state: "DELETED" });
        }
        return boxes;
    }

    /** Whether something would be lost if the draft were. */
    get unsaved() {
        return this.inFlight !== null || this.conflicts.length > 0 || this.editor.dirty || this.changes().length > 0;
    }

    // Draft

    /** Bring back what an earlier visit could not send. */
    async resume() {
        const draft = await readDraft(this.key).catch((error) => {
            console.error("drawops: drafts cannot be kept in this browser", error);
            return null;
        });
        if (!draft) return;
        const { boxes, conflicts } = mergeAll([...this.base.values()], draft.changes);
        for (const { id, mine } of draft.conflicts) {
            if (!conflicts.some((known) => known.id === id) && !same(mine, this.base.get(id) ?? null)) {
                conflicts.push({ id, mine });
            }
        }
        this.conflicts = conflicts;
        this.editor.replace(boxes);
        this.resumed = this.changes().length;
        const { typing } = draft;
        if (typing && this.editor.box(typing.id) && this.editor.box(typing.id).state !== "DELETED") {
            this.editor.select(typing.id);
            this.editor.type(typing.text);
            this.resumed += 1;
        }
        this.dispatchEvent(new Event("status"));
    }

    #draft() {
        if (this.stopped) return;
        const changes = this.changes();
        const { selectedId, dirty, typed } = this.editor;
        const typing = dirty ? { id: selectedId, text: typed } : null;
        const write =
            changes.length || this.conflicts.length || typing
                ? writeDraft(this.key, {
                      revision: this.revision,
                      round: this.round,
                      changes,
                      conflicts: this.conflicts,
                      typing,
                      at: new Date().toISOString(),
                  })
                : dropDraft(this.key);
        this.drafts = write.catch((error) => console.error("drawops: the draft was not kept", error));
    }

    #edited() {
        if (this.stopped) return;
        this.#draft();
        if (this.changes().length === 0) {
            if (!this.inFlight && ["pending", "refused"].includes(this.status.kind)) this.#tell({ kind: "saved" });
            return;
        }
        if (["lost", "expired"].includes(this.status.kind)) return;
        this.firstUnsaved ??= performance.now();
        if (this.status.kind === "offline") {
            this.dispatchEvent(new Event("status"));
            return;
        }
        if (!this.inFlight) this.#tell({ kind: "pending" });
        this.#schedule(Math.min(PAUSE_MS, Math.max(0, this.firstUnsaved + LONGEST_MS - performance.now())));
    }

    // Saving

    #schedule(after) {
        clearTimeout(this.timer);
        if (!this.stopped) this.timer = setTimeout(() => this.save(), after);
    }

    /** Save now what is not saved; resolves to whether the server has everything. */
    async flush() {
        this.editor.commit();
        while (this.inFlight) await this.inFlight;
        for (let attempt = 0; attempt < 5 && this.changes().length > 0; attempt += 1) {
            if (!(await this.save())) break;
        }
        return this.changes().length === 0 && this.conflicts.length === 0;
    }

    /** Send all boxes as they are now; resolves to whether that went well. */
    save() {
        if (this.inFlight) return this.inFlight;
        clearTimeout(this.timer);
        if (this.stopped || this.changes().length === 0) return Promise.resolve(true);
        this.inFlight = this.#save().finally(() => {
            this.inFlight = null;
            const { kind } = this.status;
            if (this.changes().length > 0 && (kind === "saving" || kind === "pending")) {
                this.firstUnsaved ??= performance.now();
                this.#tell({ kind: "pending" });
                this.#schedule(PAUSE_MS);
            } else if (kind === "saving") {
                this.#tell({ kind: "saved" });
            }
        });
        return this.inFlight;
    }

    async #save() {
        const sent = this.#outgoing();
        const [seconds, actions] = [this.seconds, this.actions];
        this.firstUnsaved = null;
        this.#tell({ kind: "saving" });
        try {
            const body = { base_revision: this.revision, boxes: sent, seconds: Math.min(seconds, 86_400), actions };
            const result = await api.save(this.taskId, body);
            this.revision = result.revision;
            this.base = byId(sent);
            this.seconds -= seconds;
            this.actions -= actions;
            this.failures = 0;
            this.#lease(result.lease_expires_at);
            this.#draft();
            return true;
        } catch (error) {
            return this.#failed(error);
        }
    }

    async #failed(error) {
        if (error instanceof api.Problem && error.code === "STALE") {
            try {
                await this.#catchUp(error.savedBy);
                return true;
            } catch (other) {
                error = other;
            }
        }
        if (error instanceof api.Unreachable) {
            this.#schedule(RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)]);
            this.failures += 1;
            this.#tell({ kind: "offline" });
        } else if (error instanceof api.Problem) {
            const kind = { UNAUTHORIZED: "expired", NOT_YOURS: "lost", NOT_FOUND: "lost", CLOSED: "lost" }[error.code];
            this.#tell({ kind: kind ?? "refused", code: error.code, message: error.message });
        } else {
            this.#tell({ kind: "refused", code: "UNKNOWN", message: String(error) });
            throw error;
        }
        return false;
    }

    /** Load what another person saved and merge it with mine. */
    async #catchUp(savedBy) {
        const document = await api.load(this.taskId);
        const { boxes, conflicts } = mergeAll(document.boxes, this.changes());
        const others = document.boxes.filter((box) => !same(box, this.base.get(box.id) ?? null)).length;
        this.base = byId(document.boxes);
        this.revision = document.revision;
        this.round = document.round;
        for (const { id, mine } of conflicts) {
            this.conflicts = [...this.conflicts.filter((known) => known.id !== id), { id, mine, savedBy }];
        }
        this.merged = { others, savedBy };
        this.editor.replace(boxes);
        this.dispatchEvent(new Event("merged"));
    }

    /** Decide a conflict: mine goes into the box, or theirs stays. */
    decide(id, keepMine) {
        const conflict = this.conflicts.find((known) => known.id === id);
        this.conflicts = this.conflicts.filter((known) => known.id !== id);
        if (keepMine) this.editor.decide(id, conflict.mine);
        else this.editor.replace(this.editor.boxes);
        this.dispatchEvent(new Event("status"));
    }

    /** Try again now, when a person asks. A task that was lost is claimed again first. */
    async retry() {
        if (this.inFlight) return;
        try {
            if (this.status.kind === "lost") {
                await api.claim(this.taskId);
                await this.#catchUp(null);
            }
            this.#tell({ kind: "pending" });
            await this.save();
            if (this.status.kind === "pending") this.#tell({ kind: "saved" });
        } catch (error) {
            await this.#failed(error);
        }
    }

    /** Hand in what is saved. */
    async submit(leaveUnsure) {
        const result = await api.submit(this.taskId, {
            base_revision: this.revision,
            seconds: 0,
            actions: 0,
            leave_unsure: leaveUnsure,
        });
        this.stop();
        await dropDraft(this.key);
        return result;
    }

    // Lease

    #lease(until) {
        clearTimeout(this.leaseTimer);
        if (!until) return;
        // A save renews the lease. Without one, half of the time that is left goes by before we ask.
        const left = new Date(until).getTime() - Date.now();
        this.leaseTimer = setTimeout(() => this.#renew(), Math.max(20_000, Math.min(left / 2, 2 ** 30)));
    }

    async #renew() {
        const worked = this.lastActive !== null && performance.now() - this.lastActive < 15 * 60_000;
        if (this.stopped) return;
        if (document.hidden || !worked || this.inFlight) {
            // Nobody is here: let it expire; whoever comes back claims again or hears who has it.
            this.leaseTimer = setTimeout(() => this.#renew(), 60_000);
            return;
        }
        try {
            const answer = await api.renew(this.taskId);
            this.#lease(answer.lease_expires_at);
        } catch (error) {
            await this.#failed(error);
        }
    }
}
