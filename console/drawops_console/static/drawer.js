// OpenSeadragon's canvas drawer for one opaque sheet that is not turned: quick without a GPU, too.

const KEPT = 3; // times what is in view

/** The whole pixel of the canvas on which the page's origin stands. */
export function pixelOfOrigin(viewport) {
    const { x, y } = viewport.pixelFromPoint(new OpenSeadragon.Point(0, 0), true);
    const ratio = OpenSeadragon.pixelDensityRatio;
    return { x: Math.round(x * ratio), y: Math.round(y * ratio) };
}

/**
 * Paints as the canvas drawer does, but
 * - on a canvas that hides what is below it: the compositor then copies the sheet instead of blending it;
 * - while the zoom stays as it is, from tiles that were scaled once and stand on whole pixels: without a GPU,
 *   scaling is what takes most of a frame.
 */
export class OpaqueDrawer extends OpenSeadragon.CanvasDrawer {
    constructor(options) {
        super(options);
        this.ground = getComputedStyle(this.container).getPropertyValue("--ground");
        this.scale = null; // of the frame before: pixels of the screen a page pixel
        this.scaled = new Map(); // tile -> {picture, canvas, x, y}: at that scale, from the page's origin
    }

    _createDrawingElement() {
        const canvas = super._createDrawingElement();
        canvas.getContext("2d", { alpha: false }); // the first call decides
        return canvas;
    }

    draw(images) {
        const scale =
            images[0]?.viewportToImageZoom(this.viewport.getZoom(true)) * OpenSeadragon.pixelDensityRatio;
        this.steady = scale === this.scale;
        this.origin = pixelOfOrigin(this.viewport);
        this.scale = scale;
        if (!this.steady) this.scaled.clear();
        super.draw(images);
        // Tiles that have just gone out of view mostly come back.
        const kept = KEPT * images.reduce((sum, image) => sum + image.getTilesToDraw().length, 0);
        for (const tile of this.scaled.keys()) {
            if (this.scaled.size <= kept) break;
            this.scaled.delete(tile);
        }
    }

    _drawTile(tile, image, useSketch, ...more) {
        const picture = this.steady && !useSketch && tile.loaded && this.getDataToDraw(tile)?.canvas;
        if (!picture) {
            super._drawTile(tile, image, useSketch, ...more);
            return;
        }
        const known = this.scaled.get(tile);
        const shown = known?.picture === picture ? known : this.#scale(tile, picture, image);
        this.scaled.delete(tile); // the map is in the order of last use
        this.scaled.set(tile, shown);
        this.context.drawImage(shown.canvas, this.origin.x + shown.x, this.origin.y + shown.y);
    }

    /**
     * A tile at the present scale. Tiles repeat a little of their neighbours; here each ends on the whole pixel
     * where the next one begins, and what it repeats fills what rounding adds.
     */
    #scale(tile, picture, image) {
        const unit = this.scale * image.getContentSize().x; // bounds are in widths of the page
        const [left, top] = [tile.bounds.x * unit, tile.bounds.y * unit];
        const [width, height] = [tile.bounds.width * unit, tile.bounds.height * unit];
        const edge = (image.source.tileOverlap * width) / picture.width;
        const x = Math.round(left + (tile.x > 0 ? edge : 0));
        const y = Math.round(top + (tile.y > 0 ? edge : 0));
        const canvas = document.createElement("canvas");
        canvas.width = Math.max(1, Math.round(left + width - (tile.isRightMost ? 0 : edge)) - x);
        canvas.height = Math.max(1, Math.round(top + height - (tile.isBottomMost ? 0 : edge)) - y);
        const context = canvas.getContext("2d", { alpha: false });
        context.fillStyle = this.ground;
        context.fillRect(0, 0, canvas.width, canvas.height);
        context.drawImage(picture, left - x, top - y, width, height);
        return { picture, canvas, x, y };
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
