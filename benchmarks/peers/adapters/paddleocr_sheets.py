"""PaddleOCR 3.7 as it comes, with two local model folders; it asks no hub for anything."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.peers.adapters.session import FoundText, Read, argument_parser, installed, serve

RUNTIMES = {"paddle_static": "paddlepaddle", "onnxruntime": "onnxruntime"}
"""PaddleOCR's name of what runs the models -> the package."""


def load(folder: Path, runtime: str, threads: int) -> tuple[Read, dict[str, str]]:
    """A reader of image files, and versions.

    Args:
        folder: holds two folders, named as their models are; the name ends in `_det` or `_rec`.
        runtime: one of `RUNTIMES`.
        threads: for the networks.
    """
    os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"
    import cv2
    from paddleocr import PaddleOCR  # type: ignore[import-not-found]

    cv2.setNumThreads(threads)
    (detection,) = folder.glob("*_det")
    (recognition,) = folder.glob("*_rec")
    how: dict[str, Any] = {"cpu_threads": threads}
    if runtime == "onnxruntime":
        how = {"engine_config": {"intra_op_num_threads": threads}}
    engine = PaddleOCR(
        text_detection_model_name=detection.name,
        text_detection_model_dir=str(detection),
        text_recognition_model_name=recognition.name,
        text_recognition_model_dir=str(recognition),
        # These three need models of their own, for photographs of documents.
        use_doc_orientation_classify=False,
        use_doc_unwarping=False,
        use_textline_orientation=False,
        device="cpu",
        engine=runtime,
        **how,
    )

    def read(image: str) -> Iterator[FoundText]:
        for page in engine.predict(image):
            yield from texts(page)

    return read, installed("paddleocr", "paddlex", RUNTIMES[runtime])


def texts(page: Mapping[str, Any]) -> Iterator[FoundText]:
    """What one page of a prediction holds."""
    for quad, text in zip(page["rec_polys"], page["rec_texts"], strict=True):
        yield FoundText(text, [[float(x), float(y)] for x, y in quad])


def main() -> None:
    """Command line."""
    command = argument_parser(__doc__)
    command.add_argument("--models", type=Path, required=True, metavar="DIR")
    command.add_argument("--runtime", choices=RUNTIMES, required=True)
    options = command.parse_args()
    serve(options.report, lambda threads: load(options.models, options.runtime, threads))


if __name__ == "__main__":
    main()
