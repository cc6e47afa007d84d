// The labeler: a sheet, its boxes, and a text field that is always ready.
import * as api from "./api.js";
import { Dialog, Key, LanguageButton, Message } from "./common.js";
import { Crop } from "./crop.js";
import { Editor, waits } from "./editor.js";
import * as geometry from "./geometry.js";
import { Help } from "./help.js";
import { html, useEffect, useEvents, useLayoutEffect, useRef, useState } from "./html.js";
import { caption, commandOf, KEYS } from "./keys.js";
import { say } from "./language.js";
import { FIXED, noteCharacters, recent } from "./palette.js";
import { recall, remember, ROOT } from "./session.js";
import { Sheet } from "./sheet.js";
import { Sync } from "./sync.js";
import { hold } from "./tab.js";
import { Tiles } from "./tiles.js";

const NOTICE_MS = 6_000;
const STATES = ["UNSURE", "SURE", "ACCEPTED", "EDITED", "DRAWN", "UNREADABLE", "DELETED"];

/** Load a task, claim it when nobody has it, and hold it in this tab alone. */
export function Labeler({ taskId, annotator, close }) {
    const [view, setView] = useState({ kind: "loading" });
    const lock = useRef(null);

    const open = async (take) => {
        setView({ kind: "loading" });
        try {
            lock.current = await hold(`drawops|${ROOT.pathname}|${taskId}`, {
                take,
                onLost: () => setView({ kind: "moved" }),
            });
            if (!lock.current.held) return setView({ kind: "elsewhere" });
            let task = await api.load(taskId);
            if (task.state !== "SUBMITTED" && task.annotator !== annotator) task = await api.claim(taskId);
            if (task.state === "SUBMITTED") return setView({ kind: "closed" });
            remember("lastTask", taskId);
            return setView({ kind: "ready", task });
        } catch (error) {
            if (error.code === "UNAUTHORIZED") return location.reload();
            return setView({ kind: "failed", error });
        }
    };
    useEffect(() => {
        open(false);
        return () => lock.current?.release();
    }, []);

    const leave = () => {
        remember("lastTask", null);
        close();
    };
    const next = async () => {
        try {
            const task = await api.takeNext();
            location.hash = `#/tasks/${encodeURIComponent(task.task_id)}`;
        } catch (error) {
            leave();
        }
    };
    const back = html`<button class="primary" onClick=${leave}>${say("labeler.back")}</button>`;
    if (view.kind === "ready") {
        return html`<${Workbench}
            task=${view.task}
            annotator=${annotator}
            leave=${leave}
            submitted=${() => {
                remember("lastTask", null);
                remember(`place:${taskId}`, null);
                setView({ kind: "submitted" });
            }}
        />`;
    }
    if (view.kind === "loading") return html`<${Message} title=${say("app.loading")} />`;
    if (view.kind === "submitted") {
        return html`<${Message} title=${say("submit.done")}>
            <button class="primary" onClick=${next} autofocus>${say("tasks.next")}</button>
            <button onClick=${leave}>${say("labeler.back")}</button>
        <//>`;
    }
    if (view.kind === "elsewhere" || view.kind === "moved") {
        return html`<${Message}
            title=${say(`labeler.${view.kind}.title`)}
            text=${say("labeler.elsewhere.text")}
        >
            <button class="primary" onClick=${() => open(true)}>${say("labeler.elsewhere.take")}</button>
            <button onClick=${leave}>${say("labeler.back")}</button>
        <//>`;
    }
    if (view.kind === "closed") return html`<${Message} title=${say("labeler.readOnly")}>${back}<//>`;
    const unreachable = view.error instanceof api.Unreachable;
    return html`<${Message} title=${unreachable ? say("app.unreachable") : view.error.message}>
        ${unreachable && html`<button class="primary" onClick=${() => open(false)}>${say("app.retry")}</button>`}
        ${back}
    <//>`;
}

function Workbench({ task, annotator, leave, submitted }) {
    const made = useRef(null);
    if (made.current === null) {
        const { width, height } = task.sheet;
        const editor = new Editor({ boxes: task.boxes, area: task.area, width, height });
        made.current = {
            editor,
            sync: new Sync(task, annotator, editor),
            tiles: new Tiles(task.sheet),
            origins: new Map(task.boxes.map((box) => [box.id, box.text])),
        };
    }
    const { editor, sync, tiles, origins } = made.current;
    useEvents(editor, "boxes", "view");
    useEvents(sync, "status");
    const [notice, setNotice] = useState(null);
    const [dialog, setDialog] = useState(null);
    const [tilesFail, setTilesFail] = useState(false);
    const sheetElement = useRef(null);
    const sheet = useRef(null);
    const field = useRef(null);
    const inField = useRef(true); // where the person works: moving on keeps the focus there

    const tell = (key, values = {}) => {
        const keys = Object.fromEntries(
            ["submit", "filter", "delete", "unreadable"].map((id) => [id, caption(KEYS[id].field[0])]),
        );
        setNotice({ text: say(key, { ...keys, ...values }) });
    };
    useEffect(() => {
        if (!notice) return undefined;
        const timer = setTimeout(() => setNotice(null), NOTICE_MS);
        return () => clearTimeout(timer);
    }, [notice]);

    const focusField = (whole) => {
        inField.current = true;
        const input = field.current;
        if (!input) return;
        input.focus({ preventScroll: true });
        if (whole) input.select();
        else input.setSelectionRange(input.value.length, input.value.length);
    };
    const keepPlace = () => {
        if (!sheet.current?.viewer.viewport) return;
        const { selectedId: box, onlyUnsure } = editor;
        remember(`place:${task.task_id}`, { box, onlyUnsure, ...sheet.current.place });
    };

    // Build the sheet once; begin where the person was.
    useEffect(() => {
        const view = new Sheet(sheetElement.current, tiles, editor, () => setTilesFail(true));
        sheet.current = view;
        view.clicked = (box) => box && focusField(true);
        // For measuring and testing from the console of the browser.
        window.drawops = { editor, sync, sheet: view };
        const onMoved = () => {
            const box = editor.selected;
            if (box) view.show(box.quad);
            keepPlace();
        };
        const onNotice = (event) => tell(`notice.${event.detail.key}`, event.detail.values);
        const onMerged = () => {
            const { others, savedBy } = sync.merged;
            if (others) tell("labeler.merged", { others, who: savedBy ?? say("labeler.someone") });
        };
        editor.addEventListener("moved", onMoved);
        editor.addEventListener("notice", onNotice);
        sync.addEventListener("merged", onMerged);
        view.viewer.addHandler("animation-finish", keepPlace);
        view.viewer.addHandler("tile-loaded", () => setTilesFail(false));
        const begin = async () => {
            await view.opened;
            const place = recall(`place:${task.task_id}`);
            if (place) {
                editor.onlyUnsure = place.onlyUnsure;
                view.go([place.x, place.y], place.zoom, true);
            } else {
                view.fit(task.area, true);
            }
            await sync.resume();
            if (!editor.selected) {
                if (place && editor.box(place.box)) editor.select(place.box);
                else if (editor.counts.waiting > 0) editor.move(1);
            }
            if (place) view.go([place.x, place.y], place.zoom, true);
            if (sync.resumed) tell("labeler.resumed", { count: sync.resumed });
            if (sync.changes().length) sync.save();
            focusField(true);
            sheetElement.current.dataset.ready = "yes";
        };
        begin().catch((error) => {
            console.error(error);
            setNotice({ text: say("app.failed", { message: String(error) }) });
        });
        return () => {
            keepPlace();
            editor.removeEventListener("moved", onMoved);
            editor.removeEventListener("notice", onNotice);
            sync.removeEventListener("merged", onMerged);
            sync.stop();
            view.destroy();
            sheet.current = null;
            delete window.drawops;
        };
    }, []);

    // Going to another box selects its whole text: typing replaces it, an arrow key begins to edit it.
    const selectedId = editor.selectedId;
    useLayoutEffect(() => {
        if (selectedId !== null && inField.current && !dialog) focusField(true);
    }, [selectedId]);

    useEffect(() => {
        const unload = (event) => {
            keepPlace();
            if (sync.unsaved) event.preventDefault();
        };
        const hide = () => {
            if (document.hidden) sync.save();
        };
        window.addEventListener("beforeunload", unload);
        window.addEventListener("pagehide", keepPlace);
        document.addEventListener("visibilitychange", hide);
        return () => {
            window.removeEventListener("beforeunload", unload);
            window.removeEventListener("pagehide", keepPlace);
            document.removeEventListener("visibilitychange", hide);
        };
    }, []);

    const insert = (character) => {
        const input = field.current;
        if (!input || !editor.selected) return;
        const [start, end] = [input.selectionStart, input.selectionEnd];
        const text = input.value.slice(0, start) + character + input.value.slice(end);
        if (!editor.type(text)) return;
        input.value = text;
        inField.current = true;
        input.focus({ preventScroll: true });
        input.setSelectionRange(start + character.length, start + character.length);
        noteCharacters(character);
    };
    const split = () => {
        const input = field.current;
        const pointer = sheet.current?.pointer;
        const quad = editor.selected?.quad;
        const collapsed = document.activeElement === input && input.selectionStart === input.selectionEnd;
        const caret = collapsed && input.selectionStart > 0 && input.selectionStart < input.value.length;
        const over = quad && pointer && geometry.contains(quad, pointer);
        if (caret) editor.split(input.selectionStart, null);
        else editor.split(null, over ? geometry.along(quad, pointer) : null);
    };
    const commit = (act) => {
        if (editor.dirty) noteCharacters(editor.typed);
        return act();
    };
    const askToSubmit = () => {
        editor.commit();
        setDialog("submit");
    };
    const DIRECTIONS = [[-1, 0], [0, -1], [1, 0], [0, 1]]; // prettier-ignore
    const commands = {
        accept: () => commit(() => editor.accept()),
        next: () => commit(() => editor.move(1)),
        previous: () => commit(() => editor.move(-1)),
        edit: () => focusField(false),
        leave: () => {
            if (editor.drawing) editor.setDrawing(false);
            else if (editor.dirty) editor.revert();
            else {
                inField.current = false;
                sheetElement.current.focus({ preventScroll: true });
            }
        },
        undo: () => editor.undo(),
        redo: () => editor.redo(),
        unreadable: () => editor.toggleUnreadable(),
        difficult: () => editor.toggleDifficult(),
        delete: () => editor.toggleDeleted(),
        draw: () => editor.setDrawing(!editor.drawing),
        split,
        merge: () => editor.merge(),
        mergeBack: () => editor.merge(true),
        turn: () => editor.turn(1),
        turnBack: () => editor.turn(-1),
        rotateLeft: () => editor.rotate(-1),
        rotateRight: () => editor.rotate(1),
        nudge: (i) => editor.nudge(...DIRECTIONS[i]),
        pan: (i) => sheet.current.pan(DIRECTIONS[i][0] / 4, DIRECTIONS[i][1] / 4),
        zoomIn: () => sheet.current.zoomBy(1.4),
        zoomOut: () => sheet.current.zoomBy(1 / 1.4),
        zoom: () => editor.selected && sheet.current.zoomTo(editor.selected.quad),
        whole: () => sheet.current.fit(task.area),
        filter: () => editor.toggleFilter(),
        propose: (i) => editor.propose(i),
        insert: (i) => insert(FIXED[i]),
        submit: askToSubmit,
        help: () => setDialog("help"),
    };
    const latest = useRef(commands);
    latest.current = commands;
    const dialogOpen = useRef(null);
    dialogOpen.current = dialog;

    useEffect(() => {
        const key = (event) => {
            if (dialogOpen.current) return;
            if (!event.repeat) sync.active();
            const place = event.target === field.current ? "field" : "sheet";
            const command = commandOf(event, place);
            if (!command || !sheet.current) return;
            // Buttons and links keep the keys that work them.
            const control = event.target.closest?.("button, a, select");
            const plain = !event.ctrlKey && !event.metaKey;
            if (control && plain && (event.key === "Enter" || event.key === " ")) return;
            event.preventDefault();
            latest.current[command.id](command.i);
        };
        const press = () => sync.active();
        document.addEventListener("keydown", key);
        document.addEventListener("pointerdown", press, true);
        return () => {
            document.removeEventListener("keydown", key);
            document.removeEventListener("pointerdown", press, true);
        };
    }, []);

    const box = editor.selected;
    const { waiting, total } = editor.counts;
    const run = (id) => (event) => {
        event.preventDefault();
        commands[id](0);
    };
    return html`
        <div class="labeler">
            <header class="bar">
                <button
                    class="quiet"
                    onClick=${async () => {
                        editor.commit();
                        await sync.save();
                        leave();
                    }}
                >
                    ← ${say("labeler.back")}
                </button>
                <span class="title" title=${task.sheet.name}>${task.sheet.name}</span>
                <span class="page">${say("labeler.page", { page: task.sheet.page })}</span>
                ${task.round > 1 && html`<span class="round">${say("tasks.round", { round: task.round })}</span>`}
                <span class="spacer"></span>
                <span class="left ${waiting ? "" : "done"}" role="status">
                    <b>${waiting ? say("labeler.left", { waiting }) : say("labeler.done")}</b>
                    <span>${say("labeler.of", { total })}</span>
                </span>
                <button
                    class="toggle"
                    aria-pressed=${editor.onlyUnsure}
                    title=${caption(KEYS.filter.field[0])}
                    onMouseDown=${(event) => event.preventDefault()}
                    onClick=${run("filter")}
                >
                    ${editor.onlyUnsure ? say("labeler.unsureOnly") : say("labeler.all")}
                </button>
                <${SaveStatus} sync=${sync} />
                <span class="spacer"></span>
                <button class="quiet" onClick=${() => setDialog("help")}>${say("labeler.help")} <${Key}>?<//></button>
                <${LanguageButton} />
                <button class="quiet" onClick=${() => setDialog("release")}>${say("labeler.release")}</button>
                <button class="primary" title=${caption(KEYS.submit.field[0])} onClick=${askToSubmit}>
                    ${say("labeler.submit")}
                </button>
            </header>
            <div class="work">
                <main>
                    <div
                        class="sheet"
                        ref=${sheetElement}
                        tabindex="0"
                        role="application"
                        aria-label=${say("labeler.sheet")}
                    ></div>
                    ${editor.drawing &&
                    html`<p class="hint">${say("labeler.drawing", { key: caption("Escape") })}</p>`}
                    ${tilesFail && html`<p class="hint bad" role="alert">${say("labeler.tiles")}</p>`}
                </main>
                <aside class="panel">
                    <${Trouble} sync=${sync} download=${() => download(task, sync)} />
                    <${Conflicts} sync=${sync} editor=${editor} />
                    ${box
                        ? html`<${Current}
                              key=${"current"}
                              box=${box}
                              editor=${editor}
                              tiles=${tiles}
                              field=${field}
                              was=${origins.get(box.id)}
                              insert=${insert}
                              run=${run}
                          />`
                        : html`<div class="nothing">
                              <h2>${say("labeler.nothing")}</h2>
                              <p>${say("labeler.nothingHint", { next: caption(KEYS.next.sheet[0]) })}</p>
                          </div>`}
                    <${Tools} box=${box} editor=${editor} run=${run} />
                    <p class="notice" role="status" aria-live="polite">${notice?.text}</p>
                    <${Legend} editor=${editor} />
                </aside>
            </div>
            ${dialog === "help" && html`<${Help} close=${() => setDialog(null)} />`}
            ${dialog === "submit" &&
            html`<${SubmitDialog}
                editor=${editor}
                sync=${sync}
                close=${() => setDialog(null)}
                look=${() => {
                    setDialog(null);
                    editor.onlyUnsure = true;
                    editor.move(1);
                }}
                submitted=${submitted}
            />`}
            ${dialog === "release" &&
            html`<${ReleaseDialog} task=${task} sync=${sync} close=${() => setDialog(null)} leave=${leave} />`}
        </div>
    `;
}

function Current({ box, editor, tiles, field, was, insert, run }) {
    const quad = editor.preview ?? box.quad;
    const { text } = editor;
    const keep = (event) => event.preventDefault();
    const position = editor.index.get(box.id) + 1;
    return html`
        <section class="current">
            <${Crop} tiles=${tiles} quad=${quad} upcoming=${editor.upcoming?.quad} />
            <div class="facts">
                <span class="state ${waits(box) ? "UNSURE" : box.state}">${say(`state.${box.state}`)}</span>
                ${box.confidence !== null &&
                box.confidence !== undefined &&
                html`<span class="confidence">
                    ${say("labeler.confidence", { percent: `${Math.round(box.confidence * 100)} %` })}
                </span>`}
                ${box.difficult && html`<span class="difficult">${say("labeler.difficult")}</span>`}
                <span class="spacer"></span>
                <span>${say("labeler.angle", { degrees: Math.round(geometry.angle(quad)) })}</span>
                <span class="number">${position} / ${editor.boxes.length}</span>
            </div>
            <input
                ref=${field}
                class="text"
                type="text"
                value=${text}
                aria-label=${say("labeler.field")}
                placeholder=${say("labeler.empty")}
                autocomplete="off"
                autocapitalize="off"
                spellcheck=${false}
                onInput=${(event) => {
                    const given = event.target.value;
                    // What is refused leaves the field as it was.
                    if (!editor.type(given)) event.target.value = editor.text;
                }}
            />
            ${was !== undefined && was !== text && html`<p class="was">${say("labeler.was", { text: was })}</p>`}
            ${box.proposals?.length > 0 &&
            html`<div class="proposals" role="group" aria-label=${say("labeler.proposals")}>
                <h3>${say("labeler.proposals")}</h3>
                ${box.proposals.map(
                    (proposal, i) => html`
                        <button onMouseDown=${keep} onClick=${() => editor.propose(i)}>
                            <${Key}>${caption(KEYS.propose.field[i])}<//> <span>${proposal}</span>
                        </button>
                    `,
                )}
            </div>`}
            <div class="palette" role="group" aria-label=${say("labeler.palette")}>
                ${[...FIXED, ...recent()].map(
                    (character, i) => html`
                        <button
                            key=${character}
                            title=${i < FIXED.length ? caption(KEYS.insert.field[i]) : undefined}
                            tabindex="-1"
                            onMouseDown=${keep}
                            onClick=${() => insert(character)}
                        >
                            ${character}
                        </button>
                    `,
                )}
            </div>
            <div class="decide">
                <button class="primary" onMouseDown=${keep} onClick=${run("accept")}>
                    ${say("tool.accept")} <${Key}>${caption("Enter")}<//>
                </button>
                <button onMouseDown=${keep} onClick=${run("unreadable")} aria-pressed=${box.state === "UNREADABLE"}>
                    ${say("tool.unreadable")} <${Key}>${caption(KEYS.unreadable.field[0])}<//>
                </button>
            </div>
        </section>
    `;
}

function Tools({ box, editor, run }) {
    const tool = (id, enabled, pressed) => html`
        <button
            disabled=${!enabled}
            aria-pressed=${pressed}
            title=${say(`key.${id}`)}
            onMouseDown=${(event) => event.preventDefault()}
            onClick=${run(id)}
        >
            <span>${say(`tool.${id}`)}</span><${Key}>${caption(KEYS[id].field[0])}<//>
        </button>
    `;
    return html`
        <div class="tools" role="toolbar">
            ${tool("split", box)} ${tool("merge", box)} ${tool("draw", true, editor.drawing)} ${tool("turn", box)}
            ${tool("delete", box, box?.state === "DELETED")} ${tool("difficult", box, Boolean(box?.difficult))}
            ${tool("undo", editor.past.length > 0 || editor.dirty)} ${tool("redo", editor.future.length > 0)}
        </div>
    `;
}

function SaveStatus({ sync }) {
    const { kind } = sync.status;
    const count = sync.changes().length;
    const shown = sync.conflicts.length > 0 && kind === "saved" ? "conflicts" : kind;
    const values = { count: shown === "conflicts" ? sync.conflicts.length : count };
    return html`<span class="save ${shown}" role="status" aria-live="polite" data-revision=${sync.revision}>
        ${say(`save.${shown}`, values)}
    </span>`;
}

/** Why saving does not go on, and what to do. */
function Trouble({ sync, download }) {
    const { kind, code, message } = sync.status;
    if (kind === "expired") {
        return html`<section class="trouble" role="alert">
            <h2>${say("token.expired.title")}</h2>
            <p>${say("token.expired.text")}</p>
            <p class="detail">${message}</p>
            <button onClick=${() => sync.retry()}>${say("app.retry")}</button>
        </section>`;
    }
    if (kind !== "refused" && kind !== "lost") return null;
    return html`<section class="trouble" role="alert">
        <h2>${say(`save.${kind}`)}</h2>
        <p>${say(`${kind}.${code}`, { message })}</p>
        <div class="actions">
            <button onClick=${() => sync.retry()}>${say("app.retry")}</button>
            <button onClick=${download}>${say("lost.download")}</button>
        </div>
    </section>`;
}

/** Everything that the server does not have, as a file: nobody's work is locked into a browser. */
function download(task, sync) {
    const content = { task_id: task.task_id, revision: sync.revision, changes: sync.changes(), conflicts: sync.conflicts };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1)], { type: "application/json" }));
    link.download = `${task.task_id}-edits.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Boxes that two people changed in different ways: mine or theirs. */
function Conflicts({ sync, editor }) {
    return sync.conflicts.map(({ id, mine, savedBy }) => {
        const theirs = editor.box(id);
        const describe = (box) => {
            if (!box || box.state === "DELETED") return say("state.DELETED");
            if (box.state === "UNREADABLE") return say("state.UNREADABLE");
            return mine?.text === theirs?.text ? `${box.text} (${say("conflict.place")})` : box.text;
        };
        return html`
            <section class="conflict" key=${id} role="alert">
                <h2>${say("conflict.title", { who: savedBy ?? say("labeler.someone") })}</h2>
                <button onClick=${() => sync.decide(id, true)}>
                    <small>${say("conflict.mine")}</small><span>${describe(mine)}</span>
                </button>
                <button onClick=${() => sync.decide(id, false)}>
                    <small>${say("conflict.theirs")}</small><span>${describe(theirs)}</span>
                </button>
                ${theirs && html`<button class="quiet" onClick=${() => editor.select(id)}>${say("key.zoom")}</button>`}
            </section>
        `;
    });
}

function Legend({ editor }) {
    const counts = Object.fromEntries(STATES.map((state) => [state, 0]));
    for (const box of editor.boxes) counts[waits(box) ? "UNSURE" : box.state] += 1;
    return html`
        <ul class="legend">
            ${STATES.filter((state) => counts[state] > 0).map(
                (state) => html`<li key=${state} class=${state}><i></i>${say(`state.${state}`)} <b>${counts[state]}</b></li>`,
            )}
        </ul>
    `;
}

function SubmitDialog({ editor, sync, close, look, submitted }) {
    const [problem, setProblem] = useState(null);
    const [busy, setBusy] = useState(false);
    const unsure = editor.boxes.filter((box) => box.state === "UNSURE").length;
    const empty = editor.boxes.filter((box) => waits(box) && box.state !== "UNSURE").length;
    const blocked = empty > 0 || sync.conflicts.length > 0;
    const send = async () => {
        setBusy(true);
        setProblem(null);
        try {
            if (!(await sync.flush())) {
                setProblem(say(sync.conflicts.length ? "submit.conflicts" : "submit.unsaved"));
            } else {
                await sync.submit(unsure > 0);
                submitted();
                return;
            }
        } catch (error) {
            setProblem(error instanceof api.Unreachable ? say("app.unreachable") : error.message);
        }
        setBusy(false);
    };
    return html`
        <${Dialog} title=${say("submit.title")} onClose=${close}>
            ${unsure > 0 && html`<p>${say("submit.waiting", { waiting: unsure })}</p>`}
            ${empty > 0 && html`<p class="problem">${say("submit.empty", { count: empty })}</p>`}
            ${sync.conflicts.length > 0 && html`<p class="problem">${say("submit.conflicts")}</p>`}
            ${unsure + empty === 0 && !sync.conflicts.length && html`<p>${say("submit.ready")}</p>`}
            ${problem && html`<p class="problem" role="alert">${problem}</p>`}
            <div class="actions">
                <button onClick=${close}>${say("cancel")}</button>
                ${unsure + empty > 0 && html`<button onClick=${look} autofocus>${say("submit.look")}</button>`}
                <button class="primary" disabled=${blocked || busy} onClick=${send} autofocus=${unsure + empty === 0}>
                    ${say("submit.yes")}
                </button>
            </div>
        <//>
    `;
}

function ReleaseDialog({ task, sync, close, leave }) {
    const [problem, setProblem] = useState(null);
    const send = async () => {
        try {
            if (!(await sync.flush())) {
                setProblem(say("submit.unsaved"));
                return;
            }
            await api.release(task.task_id);
            leave();
        } catch (error) {
            setProblem(error instanceof api.Unreachable ? say("app.unreachable") : error.message);
        }
    };
    return html`
        <${Dialog} title=${say("release.title")} onClose=${close}>
            <p>${say("release.text")}</p>
            ${problem && html`<p class="problem" role="alert">${problem}</p>`}
            <div class="actions">
                <button onClick=${close}>${say("cancel")}</button>
                <button class="primary" onClick=${send} autofocus>${say("release.yes")}</button>
            </div>
        <//>
    `;
}
