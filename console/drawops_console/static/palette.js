// Characters that keyboards lack: eight fixed ones with a key each, then those that this person used lately.
import { recall, remember } from "./session.js";

export const FIXED = ["Ø", "±", "°", "²", "³", "½", "µ", "Δ"];
const RECENT = 8;

/** Characters beyond ASCII that were used lately, newest first; none of the fixed ones. */
export const recent = () => recall("characters", []);

/** Remember the special characters of a text that a person typed. CJK is left out: an IME writes that. */
export function noteCharacters(text) {
    const special = [...text].filter((c) => c.codePointAt(0) > 0x7e && !/\p{Script=Han}|\s/u.test(c));
    const fresh = special.filter((c) => !FIXED.includes(c));
    if (fresh.length) remember("characters", [...new Set([...fresh.reverse(), ...recent()])].slice(0, RECENT));
}
