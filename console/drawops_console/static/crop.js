// The current text, turned upright, at a size that can be read.
import * as geometry from "./geometry.js";
import { html, useEffect, useRef } from "./html.js";
import { say } from "./language.js";

const HEIGHT = 132; // of the picture on the screen
const LEAST_TEXT = 26; // height of a text on the screen; long ones scroll sideways instead of shrinking

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
        frame.current.scrollLeft = 0;
    }, [quad]);
    return html`
        <div class="crop" ref=${frame} tabindex="-1">
            <canvas ref=${canvas} role="img" aria-label=${say("labeler.cropLabel")}></canvas>
        </div>
    `;
}
