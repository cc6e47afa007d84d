// The console: who is here, and which page is shown. `#/` is the list of tasks, `#/tasks/<id>` the labeler.
import * as api from "./api.js";
import { LanguageButton, Message } from "./common.js";
import { html, render, useEffect, useEvents, useState } from "./html.js";
import { Labeler } from "./labeler.js";
import { language, say } from "./language.js";
import { recall, takeToken, token } from "./session.js";
import { Tasks } from "./tasks.js";

/** The id of the task that the address names, or null. */
function taskOfAddress() {
    const found = /^#\/tasks\/([^/]+)$/.exec(location.hash);
    return found ? decodeURIComponent(found[1]) : null;
}

const open = (taskId) => {
    location.hash = taskId ? `#/tasks/${encodeURIComponent(taskId)}` : "#/";
};

function NoToken({ expired, detail }) {
    const kind = expired ? "expired" : "missing";
    return html`
        <div class="gate">
            <header class="bar">
                <span class="brand">drawops</span><span class="spacer"></span><${LanguageButton} />
            </header>
            <${Message} title=${say(`token.${kind}.title`)} text=${say(`token.${kind}.text`)}>
                ${detail && html`<p class="detail">${detail}</p>`}
            <//>
        </div>
    `;
}

function Console() {
    useEvents(language, "change");
    const [task, setTask] = useState(taskOfAddress());
    const [gate, setGate] = useState(token() ? null : { expired: false });
    const [annotator, setAnnotator] = useState(null);
    const [problem, setProblem] = useState(null);
    const onExpired = (detail) => setGate(detail === null ? { expired: false } : { expired: true, detail });

    const identify = async () => {
        setProblem(null);
        try {
            setAnnotator((await api.me()).annotator);
        } catch (error) {
            if (error.code === "UNAUTHORIZED") onExpired(error.message);
            else setProblem(error instanceof api.Unreachable ? say("app.unreachable") : error.message);
        }
    };
    useEffect(() => {
        const changed = () => {
            if (takeToken()) location.reload();
            else setTask(taskOfAddress());
        };
        window.addEventListener("hashchange", changed);
        return () => window.removeEventListener("hashchange", changed);
    }, []);
    useEffect(() => {
        if (!gate) identify();
    }, []);

    document.title = "drawops";
    if (gate) return html`<${NoToken} ...${gate} />`;
    if (problem) {
        return html`<${Message} title=${problem}>
            <button class="primary" onClick=${identify}>${say("app.retry")}</button>
        <//>`;
    }
    if (!annotator) return html`<${Message} title=${say("app.loading")} />`;
    if (!task) return html`<${Tasks} onExpired=${onExpired} open=${open} />`;
    return html`<${Labeler} key=${task} taskId=${task} annotator=${annotator} close=${() => open(null)} />`;
}

const given = takeToken();
// Whoever comes back with the same link after a closed tab goes on where the work was.
if ((given || location.hash === "") && recall("lastTask") && !taskOfAddress()) {
    history.replaceState(null, "", `${location.pathname}${location.search}#/tasks/${recall("lastTask")}`);
}
render(html`<${Console} />`, document.getElementById("console"));
