// Three-way merge of one box: what stood when I began, mine, and what another person saved meanwhile.

const REMOVED = new Set(["DELETED", "UNREADABLE"]);

/** Whether two boxes (or nothing: null) say the same. */
export function same(a, b) {
    if (a === b) return true;
    if (!a || !b) return false;
    return (
        a.text === b.text &&
        a.state === b.state &&
        a.difficult === b.difficult &&
        sameQuad(a.quad, b.quad) &&
        (a.confidence ?? null) === (b.confidence ?? null)
    );
}

/** Whether two quads have the same corners in the same order. */
export function sameQuad(a, b) {
    return a.every((corner, i) => corner[0] === b[i][0] && corner[1] === b[i][1]);
}

/**
 * Merge one box; null stands for "no such box".
 *
 * Returns {box, conflict}: when two people disagree, `conflict` is true and `box` is theirs, because that is
 * what the server holds until somebody decides. Two people may change different things of one box: one its
 * place, the other its string.
 */
export function merge(base, mine, theirs) {
    if (same(mine, theirs) || same(mine, base)) return { box: theirs, conflict: false };
    if (same(theirs, base)) return { box: mine, conflict: false };
    if (!base || !mine || !theirs) return { box: theirs, conflict: true };
    const verdict = (box) => (REMOVED.has(box.state) ? box.state : "");
    if (verdict(mine) !== verdict(theirs)) return { box: theirs, conflict: true };

    const changed = (box) => ({ text: box.text !== base.text, quad: !sameQuad(box.quad, base.quad) });
    const [my, their] = [changed(mine), changed(theirs)];
    if (mine.text !== theirs.text) {
        // Who changed neither string nor place looked at the string and agreed with it.
        const complement = (my.text && !their.text && their.quad) || (their.text && !my.text && my.quad);
        const untouched = (my.text && theirs.state === base.state) || (their.text && mine.state === base.state);
        if (!complement && !untouched) return { box: theirs, conflict: true };
    }
    if (my.quad && their.quad && !sameQuad(mine.quad, theirs.quad)) return { box: theirs, conflict: true };
    const box = {
        ...theirs,
        text: my.text ? mine.text : theirs.text,
        quad: my.quad ? mine.quad : theirs.quad,
        difficult: mine.difficult !== base.difficult ? mine.difficult : theirs.difficult,
        state: theirs.state === base.state ? mine.state : theirs.state,
    };
    if (box.state === "ACCEPTED" && (my.text || my.quad || their.text || their.quad)) box.state = "EDITED";
    return { box, conflict: false };
}
