// Every command of the labeler with its keys: one table for the keyboard, the buttons and the help.
//
// The text field is live: typing corrects. So in the field a command's letter goes with Alt; on the sheet (Esc)
// the letter alone is enough.

/** id -> {sheet, field}: keys as `event.key` says them, with "Alt+", "Shift+", "Mod+" (Ctrl, on a Mac Cmd). */
export const KEYS = {
    accept: { sheet: ["Enter"], field: ["Enter"] },
    next: { sheet: ["j"], field: ["Tab", "ArrowDown", "Alt+j"] },
    previous: { sheet: ["k"], field: ["Shift+Tab", "ArrowUp", "Alt+k"] },
    edit: { sheet: ["F2", "e"], field: ["F2"] },
    leave: { sheet: ["Escape"], field: ["Escape"] },
    undo: { sheet: ["Mod+z"], field: ["Mod+z"] },
    redo: { sheet: ["Mod+Shift+z", "Mod+y"], field: ["Mod+Shift+z", "Mod+y"] },
    unreadable: { sheet: ["u"], field: ["Alt+u"] },
    difficult: { sheet: ["d"], field: ["Alt+d"] },
    delete: { sheet: ["x", "Delete"], field: ["Alt+x"] },
    draw: { sheet: ["n"], field: ["Alt+n"] },
    split: { sheet: ["s"], field: ["Alt+s"] },
    merge: { sheet: ["m"], field: ["Alt+m"] },
    mergeBack: { sheet: ["Shift+m"], field: ["Alt+Shift+m"] },
    turn: { sheet: ["r"], field: ["Alt+r"] },
    turnBack: { sheet: ["Shift+r"], field: ["Alt+Shift+r"] },
    rotateLeft: { sheet: [","], field: ["Alt+,"] },
    rotateRight: { sheet: ["."], field: ["Alt+."] },
    nudge: { sheet: ["Shift+ArrowLeft", "Shift+ArrowUp", "Shift+ArrowRight", "Shift+ArrowDown"], field: [] },
    pan: { sheet: ["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"], field: [] },
    zoomIn: { sheet: ["+", "="], field: ["Alt+="] },
    zoomOut: { sheet: ["-"], field: ["Alt+-"] },
    zoom: { sheet: ["z"], field: ["Alt+z"] },
    whole: { sheet: ["w"], field: ["Alt+w"] },
    filter: { sheet: ["a"], field: ["Alt+a"] },
    propose: { sheet: ["1", "2", "3", "4", "5", "6", "7", "8"], field: [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `Alt+${n}`) },
    insert: { sheet: [], field: [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `Alt+Shift+${n}`) },
    submit: { sheet: ["Mod+Enter"], field: ["Mod+Enter"] },
    help: { sheet: ["?", "F1"], field: ["F1"] },
};

const MAC = /Mac|iPhone|iPad/.test(navigator.platform);

/** What a key event is called in the table; null for one that only makes a character or belongs to an IME. */
export function nameOf(event) {
    if (event.isComposing || event.keyCode === 229) return null;
    if (event.getModifierState?.("AltGraph")) return null; // writes ² or µ on many keyboards
    let { key } = event;
    const letter = /^Key([A-Z])$/.exec(event.code)?.[1].toLowerCase();
    const digit = /^Digit(\d)$/.exec(event.code)?.[1];
    // With Alt (Option) or Shift a layout makes another character of the same key; non-Latin layouts always do.
    if (digit && (event.altKey || event.shiftKey)) key = event.altKey ? digit : key;
    else if (/^[a-z]$/i.test(key)) key = key.toLowerCase();
    else if (letter && [...key].length === 1) key = letter;
    else if (key === "Dead" && letter) key = letter;
    else if (event.altKey) key = { Comma: ",", Period: ".", Equal: "=", Minus: "-" }[event.code] ?? key;
    const mod = MAC ? event.metaKey : event.ctrlKey;
    if (MAC ? event.ctrlKey : event.metaKey) return null;
    const shifted = event.shiftKey && ([...key].length > 1 || /^[a-z0-9]$/.test(key));
    return `${mod ? "Mod+" : ""}${event.altKey ? "Alt+" : ""}${shifted ? "Shift+" : ""}${key}`;
}

const lookup = Object.fromEntries(
    ["sheet", "field"].map((place) => [
        place,
        new Map(Object.entries(KEYS).flatMap(([id, keys]) => keys[place].map((key, i) => [key, { id, i }]))),
    ]),
);

/** The command of a key event: {id, i} (`i`: which of its keys), or undefined. `place` is "field" or "sheet". */
export function commandOf(event, place) {
    const name = nameOf(event);
    return name === null ? undefined : lookup[place].get(name);
}

const SIGNS = { ArrowLeft: "←", ArrowUp: "↑", ArrowRight: "→", ArrowDown: "↓", Escape: "Esc", "=": "+", Delete: "Del" };

/** A key as people see it. */
export function caption(key) {
    return key
        .split(/\+(?=.)/)
        .map((part) => SIGNS[part] ?? { Mod: MAC ? "⌘" : "Ctrl", Alt: MAC ? "⌥" : "Alt" }[part] ?? part)
        .map((part) => (part.length === 1 ? part.toUpperCase() : part))
        .join(MAC ? " " : "+");
}
