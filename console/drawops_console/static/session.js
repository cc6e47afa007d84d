// Who uses the page: the token out of the link, kept for this API only, and small things to remember.

/** Root of the API and of the page, whatever prefix it lives below. */
export const ROOT = new URL("../", import.meta.url);
const PREFIX = `drawops:${ROOT.pathname}:`;

/** What this browser remembers under `key`; `otherwise` when there is nothing (or storage is blocked). */
export function recall(key, otherwise = null) {
    try {
        const text = localStorage.getItem(PREFIX + key);
        return text === null ? otherwise : JSON.parse(text);
    } catch (error) {
        console.warn("drawops: nothing can be remembered here", error);
        return otherwise;
    }
}

/** Remember `value` (anything JSON can say) under `key`; null forgets it. */
export function remember(key, value) {
    try {
        if (value === null) localStorage.removeItem(PREFIX + key);
        else localStorage.setItem(PREFIX + key, JSON.stringify(value));
    } catch (error) {
        console.warn("drawops: nothing can be remembered here", error);
    }
}

let held = null;

/** Take `#token=…` out of the address bar, so that it lands in no history, screenshot or copied link. */
export function takeToken() {
    const given = new URLSearchParams(location.hash.slice(1)).get("token");
    if (given) {
        held = given;
        remember("token", given);
        history.replaceState(null, "", location.pathname + location.search);
    }
    return Boolean(given);
}

/** The token of this person, or null. Another tab may have been given a newer one: what is stored comes first. */
export function token() {
    return recall("token") ?? held;
}

/** Forget the token on this computer. */
export function forgetToken() {
    held = null;
    remember("token", null);
}
