// Pieces that every page of the console shows: language switch, messages, dialogs.
import { html, useEffect, useRef } from "./html.js";
import { say, switchLanguage } from "./language.js";

/** The button that switches between English and Chinese. */
export const LanguageButton = () => html`
    <button
        class="quiet"
        onMouseDown=${(event) => event.preventDefault()}
        onClick=${switchLanguage}
        lang=${say("language") === "English" ? "en" : "zh-CN"}
    >
        ${say("language")}
    </button>
`;

/** A whole page that says one thing. */
export const Message = ({ title, text, children }) => html`
    <main class="message">
        <h1>${title}</h1>
        ${text && html`<p>${text}</p>`}
        <div class="actions">${children}</div>
    </main>
`;

/** A modal dialog; Escape closes it. */
export function Dialog({ title, onClose, wide, children }) {
    const element = useRef(null);
    useEffect(() => {
        const before = document.activeElement;
        element.current.showModal();
        return () => before?.focus?.({ preventScroll: true });
    }, []);
    const close = (event) => {
        event.preventDefault();
        onClose();
    };
    return html`
        <dialog ref=${element} class=${wide ? "wide" : ""} onCancel=${close} aria-label=${title}>
            <header>
                <h2>${title}</h2>
                <button class="quiet" onClick=${onClose} aria-label=${say("app.close")}>Esc ✕</button>
            </header>
            ${children}
        </dialog>
    `;
}

/** A key as it looks on a keyboard. */
export const Key = ({ children }) => html`<kbd>${children}</kbd>`;
