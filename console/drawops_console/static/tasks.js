// The list of tasks: what this person holds, what may be taken, how far all are.
import * as api from "./api.js";
import { LanguageButton, Message } from "./common.js";
import { draftKey, readDraft } from "./drafts.js";
import { html, useEffect, useState } from "./html.js";
import { say } from "./language.js";
import { forgetToken } from "./session.js";

const REFRESH_MS = 20_000;

function Row({ task, hasDraft }) {
    const mine = task.state === "CLAIMED";
    return html`
        <li class="task ${mine ? "mine" : ""}">
            <a href=${`#/tasks/${encodeURIComponent(task.task_id)}`}>
                <span class="name" title=${task.name}>${task.name}</span>
                <span class="facts">
                    <span>${say("tasks.page", { page: task.page })}</span>
                    <span>${say("tasks.boxes", { boxes: task.boxes })}</span>
                    <span class=${task.unsure ? "unsure" : ""}>
                        ${task.unsure ? say("tasks.unsure", { unsure: task.unsure }) : say("tasks.allSure")}
                    </span>
                    ${task.round > 1 && html`<span class="round">${say("tasks.round", { round: task.round })}</span>`}
                    ${hasDraft && html`<span class="draft">${say("tasks.draft")}</span>`}
                </span>
                <span class="go">${mine ? say("tasks.continue") : say("tasks.take")}</span>
            </a>
        </li>
    `;
}

export function Tasks({ onExpired, open }) {
    const [list, setList] = useState(null);
    const [problem, setProblem] = useState(null);
    const [drafts, setDrafts] = useState(new Set());

    const refresh = async () => {
        try {
            const answer = await api.tasks();
            setList(answer);
            setProblem(null);
            const kept = await Promise.all(
                answer.tasks.map((task) => readDraft(draftKey(answer.annotator, task.task_id)).catch(() => null)),
            );
            setDrafts(new Set(answer.tasks.filter((_, i) => kept[i]).map((task) => task.task_id)));
        } catch (error) {
            if (error.code === "UNAUTHORIZED") onExpired(error.message);
            else setProblem(error instanceof api.Unreachable ? say("app.unreachable") : error.message);
        }
    };
    useEffect(() => {
        refresh();
        const timer = setInterval(() => document.hidden || refresh(), REFRESH_MS);
        return () => clearInterval(timer);
    }, []);

    const next = async () => {
        try {
            open((await api.takeNext()).task_id);
        } catch (error) {
            if (error.code === "UNAUTHORIZED") onExpired(error.message);
            else if (error.code === "NOT_FOUND") setProblem(say("tasks.noNext"));
            else setProblem(error instanceof api.Unreachable ? say("app.unreachable") : error.message);
        }
    };

    if (!list && problem) {
        return html`<${Message} title=${problem}>
            <button class="primary" onClick=${refresh}>${say("app.retry")}</button>
        <//>`;
    }
    if (!list) return html`<${Message} title=${say("app.loading")} />`;
    const mine = list.tasks.filter((task) => task.state === "CLAIMED");
    const open_ = list.tasks.filter((task) => task.state === "OPEN");
    const done = list.submitted + list.open ? Math.round((100 * list.submitted) / (list.submitted + list.open)) : 0;
    const rows = (tasks) =>
        tasks.map((task) => html`<${Row} key=${task.task_id} task=${task} hasDraft=${drafts.has(task.task_id)} />`);
    return html`
        <div class="tasks">
            <header class="bar">
                <span class="brand">drawops</span>
                <span class="spacer"></span>
                <span class="who">${say("tasks.hello", { name: list.annotator })}</span>
                <button
                    class="quiet"
                    onClick=${() => {
                        forgetToken();
                        onExpired(null);
                    }}
                >
                    ${say("token.forget")}
                </button>
                <${LanguageButton} />
            </header>
            <main>
                <div class="head">
                    <div>
                        <h1>${say("tasks.title")}</h1>
                        <p class="progress-text">
                            ${say("tasks.progress", { submitted: list.submitted, open: list.open })}
                        </p>
                    </div>
                    <button class="primary" onClick=${next} disabled=${list.tasks.length === 0}>
                        ${say("tasks.next")}
                    </button>
                </div>
                <progress max="100" value=${done} aria-label=${say("tasks.title")}></progress>
                ${problem && html`<p class="problem" role="alert">${problem}</p>`}
                ${list.tasks.length === 0 && html`<p class="none">${say("tasks.none")}</p>`}
                ${mine.length > 0 && html`<h2>${say("tasks.mine")}</h2><ul>${rows(mine)}</ul>`}
                ${open_.length > 0 && html`<h2>${say("tasks.open")}</h2><ul>${rows(open_)}</ul>`}
            </main>
        </div>
    `;
}
