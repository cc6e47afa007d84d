// Quads: four [x, y] points in pixels of the page, clockwise from the text's own top-left; y grows downwards.

const round = (value) => Math.round(value * 100) / 100;
const point = (x, y) => [round(x), round(y)];
const between = (a, b, t) => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
const distance = (a, b) => Math.hypot(b[0] - a[0], b[1] - a[1]);

/** The middle of a quad: the mean of its corners. */
export function middle(quad) {
    return [
        (quad[0][0] + quad[1][0] + quad[2][0] + quad[3][0]) / 4,
        (quad[0][1] + quad[1][1] + quad[2][1] + quad[3][1]) / 4,
    ];
}

/** The upright rectangle around points: {x, y, width, height}. */
export function bounds(points) {
    const xs = points.map((p) => p[0]);
    const ys = points.map((p) => p[1]);
    const x = Math.min(...xs);
    const y = Math.min(...ys);
    return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** Length along the text and across it, in pixels. */
export function size(quad) {
    return {
        width: (distance(quad[0], quad[1]) + distance(quad[3], quad[2])) / 2,
        height: (distance(quad[0], quad[3]) + distance(quad[1], quad[2])) / 2,
    };
}

/** Unit vectors: `along` in the direction of reading, `down` from the text's top to its foot. */
export function axes(quad) {
    const dx = quad[1][0] - quad[0][0] + quad[2][0] - quad[3][0];
    const dy = quad[1][1] - quad[0][1] + quad[2][1] - quad[3][1];
    const length = Math.hypot(dx, dy) || 1;
    const along = dx || dy ? [dx / length, dy / length] : [1, 0];
    return { along, down: [-along[1], along[0]] };
}

/** Direction of reading in degrees, clockwise from the page's x axis, in (-180, 180]. */
export function angle(quad) {
    const { along } = axes(quad);
    const degrees = (Math.atan2(along[1], along[0]) * 180) / Math.PI;
    return degrees <= -180 ? 180 : degrees;
}

/** Whether `p` lies in the quad (even-odd rule, so that a crossed quad can be hit, too). */
export function contains(quad, [x, y]) {
    let inside = false;
    for (let i = 0, j = 3; i < 4; j = i++) {
        const [xi, yi] = quad[i];
        const [xj, yj] = quad[j];
        if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
    }
    return inside;
}

/** The same place, read a quarter turn further: clockwise for `turns` = 1. Corners stay exactly where they are. */
export function turned(quad, turns) {
    const first = ((turns % 4) + 4) % 4;
    return [0, 1, 2, 3].map((i) => quad[(first + i) % 4]);
}

/** Rotated about its middle, clockwise, in degrees. */
export function rotated(quad, degrees) {
    const [cx, cy] = middle(quad);
    const cos = Math.cos((degrees * Math.PI) / 180);
    const sin = Math.sin((degrees * Math.PI) / 180);
    return quad.map(([x, y]) =>
        point(cx + (x - cx) * cos - (y - cy) * sin, cy + (x - cx) * sin + (y - cy) * cos),
    );
}

/** Moved by (dx, dy). */
export function moved(quad, dx, dy) {
    return quad.map(([x, y]) => point(x + dx, y + dy));
}

/** The corner `index` dragged to `to`, the opposite one fixed, sides parallel to the text; at least 3 px a side. */
export function resized(quad, index, to) {
    const { along, down } = axes(quad);
    const fixed = quad[(index + 2) % 4];
    const rightwards = index === 1 || index === 2 ? 1 : -1;
    const downwards = index >= 2 ? 1 : -1;
    const dx = to[0] - fixed[0];
    const dy = to[1] - fixed[1];
    const width = Math.max(3, (dx * along[0] + dy * along[1]) * rightwards);
    const height = Math.max(3, (dx * down[0] + dy * down[1]) * downwards);
    const at = (u, v) => point(fixed[0] + along[0] * u + down[0] * v, fixed[1] + along[1] * u + down[1] * v);
    const left = rightwards > 0 ? 0 : -width;
    const top = downwards > 0 ? 0 : -height;
    return [at(left, top), at(left + width, top), at(left + width, top + height), at(left, top + height)];
}

/** The corner `index` alone moved to `to`. */
export function reshaped(quad, index, to) {
    return quad.map((corner, i) => (i === index ? point(to[0], to[1]) : corner));
}

/**
 * A quad around the rectangle between two points of the page. A tall one reads bottom to top, as upright
 * texts on drawings do (ISO 3098 and 129: readable from the right).
 */
export function drawn(a, b) {
    const { x, y, width, height } = bounds([a, b]);
    const upright = [point(x, y), point(x + width, y), point(x + width, y + height), point(x, y + height)];
    return height > 1.5 * width ? turned(upright, 3) : upright;
}

/** Cut across the direction of reading at `t` (0..1 of its length): the two quads in reading order. */
export function divided(quad, t) {
    const top = between(quad[0], quad[1], t).map(round);
    const foot = between(quad[3], quad[2], t).map(round);
    return [
        [quad[0], top, foot, quad[3]],
        [top, quad[1], quad[2], foot],
    ];
}

/** Where `p` stands along the text: 0 at its beginning, 1 at its end. */
export function along(quad, p) {
    const axis = axes(quad).along;
    const start = between(quad[0], quad[3], 0.5);
    return ((p[0] - start[0]) * axis[0] + (p[1] - start[1]) * axis[1]) / (size(quad).width || 1);
}

/** The smallest quad around several, with the sides of the first. */
export function united(quads) {
    const { along: u, down: v } = axes(quads[0]);
    const points = quads.flat();
    const us = points.map(([x, y]) => x * u[0] + y * u[1]);
    const vs = points.map(([x, y]) => x * v[0] + y * v[1]);
    const at = (a, b) => point(u[0] * a + v[0] * b, u[1] * a + v[1] * b);
    const [left, right, top, foot] = [Math.min(...us), Math.max(...us), Math.min(...vs), Math.max(...vs)];
    return [at(left, top), at(right, top), at(right, foot), at(left, foot)];
}

/**
 * How far `next` is from the end of `quad` in the direction of reading, in heights of the text; null when it
 * is no continuation: another direction (over 15 degrees), another line, or more than three heights away.
 */
export function gapTo(quad, next) {
    const turn = Math.abs(((angle(next) - angle(quad) + 540) % 360) - 180);
    if (turn > 15) return null;
    const { along: u, down: v } = axes(quad);
    const interval = (axis, points) => {
        const values = points.map(([x, y]) => x * axis[0] + y * axis[1]);
        return [Math.min(...values), Math.max(...values)];
    };
    const [top, foot] = interval(v, quad);
    const [nextTop, nextFoot] = interval(v, next);
    const shared = Math.min(foot, nextFoot) - Math.max(top, nextTop);
    const height = Math.min(foot - top, nextFoot - nextTop) || 1;
    if (shared < 0.5 * height) return null;
    const end = interval(u, quad)[1];
    const [start, nextEnd] = interval(u, next);
    const gap = (start - end) / height;
    return nextEnd > end && gap > -1 && gap < 3 ? gap : null;
}
