// Tiles of a page's Deep Zoom pyramid (DZI), fetched with the person's token: for the viewer and for crops.
import * as geometry from "./geometry.js";
import { ROOT, token } from "./session.js";

const KEPT = 400; // compressed tiles; 10 to 30 kB each

export class Tiles {
    /** `sheet` is a TaskSheet: width, height, pyramid. */
    constructor(sheet) {
        this.width = sheet.width;
        this.height = sheet.height;
        this.size = sheet.pyramid.tile_size;
        this.overlap = sheet.pyramid.overlap;
        this.format = sheet.pyramid.format;
        this.prefix = new URL(sheet.pyramid.tiles.replace(/^\/+|\/+$/g, "") + "/", ROOT);
        if (this.prefix.origin !== ROOT.origin) throw new Error("tiles must come from the page's own origin");
        this.top = Math.ceil(Math.log2(Math.max(this.width, this.height)));
        this.kept = new Map();
    }

    url(level, column, row) {
        return new URL(`${level}/${column}_${row}.${this.format}`, this.prefix).href;
    }

    /** The compressed tile as a Blob. */
    blob(level, column, row) {
        const url = this.url(level, column, row);
        let tile = this.kept.get(url);
        this.kept.delete(url);
        tile ??= fetch(url, { headers: { Authorization: `Bearer ${token() ?? ""}` } }).then((response) => {
            if (!response.ok) throw new Error(`tile ${level}/${column}_${row}: HTTP ${response.status}`);
            return response.blob();
        });
        tile.catch(() => this.kept.delete(url));
        this.kept.set(url, tile);
        if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
        return tile;
    }

    /**
     * Tile source for OpenSeadragon. It gets finished canvases: its own way makes blob: URLs and a blob: worker,
     * which the page's policy forbids, and canvases that a GPU cannot keep (willReadFrequently).
     */
    source(onError) {
        const tiles = this;
        const source = new OpenSeadragon.TileSource({
            width: this.width,
            height: this.height,
            tileSize: this.size,
            tileOverlap: this.overlap,
            minLevel: Math.min(8, this.top),
            maxLevel: this.top,
            getTileUrl: (level, column, row) => tiles.url(level, column, row),
        });
        source.downloadTileStart = (job) => {
            const { level, x, y } = job.tile;
            tiles
                .blob(level, x, y)
                .then((blob) => createImageBitmap(blob))
                .then((bitmap) => {
                    const canvas = document.createElement("canvas");
                    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
                    const context = canvas.getContext("2d", { alpha: false });
                    context.drawImage(bitmap, 0, 0);
                    bitmap.close();
                    job.finish(context, null, "context2d");
                })
                .catch((error) => {
                    job.fail(String(error), null);
                    onError(error);
                });
        };
        source.downloadTileAbort = () => {};
        return source;
    }

    /** Level and tiles that show `area` ({x, y, width, height} of the page) at `scale` screen pixels a pixel. */
    cover(area, scale) {
        const level = Math.max(0, Math.min(this.top, this.top + Math.ceil(Math.log2(scale) - 0.01)));
        const shrink = 2 ** (this.top - level);
        const last = (pixels) => Math.max(0, Math.ceil(Math.ceil(pixels / shrink) / this.size) - 1);
        const range = (from, length, pixels) => [
            Math.max(0, Math.floor(from / shrink / this.size)),
            Math.min(last(pixels), Math.floor((from + length) / shrink / this.size)),
        ];
        const [left, right] = range(area.x, area.width, this.width);
        const [top, foot] = range(area.y, area.height, this.height);
        const found = [];
        for (let row = top; row <= foot; row += 1) {
            for (let column = left; column <= right; column += 1) {
                const x = column * this.size - (column > 0 ? this.overlap : 0);
                const y = row * this.size - (row > 0 ? this.overlap : 0);
                found.push({ level, column, row, x: x * shrink, y: y * shrink, shrink });
            }
        }
        return found;
    }

    /** How a quad is shown upright in `width` x `height` screen pixels: scale and the page's area to load. */
    view(quad, width, height) {
        const text = geometry.size(quad);
        const margin = Math.max(text.height * 0.6, 6);
        const scale = Math.min(width / (text.width + 2 * margin), height / (text.height + 2 * margin), 8);
        const [cx, cy] = geometry.middle(quad);
        const { along } = geometry.axes(quad);
        const [cos, sin] = [Math.abs(along[0]), Math.abs(along[1])];
        const [w, h] = [width / scale, height / scale];
        const [across, down] = [w * cos + h * sin, w * sin + h * cos];
        return { scale, area: { x: cx - across / 2, y: cy - down / 2, width: across, height: down } };
    }

    /** Draw the page around `quad` upright into `canvas`; `isCurrent` says whether anybody still wants it. */
    async crop(canvas, quad, isCurrent) {
        const { width, height } = canvas;
        const { scale, area } = this.view(quad, width, height);
        const wanted = this.cover(area, scale);
        const bitmaps = await Promise.all(
            wanted.map(({ level, column, row }) => this.blob(level, column, row).then((blob) => createImageBitmap(blob))),
        );
        if (isCurrent()) {
            const context = canvas.getContext("2d");
            const [cx, cy] = geometry.middle(quad);
            const { along, down } = geometry.axes(quad);
            context.resetTransform();
            context.fillStyle = "#fff";
            context.fillRect(0, 0, width, height);
            const [a, b, c, d] = [along[0] * scale, down[0] * scale, along[1] * scale, down[1] * scale];
            context.setTransform(a, b, c, d, width / 2 - a * cx - c * cy, height / 2 - b * cx - d * cy);
            context.imageSmoothingQuality = "high";
            wanted.forEach(({ x, y, shrink }, i) => {
                context.drawImage(bitmaps[i], x, y, bitmaps[i].width * shrink, bitmaps[i].height * shrink);
            });
            context.beginPath();
            quad.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
            context.closePath();
            context.resetTransform();
            context.lineWidth = Math.max(1, height / 90);
            context.strokeStyle = "rgba(217, 119, 6, 0.75)";
            context.stroke();
        }
        bitmaps.forEach((bitmap) => bitmap.close());
    }

    /** Fetch what `crop` will need, so that the next box shows at once. */
    prefetch(quad, width, height) {
        const { scale, area } = this.view(quad, width, height);
        for (const { level, column, row } of this.cover(area, scale)) {
            this.blob(level, column, row).catch((error) => console.debug("drawops: prefetch", error));
        }
    }
}
