"""drawops as the inference program runs it: `Reader.read` on the bytes of the image file."""

from collections.abc import Iterator
from pathlib import Path

from drawops_vision.reader import Reader

from benchmarks.peers.adapters.session import FoundText, Read, argument_parser, installed, serve


def load(model: Path, threads: int) -> tuple[Read, dict[str, str]]:
    """A reader of image files with the model artifact unpacked at `model`, and versions."""
    reader = Reader(model, threads=threads)
    reader.warm_up()

    def read(image: str) -> Iterator[FoundText]:
        for page in reader.read(Path(image).read_bytes()).pages:
            yield from (FoundText(text.text, text.quad) for text in page.texts)

    return read, {"model": f"{reader.model.name} {reader.model.version}", **installed("onnxruntime")}


def main() -> None:
    """Command line."""
    command = argument_parser(__doc__)
    command.add_argument("--model", type=Path, required=True, metavar="DIR")
    options = command.parse_args()
    serve(options.report, lambda threads: load(options.model, threads))


if __name__ == "__main__":
    main()
