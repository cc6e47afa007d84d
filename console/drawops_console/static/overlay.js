// Thousands of boxes on one canvas above the sheet: a few paths, no element a box.
import * as geometry from "./geometry.js";
import { waits } from "./editor.js";

// Colours are told apart by width, dashes and filling, too. They stand on white paper.
const STYLES = {
    waiting: { stroke: "#d97706", fill: "rgba(245, 158, 11, 0.24)", width: 2 },
    SURE: { stroke: "rgba(71, 105, 160, 0.5)", width: 1 },
    ACCEPTED: { stroke: "#15803d", width: 1.5 },
    EDITED: { stroke: "#7c3aed", width: 1.5 },
    DRAWN: { stroke: "#0369a1", width: 1.5 },
    UNREADABLE: { stroke: "#be123c", width: 1.5, dash: [4, 3] },
    DELETED: { stroke: "#6b7280", width: 1, dash: [2, 4] },
};
const SELECTED = "#0ea5e9";
const DIMMED = "rgba(24, 26, 29, 0.5)";

const CELL = 1_000; // page pixels

/** Screen pixels: the frame's distance from the box, the knob's from the frame, half the size of handles. */
const FRAME = 3;
const KNOB = 24;
export const HANDLE = 5;

export class Overlay {
    /** Draws the boxes of `editor` on `canvas`. */
    constructor(canvas, editor) {
        this.canvas = canvas;
        this.context = canvas.getContext("2d");
        this.editor = editor;
        this.rubber = null; // [a, b] in page pixels while a new box is dragged
        this.conflicts = new Set();
        this.drawnBoxes = 0;
        this.#index();
    }

    /**
     * The boxes as paths in page pixels, one a style and cell of a grid: rebuilt when boxes change, and as they
     * are in every frame of panning and zooming. A box lies in the cell of its first corner.
     */
    #index() {
        const cells = new Map();
        for (const box of this.editor.boxes) {
            if (box.state === "DELETED" && this.editor.onlyUnsure) continue;
            const style = waits(box) ? "waiting" : box.state;
            const [[ax, ay], [bx, by], [cx, cy], [dx, dy]] = box.quad;
            const name = `${style} ${Math.floor(ax / CELL)} ${Math.floor(ay / CELL)}`;
            let cell = cells.get(name);
            if (!cell) {
                cell = { style, path: new Path2D(), left: ax, top: ay, right: ax, foot: ay, count: 0 };
                cells.set(name, cell);
            }
            cell.path.moveTo(ax, ay);
            cell.path.lineTo(bx, by);
            cell.path.lineTo(cx, cy);
            cell.path.lineTo(dx, dy);
            cell.path.closePath();
            cell.left = Math.min(cell.left, ax, bx, cx, dx);
            cell.right = Math.max(cell.right, ax, bx, cx, dx);
            cell.top = Math.min(cell.top, ay, by, cy, dy);
            cell.foot = Math.max(cell.foot, ay, by, cy, dy);
            cell.count += 1;
        }
        this.cells = [...cells.values()];
        this.indexed = this.editor.boxes;
        this.indexedFilter = this.editor.onlyUnsure;
    }

    /** Draw everything: page pixel p stands at screen pixel origin + p * zoom. */
    draw(originX, originY, zoom, width, height, ratio) {
        const { context, editor, canvas } = this;
        if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
            canvas.width = Math.round(width * ratio);
            canvas.height = Math.round(height * ratio);
        }
        if (this.indexed !== editor.boxes || this.indexedFilter !== editor.onlyUnsure) this.#index();
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.clearRect(0, 0, width, height);
        this.#dim(originX, originY, zoom);

        const [left, top] = [-originX / zoom, -originY / zoom];
        const [right, foot] = [left + width / zoom, top + height / zoom];
        this.drawnBoxes = 0;
        context.setTransform(ratio * zoom, 0, 0, ratio * zoom, ratio * originX, ratio * originY);
        for (const cell of this.cells) {
            if (cell.left > right || cell.right < left || cell.top > foot || cell.foot < top) continue;
            this.drawnBoxes += cell.count;
            const look = STYLES[cell.style];
            if (look.fill) {
                context.fillStyle = look.fill;
                context.fill(cell.path);
            }
            // Far out a frame would hide its text.
            context.lineWidth = (zoom < 0.25 ? Math.min(look.width, 1) : look.width) / zoom;
            context.setLineDash(look.dash && zoom > 0.2 ? look.dash.map((length) => length / zoom) : []);
            context.strokeStyle = look.stroke;
            context.stroke(cell.path);
        }
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.setLineDash([]);
        this.#selection(originX, originY, zoom);
        if (this.rubber) this.#rubber(originX, originY, zoom);
    }

    #dim(originX, originY, zoom) {
        const { context, editor } = this;
        const { area } = editor;
        if (area.x === 0 && area.y === 0 && area.width >= editor.width && area.height >= editor.height) return;
        context.beginPath();
        context.rect(originX, originY, editor.width * zoom, editor.height * zoom);
        context.rect(originX + area.x * zoom, originY + area.y * zoom, area.width * zoom, area.height * zoom);
        context.fillStyle = DIMMED;
        context.fill("evenodd");
        context.strokeStyle = SELECTED;
        context.lineWidth = 1;
        context.strokeRect(originX + area.x * zoom, originY + area.y * zoom, area.width * zoom, area.height * zoom);
    }

    #path(points, originX, originY, zoom) {
        this.context.beginPath();
        points.forEach(([x, y], i) => {
            if (i) this.context.lineTo(originX + x * zoom, originY + y * zoom);
            else this.context.moveTo(originX + x * zoom, originY + y * zoom);
        });
    }

    #selection(originX, originY, zoom) {
        const { context, editor } = this;
        const box = editor.selected;
        if (!box) return;
        const { corners: quad, knob } = handles(editor.preview ?? box.quad, zoom);
        this.#path(quad, originX, originY, zoom);
        context.closePath();
        context.strokeStyle = "rgba(255, 255, 255, 0.9)";
        context.lineWidth = 5;
        context.stroke();
        context.strokeStyle = SELECTED;
        context.lineWidth = 2.5;
        context.stroke();
        // A thick foot says which way the text reads.
        this.#path([quad[3], quad[2]], originX, originY, zoom);
        context.lineWidth = 5;
        context.stroke();

        this.#path([knob.from, knob.at], originX, originY, zoom);
        context.lineWidth = 1.5;
        context.stroke();
        context.fillStyle = "#fff";
        context.lineWidth = 2;
        context.beginPath();
        context.arc(originX + knob.at[0] * zoom, originY + knob.at[1] * zoom, HANDLE, 0, 2 * Math.PI);
        for (const [x, y] of quad) {
            const [sx, sy] = [originX + x * zoom, originY + y * zoom];
            context.rect(sx - HANDLE + 1, sy - HANDLE + 1, 2 * HANDLE - 2, 2 * HANDLE - 2);
        }
        context.fill();
        context.stroke();
    }

    #rubber(originX, originY, zoom) {
        const { context } = this;
        const { x, y, width, height } = geometry.bounds(this.rubber);
        context.fillStyle = "rgba(14, 165, 233, 0.15)";
        context.strokeStyle = SELECTED;
        context.lineWidth = 2;
        context.fillRect(originX + x * zoom, originY + y * zoom, width * zoom, height * zoom);
        context.strokeRect(originX + x * zoom, originY + y * zoom, width * zoom, height * zoom);
    }
}

/** Where the handles of a quad are, in page pixels: corners of a frame around it, and the knob that rotates it. */
export function handles(quad, zoom) {
    const { along, down } = geometry.axes(quad);
    const off = FRAME / zoom;
    const corners = quad.map(([x, y], i) => {
        const [u, v] = [i === 1 || i === 2 ? off : -off, i >= 2 ? off : -off];
        return [x + along[0] * u + down[0] * v, y + along[1] * u + down[1] * v];
    });
    const from = [(corners[1][0] + corners[2][0]) / 2, (corners[1][1] + corners[2][1]) / 2];
    const at = [from[0] + (along[0] * KNOB) / zoom, from[1] + (along[1] * KNOB) / zoom];
    return { corners, knob: { from, at } };
}
