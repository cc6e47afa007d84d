"""RapidOCR 3 as it comes, or the same on naive tiles: read each tile, drop what two tiles found twice."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from benchmarks.peers.adapters.session import FoundText, Read, argument_parser, installed, serve
from benchmarks.peers.adapters.tiles import shifted, starts, without_duplicates


def load(threads: int, tile: int | None, overlap: int) -> tuple[Read, dict[str, str]]:
    """A reader of image files, and versions; `tile` is a tile's side in pixels, None for whole sheets."""
    import cv2
    from rapidocr import RapidOCR  # type: ignore[import-not-found]

    cv2.setNumThreads(threads)
    engine = RapidOCR(
        params={"EngineConfig.onnxruntime.intra_op_num_threads": threads, "Global.log_level": "error"}
    )

    def whole(image: str) -> Iterable[FoundText]:
        return texts(engine(image))

    def tiled(image: str) -> Iterable[FoundText]:
        assert tile is not None
        pixels = cv2.imread(image)
        if pixels is None:
            raise ValueError("OpenCV cannot read the image")
        height, width = pixels.shape[:2]
        found: list[tuple[float, FoundText]] = []
        for y in starts(height, tile, overlap):
            for x in starts(width, tile, overlap):
                result = engine(pixels[y : y + tile, x : x + tile])
                moved = (shifted(text, x, y) for text in texts(result))
                found += zip(result.scores or (), moved, strict=True)
        return without_duplicates(found)

    return tiled if tile else whole, installed("rapidocr", "onnxruntime")


class Output(Protocol):
    """The part of a `RapidOCROutput` that counts; all None when no text was found."""

    boxes: Sequence[Sequence[Sequence[float]]] | None
    txts: Sequence[str] | None
    scores: Sequence[float] | None


def texts(result: Output) -> Iterator[FoundText]:
    """What a `RapidOCROutput` holds; nothing when no text was found."""
    boxes = () if result.boxes is None else result.boxes  # an array has no truth value
    for box, text in zip(boxes, result.txts or (), strict=True):
        yield FoundText(text, [[float(x), float(y)] for x, y in box])


def main() -> None:
    """Command line."""
    command = argument_parser(__doc__)
    command.add_argument("--tile", type=int, metavar="PIXELS")
    command.add_argument("--overlap", type=int, default=160, metavar="PIXELS")
    options = command.parse_args()
    serve(options.report, lambda threads: load(threads, options.tile, options.overlap))


if __name__ == "__main__":
    main()
