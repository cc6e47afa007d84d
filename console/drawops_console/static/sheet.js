// The deep-zoom sheet: OpenSeadragon shows the picture, `Overlay` the boxes, the mouse picks and shapes them.
import { OpaqueDrawer, pixelOfOrigin } from "./drawer.js";
import * as geometry from "./geometry.js";
import { handles, HANDLE, Overlay } from "./overlay.js";

const REACH = HANDLE + 4; // of the mouse around a handle, screen pixels
const READABLE = [16, 90]; // height of a text on the screen that needs no other zoom

// OpenSeadragon looks for a style element of its own before it adds one, which the page's policy forbids. An
// element of that name which is no style is enough.
const mark = document.createElementNS("https://openseadragon.github.io", "style");
mark.setAttribute("data-openseadragon-mobile-css", "true");
document.head.appendChild(mark);

export class Sheet {
    /** Show `tiles` with the boxes of `editor` in `element`; `onTileError` hears of tiles that do not come. */
    constructor(element, tiles, editor, onTileError) {
        this.element = element;
        this.editor = editor;
        this.pointer = null; // page pixels under the mouse
        this.drag = null;
        this.viewer = new OpenSeadragon.Viewer({
            element,
            tileSources: tiles.source(onTileError),
            // WebGL without a GPU (virtual machines, remote desktops) takes a second a frame; canvas never does.
            drawer: OpaqueDrawer,
            navigatorDrawer: "canvas",
            showNavigationControl: false,
            showNavigator: true,
            navigatorPosition: "BOTTOM_LEFT",
            navigatorSizeRatio: 0.14,
            navigatorAutoFade: false,
            navigatorBackground: "#16181b",
            navigatorDisplayRegionColor: "#0ea5e9",
            keyboardNavEnabled: false,
            tabIndex: "",
            animationTime: 0.25,
            springStiffness: 8,
            maxZoomPixelRatio: 8,
            minZoomImageRatio: 0.8,
            visibilityRatio: 0.5,
            constrainDuringPan: false,
            maxImageCacheCount: 400,
            zoomPerScroll: 1.25,
            imageLoaderLimit: 6,
            tileRetryMax: 20,
            tileRetryDelay: 3_000,
            gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: false, flickEnabled: false },
            gestureSettingsPen: { clickToZoom: false },
        });
        const canvas = document.createElement("canvas");
        canvas.className = "overlay";
        canvas.setAttribute("aria-hidden", "true");
        this.viewer.canvas.appendChild(canvas);
        this.overlay = new Overlay(canvas, editor);

        const redraw = () => this.redraw();
        this.viewer.addHandler("update-viewport", () => this.#draw());
        this.viewer.addHandler("resize", redraw);
        this.viewer.addHandler("canvas-press", (event) => this.#press(event));
        this.viewer.addHandler("canvas-drag", (event) => this.#move(event));
        this.viewer.addHandler("canvas-drag-end", (event) => this.drag && (event.preventDefaultAction = true));
        this.viewer.addHandler("canvas-release", (event) => this.#release(event));
        this.viewer.addHandler("canvas-click", (event) => this.#click(event));
        this.onMove = (event) => this.#hover(event);
        this.viewer.canvas.addEventListener("pointermove", this.onMove);
        editor.addEventListener("boxes", redraw);
        editor.addEventListener("view", redraw);
        this.unlisten = () => {
            editor.removeEventListener("boxes", redraw);
            editor.removeEventListener("view", redraw);
        };
        this.opened = new Promise((resolve) => this.viewer.addOnceHandler("open", resolve));
    }

    /** Remove everything from the page. */
    destroy() {
        this.unlisten();
        this.viewer.destroy();
    }

    /** Screen pixels a page pixel, and where the page's origin stands in the element. */
    get placement() {
        const { viewport } = this.viewer;
        const zoom = viewport.viewportToImageZoom(viewport.getZoom(true));
        const origin = viewport.pixelFromPoint(new OpenSeadragon.Point(0, 0), true);
        return { zoom, x: origin.x, y: origin.y };
    }

    #page({ x, y }) {
        const placement = this.placement;
        return [(x - placement.x) / placement.zoom, (y - placement.y) / placement.zoom];
    }

    #draw() {
        if (!this.viewer.world.getItemCount()) return;
        const { viewport } = this.viewer;
        const { x: width, y: height } = viewport.getContainerSize();
        const ratio = OpenSeadragon.pixelDensityRatio;
        const { x, y } = pixelOfOrigin(viewport); // where the sheet's tiles stand
        this.overlay.draw(x / ratio, y / ratio, this.placement.zoom, width, height, ratio);
        this.element.dataset.boxes = this.overlay.drawnBoxes;
    }

    /** Draw the boxes again in the next frame. */
    redraw() {
        this.pending ??= requestAnimationFrame(() => {
            this.pending = null;
            if (this.viewer.viewport) this.#draw();
        });
    }

    // Mouse

    #grip(position) {
        const quad = this.editor.selected?.quad;
        if (!quad) return null;
        const { zoom, x, y } = this.placement;
        const near = ([px, py]) => Math.hypot(x + px * zoom - position.x, y + py * zoom - position.y) <= REACH;
        const { corners, knob } = handles(quad, zoom);
        if (near(knob.at)) return { kind: "rotate" };
        const index = corners.findIndex(near);
        return index < 0 ? null : { kind: "corner", index };
    }

    #press(event) {
        this.element.focus({ preventScroll: true });
        const start = this.#page(event.position);
        const quad = this.editor.selected?.quad;
        if (this.editor.drawing) this.drag = { kind: "draw", start };
        else if (this.#grip(event.position)) this.drag = { ...this.#grip(event.position), start, quad };
        else if (quad && geometry.contains(quad, start)) this.drag = { kind: "move", start, quad };
        else this.drag = null;
    }

    #move(event) {
        if (!this.drag) return;
        event.preventDefaultAction = true;
        const { kind, start, quad, index } = this.drag;
        const now = this.#page(event.position);
        this.drag.moved = true;
        if (kind === "draw") {
            this.overlay.rubber = [start, now];
        } else if (kind === "move") {
            this.editor.preview = geometry.moved(quad, now[0] - start[0], now[1] - start[1]);
        } else if (kind === "corner") {
            const shape = event.originalEvent.altKey ? geometry.reshaped : geometry.resized;
            const corner = [quad[index][0] + now[0] - start[0], quad[index][1] + now[1] - start[1]];
            this.editor.preview = shape(quad, index, corner);
        } else {
            const [cx, cy] = geometry.middle(quad);
            const towards = (Math.atan2(now[1] - cy, now[0] - cx) * 180) / Math.PI;
            const step = event.originalEvent.shiftKey ? 15 : 0.5;
            this.editor.preview = geometry.rotated(quad, Math.round(towards / step) * step - geometry.angle(quad));
        }
        this.redraw();
    }

    #release(event) {
        const { drag } = this;
        this.drag = null;
        this.overlay.rubber = null;
        if (!drag?.moved) return;
        if (drag.kind === "draw") this.editor.draw(drag.start, this.#page(event.position));
        else if (this.editor.preview) this.editor.reshape(this.editor.preview);
        this.redraw();
    }

    #click(event) {
        if (!event.quick || this.editor.drawing) return;
        const box = this.editor.at(this.#page(event.position));
        this.editor.select(box ? box.id : null);
        this.clicked?.(box);
    }

    #hover(event) {
        const { left, top } = this.viewer.canvas.getBoundingClientRect();
        const position = { x: event.clientX - left, y: event.clientY - top };
        this.pointer = this.#page(position);
        const quad = this.editor.selected?.quad;
        const grip = this.editor.drawing ? null : this.#grip(position);
        const over = !grip && quad && geometry.contains(quad, this.pointer);
        this.element.dataset.cursor = this.editor.drawing ? "draw" : (grip?.kind ?? (over ? "move" : ""));
    }

    // View

    /** Bring a quad into view; the zoom changes only when its text would be unreadably small or huge. */
    show(quad, immediately = false) {
        const { viewport } = this.viewer;
        const { x: width, y: height } = viewport.getContainerSize();
        const target = viewport.viewportToImageZoom(viewport.getZoom(false));
        const text = geometry.size(quad).height * target;
        const { x, y, width: w, height: h } = geometry.bounds(quad);
        const zoom = text < READABLE[0] || text > READABLE[1] ? this.#comfortable(quad) : target;
        if (zoom === target) {
            const from = viewport.pixelFromPoint(viewport.imageToViewportCoordinates(x, y), false);
            const to = viewport.pixelFromPoint(viewport.imageToViewportCoordinates(x + w, y + h), false);
            const margin = 0.12;
            const within =
                from.x > width * margin && from.y > height * margin &&
                to.x < width * (1 - margin) && to.y < height * (1 - margin); // prettier-ignore
            if (within) return;
        }
        this.go(geometry.middle(quad), zoom, immediately);
    }

    #comfortable(quad) {
        const { x: width, y: height } = this.viewer.viewport.getContainerSize();
        const { width: w, height: h } = geometry.bounds(quad);
        const text = geometry.size(quad).height || 1;
        return Math.min(28 / text, (width * 0.7) / (w || 1), (height * 0.7) / (h || 1));
    }

    /** Zoom to the selected box. */
    zoomTo(quad) {
        this.go(geometry.middle(quad), this.#comfortable(quad) * 1.6);
    }

    /** Show a rectangle of the page, whole. */
    fit({ x, y, width, height }, immediately = false) {
        const bounds = this.viewer.viewport.imageToViewportRectangle(x, y, width, height);
        this.viewer.viewport.fitBounds(bounds, immediately);
    }

    /** Put a point of the page into the middle, at `zoom` screen pixels a page pixel. */
    go([x, y], zoom, immediately = false) {
        const { viewport } = this.viewer;
        const level = viewport.imageToViewportZoom(zoom);
        const centre = viewport.imageToViewportCoordinates(x, y);
        const width = 1 / level;
        const height = width / viewport.getAspectRatio();
        const bounds = new OpenSeadragon.Rect(centre.x - width / 2, centre.y - height / 2, width, height);
        viewport.fitBounds(bounds, immediately);
    }

    /** Where the view is: {x, y} of the page in the middle, zoom. */
    get place() {
        const { viewport } = this.viewer;
        const centre = viewport.viewportToImageCoordinates(viewport.getCenter(false));
        return { x: centre.x, y: centre.y, zoom: viewport.viewportToImageZoom(viewport.getZoom(false)) };
    }

    /** Pan by a part of the view, or zoom by a factor. */
    pan(dx, dy) {
        const { viewport } = this.viewer;
        const { width, height } = viewport.getBounds(false);
        viewport.panBy(new OpenSeadragon.Point(dx * width, dy * height));
        viewport.applyConstraints();
    }

    zoomBy(factor) {
        this.viewer.viewport.zoomBy(factor);
        this.viewer.viewport.applyConstraints();
    }
}
