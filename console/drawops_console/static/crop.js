// The current text, turned upright, at a size that can be read.
import * as geometry from "./geometry.js";
import { html, useEffect, useRef } from "./html.js";
import { say } from "./language.js";

const HEIGHT = 132; // of the picture on the screen
const LEAST_TEXT = 17; // height of a text on the screen; longer ones scroll with the caret instead of shrinking

export function Crop({ tiles, quad, upcoming }) {
    const frame = useRef(null);
    const canvas = useRef(null);
    const turn = useRef(0);
    useEffect(() => {
        const ratio = window.devicePixelRatio || 1;
        const width = frame.current.clientWidth;
        const sized = (shape) => {
            const text = geometry.size(shape);
            const least = (text.width + 1.2 * text.height) * Math.min(LEAST_TEXT / (text.height || 1), 8);
            return Math.min(Math.max(width, Math.round(least)), 4000);
        };
        const wide = sized(quad);
        const element = canvas.current;
        if (element.width !== Math.round(wide * ratio)) element.width = Math.round(wide * ratio);
        if (element.height !== Math.round(HEIGHT * ratio)) element.height = Math.round(HEIGHT * ratio);
        element.style.width = `${wide}px`;
        element.style.height = `${HEIGHT}px`;
        turn.current += 1;
        const mine = turn.current;
        element.dataset.ready = "";
        tiles
            .crop(element, quad, () => turn.current === mine)
            .then(() => turn.current === mine && (element.dataset.ready = "yes"))
            .catch((error) => console.warn("drawops: no picture of this text", error));
        if (upcoming) tiles.prefetch(upcoming, sized(upcoming) * ratio, HEIGHT * ratio);
    }, [quad, tiles]);
    useEffect(() => {
        const follow = () => {
            const input = document.activeElement;
            if (!input?.classList.contains("text") || !input.value.length) return;
            const { scrollWidth, clientWidth } = frame.current;
            const at = input.selectionEnd === input.value.length && input.selectionStart === 0 ? 0 : input.selectionEnd;
            frame.current.scrollLeft = (at / input.value.length) * scrollWidth - clientWidth / 2;
        };
        document.addEventListener("selectionchange", follow);
        return () => document.removeEventListener("selectionchange", follow);
    }, []);
    return html`
        <div class="crop" ref=${frame} tabindex="-1">
            <canvas ref=${canvas} role="img" aria-label=${say("labeler.cropLabel")}></canvas>
        </div>
    `;
}
