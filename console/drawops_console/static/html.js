// The one place that knows which framework draws the page.
import { h, render } from "./vendor/preact.js";
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "./vendor/preact-hooks.js";
import htm from "./vendor/htm.js";

export const html = htm.bind(h);
export { render, useEffect, useLayoutEffect, useRef, useState };

/** Draw the component again whenever `target` sends one of `events`. */
export function useEvents(target, ...events) {
    const [, redraw] = useReducer((count) => count + 1, 0);
    useEffect(() => {
        for (const event of events) target.addEventListener(event, redraw);
        return () => events.forEach((event) => target.removeEventListener(event, redraw));
    }, [target]);
}
