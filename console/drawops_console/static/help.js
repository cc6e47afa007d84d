// All keys on one sheet, from the same table that the keyboard uses.
import { Dialog, Key } from "./common.js";
import { html } from "./html.js";
import { caption, KEYS } from "./keys.js";
import { say } from "./language.js";

const GROUPS = {
    go: ["accept", "next", "previous", "edit", "leave"],
    decide: ["unreadable", "difficult", "delete", "propose", "insert", "undo", "redo", "submit"],
    shape: ["draw", "split", "merge", "mergeBack", "turn", "turnBack", "rotateLeft", "rotateRight", "nudge"],
    view: ["pan", "zoomIn", "zoomOut", "zoom", "whole", "filter", "help"],
};

/** Keys of a command; a run of like keys is shown by its ends. */
function Keys({ keys }) {
    if (keys.length === 0) return html`<span class="none">–</span>`;
    if (keys.length === 4 && keys[0].endsWith("ArrowLeft")) {
        return html`<${Key}>${caption(keys[0]).slice(0, -1)}← ↑ → ↓<//>`;
    }
    const run = keys.length > 4;
    const shown = run ? [keys[0], keys.at(-1)] : keys;
    return shown.map((key, i) => html`${i > 0 && (run ? " … " : " ")}<${Key}>${caption(key)}<//>`);
}

export function Help({ close }) {
    return html`
        <${Dialog} title=${say("help.title")} onClose=${close} wide>
            <p>${say("help.intro", { alt: caption("Alt+x").replace(/\W?X$/, "") })}</p>
            <div class="keys">
                ${Object.entries(GROUPS).map(
                    ([group, ids]) => html`
                        <table key=${group}>
                            <thead>
                                <tr>
                                    <th scope="col">${say(`group.${group}`)}</th>
                                    <th scope="col">${say("help.field")}</th>
                                    <th scope="col">${say("help.sheet")}</th>
                                </tr>
                            </thead>
                            <tbody>
                                ${ids.map(
                                    (id) => html`<tr key=${id}>
                                        <th scope="row">${say(`key.${id}`)}</th>
                                        <td><${Keys} keys=${KEYS[id].field} /></td>
                                        <td><${Keys} keys=${KEYS[id].sheet} /></td>
                                    </tr>`,
                                )}
                            </tbody>
                        </table>
                    `,
                )}
            </div>
            <h3>${say("help.mouse")}</h3>
            <p>${say("help.mouse.select")} ${say("help.mouse.shape")}</p>
        <//>
    `;
}
