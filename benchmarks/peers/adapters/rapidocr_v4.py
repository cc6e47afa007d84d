"""rapidocr-onnxruntime 1.4, the older RapidOCR package with PP-OCRv4, as it comes."""

from collections.abc import Iterator, Sequence

from benchmarks.peers.adapters.session import FoundText, Read, argument_parser, installed, serve


def load(threads: int) -> tuple[Read, dict[str, str]]:
    """A reader of image files, and versions."""
    import cv2
    from rapidocr_onnxruntime import RapidOCR  # type: ignore[import-not-found]

    cv2.setNumThreads(threads)
    engine = RapidOCR(intra_op_num_threads=threads)
    versions = installed("rapidocr-onnxruntime", "onnxruntime")
    return lambda image: texts(engine(image)[0]), versions


def texts(result: Sequence[tuple[Sequence[Sequence[float]], str, float]] | None) -> Iterator[FoundText]:
    """What the engine's list of [box, text, score] holds; None when no text was found."""
    for box, text, _ in result or ():
        yield FoundText(text, box)


def main() -> None:
    """Command line."""
    options = argument_parser(__doc__).parse_args()
    serve(options.report, load)


if __name__ == "__main__":
    main()
