// OpenSeadragon's canvas drawer on a canvas that hides what is below it.

/** Paints as the canvas drawer does, but opaquely: the compositor then copies the sheet instead of blending it. */
export class OpaqueDrawer extends OpenSeadragon.CanvasDrawer {
    constructor(options) {
        super(options);
        this.ground = getComputedStyle(this.container).getPropertyValue("--ground");
    }

    _createDrawingElement() {
        const canvas = super._createDrawingElement();
        canvas.getContext("2d", { alpha: false }); // the first call decides
        return canvas;
    }

    // An opaque canvas is cleared to black; around the sheet is the page's ground.
    _clear(useSketch, bounds) {
        if (useSketch) {
            super._clear(useSketch, bounds);
            return;
        }
        const { x, y, width, height } = bounds ?? { x: 0, y: 0, width: this.canvas.width, height: this.canvas.height };
        this.context.fillStyle = this.ground;
        this.context.fillRect(x, y, width, height);
    }
}
