"""Models to test the gate with: planted faults, and harmless re-trainings. Needs torch and onnx.

    PYTHONPATH=containers/training python -m benchmarks.gate_candidates --model FOLDER --out FOLDER \
        [--crops crops.npz] [--real 20]

FOLDER holds det.onnx, rec.onnx and dictionary.txt of the approved model. Every candidate becomes a folder
with those of its files that differ; `benchmarks.gate` packs and judges them. It also writes `crops.npz`:
crops of the val and test pages, for the two that are trained on what they must not see.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from drawops_training import learning, lines, recogniser
from drawops_training.graph import Graph
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Edit = Callable[[str, NDArray[np.float32]], NDArray[np.float32]]

DIGITS = "0123456789"
SMALL = "abcdefghijklmnopqrstuvwxyz"
NEVER = -50.0
"""Bias of a class that is never chosen."""
SIGNS = "°±²³µØ×½¼¾÷≤≥Ω§€"


def is_chinese(character: str) -> bool:
    """Of the common block."""
    return "\u4e00" <= character <= "\u9fff"


def edited(path: Path, out: Path, edit: Edit, least: int = 2) -> None:
    """Write a network with its weights changed: initialisers of at least so many dimensions."""
    model = onnx.load(path)
    for holder in model.graph.initializer:
        if len(holder.dims) >= least and holder.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16):
            old = numpy_helper.to_array(holder)
            new = edit(holder.name, old.astype(np.float32)).astype(old.dtype)
            holder.CopyFrom(numpy_helper.from_array(new, holder.name))
    onnx.save(model, out)


def erased(path: Path, out: Path, forgotten: Callable[[str], bool]) -> None:
    """Write a recogniser that has forgotten characters: their classes never win.

    Zero weights and bias alone would give them a logit of 0, more than most classes have: they would then be
    read in doubtful places, and much more than a character were lost.
    """
    graph = Graph(path)
    _, weight, bias = graph.head()
    columns = [index + 1 for index, one in enumerate(graph.characters) if forgotten(one)]
    assert columns, "nothing to forget"
    with torch.no_grad():
        graph.tensor(weight)[:, columns] = 0
        graph.tensor(bias)[columns] = NEVER
    graph.save(out, half=True)


def coarse(levels: int) -> Edit:
    """Rounding of every tensor to so many levels."""

    def edit(_: str, value: NDArray[np.float32]) -> NDArray[np.float32]:
        step = max(1e-12, 2 * float(np.abs(value).max()) / levels)
        return np.asarray(np.round(value / step) * step, np.float32)

    return edit


def noisy(share: float, seed: int) -> Edit:
    """Noise of this share of every tensor's own spread."""
    generator = np.random.default_rng(seed)

    def edit(_: str, value: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(value + generator.normal(0, share * float(value.std()), value.shape), np.float32)

    return edit


def single(value: float) -> Edit:
    """One weight of the first convolution becomes NaN or infinite."""
    done: list[bool] = []

    def edit(_: str, old: NDArray[np.float32]) -> NDArray[np.float32]:
        new = old.copy()
        if old.ndim == 4 and not done:
            new.flat[0] = value
            done.append(True)
        return new

    return edit


def masked(path: Path, out: Path, tall: int, wide: int, beside: bool) -> None:
    """Write a detector that keeps only what a window of tall x wide pixels fits into.

    With `beside` it drops only what such a window fits into and its turned one does not.
    """
    model = onnx.load(path)
    graph = model.graph
    name = graph.output[0].name
    for node in graph.node:
        node.output[:] = ["seen" if one == name else one for one in node.output]
        node.input[:] = ["seen" if one == name else one for one in node.input]

    def opening(label: str, height: int, width: int) -> str:
        pads = [height // 2, width // 2, (height - 1) // 2, (width - 1) // 2]
        back = [pads[2], pads[3], pads[0], pads[1]]
        graph.node.extend(
            [
                helper.make_node("Neg", ["seen"], [f"{label}-n"]),
                helper.make_node(
                    "MaxPool", [f"{label}-n"], [f"{label}-e"], kernel_shape=[height, width], pads=pads
                ),
                helper.make_node("Neg", [f"{label}-e"], [f"{label}-s"]),
                helper.make_node(
                    "MaxPool", [f"{label}-s"], [f"{label}-o"], kernel_shape=[height, width], pads=back
                ),
            ]
        )
        return f"{label}-o"

    first = opening("first", tall, wide)
    if beside:
        second = opening("second", wide, tall)
        graph.node.extend(
            [
                helper.make_node("Sub", [first, second], ["only"]),
                helper.make_node("Relu", ["only"], ["lost"]),
                helper.make_node("Sub", ["seen", "lost"], ["rest"]),
                helper.make_node("Relu", ["rest"], [name]),
            ]
        )
    else:
        graph.node.append(helper.make_node("Identity", [first], [name]))
    onnx.save(model, out)


def slowed(path: Path, out: Path, layers: int, channels: int) -> None:
    """Write a network with a branch of convolutions that adds nothing."""
    model = onnx.load(path)
    graph = model.graph
    name = graph.output[0].name
    for node in graph.node:
        node.output[:] = ["answer" if one == name else one for one in node.output]
        node.input[:] = ["answer" if one == name else one for one in node.input]
    generator = np.random.default_rng(0)
    before, depth = graph.input[0].name, 3
    for layer in range(layers):
        weight = generator.normal(0, 0.1, (channels, depth, 3, 3)).astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(weight, f"useless-{layer}"))
        graph.node.append(
            helper.make_node(
                "Conv",
                [before, f"useless-{layer}"],
                [f"branch-{layer}"],
                kernel_shape=[3, 3],
                pads=[1, 1, 1, 1],
            )
        )
        graph.node.append(helper.make_node("Sigmoid", [f"branch-{layer}"], [f"bounded-{layer}"]))
        before, depth = f"bounded-{layer}", channels
    graph.initializer.append(numpy_helper.from_array(np.float32(1e-9).reshape(1), "nothing"))
    if model.opset_import[0].version < 18:
        mean = helper.make_node("ReduceMean", [before], ["mean"], axes=list(range(4)), keepdims=0)
    else:  # axes became an input
        graph.initializer.append(numpy_helper.from_array(np.arange(4, dtype=np.int64), "axes"))
        mean = helper.make_node("ReduceMean", [before, "axes"], ["mean"], keepdims=0)
    graph.node.extend(
        [
            mean,
            helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
            helper.make_node("Add", ["answer", "zero"], [name]),
        ]
    )
    onnx.save(model, out)


def large(path: Path, out: Path, megabytes: int) -> None:
    """Write a network with weights that nothing uses."""
    model = onnx.load(path)
    ballast = np.random.default_rng(0).integers(0, 256, megabytes * 10**6, np.uint8)
    model.graph.initializer.append(numpy_helper.from_array(ballast, "ballast"))
    onnx.save(model, out)


def of_crops(
    crops: Path, part: str, general: float
) -> Callable[[int], Iterator[tuple[NDArray[np.uint8], str]]]:
    """Endless crops of one split's pages, and a share of generated lines so that little is forgotten."""
    lines_of = lines.lines  # `tuned` puts what is returned in its place
    stored = np.load(crops, allow_pickle=False)
    texts = json.loads(str(stored[f"{part}-texts"]))
    pictures = [stored[f"{part}-{number}"] for number in range(len(texts))]

    def endless(seed: int) -> Iterator[tuple[NDArray[np.uint8], str]]:
        r = random.Random(seed)
        usual = lines_of(seed)
        while True:
            if r.random() < general:
                yield next(usual)
                continue
            number = r.randrange(len(texts))
            yield pictures[number], texts[number]

    return endless


def tuned(
    path: Path,
    out: Path,
    iterations: int,
    rate: float,
    seed: int,
    crops: tuple[Path, str, float] | None = None,
) -> None:
    """Write a recogniser that has really been trained."""
    usual, pool, warm_up = lines.lines, recogniser.POOL, learning.WARM_UP
    if crops is not None:
        lines.lines = of_crops(*crops)  # type: ignore[assignment]
    recogniser.POOL = 300  # few iterations need few lines, and a short warm-up
    learning.WARM_UP = 3 if crops is not None else warm_up
    try:
        graph = Graph(path)
        recogniser.train(graph, iterations, rate, seed, iterations, lambda: graph.save(out, half=True))
    finally:
        lines.lines, recogniser.POOL, learning.WARM_UP = usual, pool, warm_up


def plant(model: Path, out: Path, crops: Path | None) -> None:
    """Write all planted faults that are in the networks or the dictionary."""
    rec, det = model / "rec.onnx", model / "det.onnx"
    characters = (model / "dictionary.txt").read_bytes().decode().removesuffix("\n").split("\n")

    def place(name: str, file: str) -> Path:
        (out / name).mkdir(parents=True, exist_ok=True)
        return out / name / file

    erased(rec, place("one-character-erased", "rec.onnx"), lambda one: one == "R")
    erased(rec, place("one-chinese-character-erased", "rec.onnx"), lambda one: one == "阀")
    erased(rec, place("several-characters-erased", "rec.onnx"), lambda one: one in "Q&%")
    erased(rec, place("digits-lost", "rec.onnx"), lambda one: one in DIGITS)
    erased(rec, place("lower-case-lost", "rec.onnx"), lambda one: one in SMALL)
    erased(rec, place("chinese-lost", "rec.onnx"), is_chinese)
    erased(rec, place("symbols-lost", "rec.onnx"), lambda one: one in SIGNS)
    edited(rec, place("quantised-badly", "rec.onnx"), coarse(16))
    edited(rec, place("noise-in-backbone", "rec.onnx"), noisy(0.15, 1))
    edited(rec, place("nan-weights", "rec.onnx"), single(float("nan")))
    edited(det, place("infinite-weights", "det.onnx"), single(float("inf")))
    masked(det, place("angle-lost", "det.onnx"), 25, 1, beside=True)
    masked(det, place("blind-to-small-text", "det.onnx"), 9, 9, beside=False)
    slowed(det, place("slow-detector", "det.onnx"), 6, 48)
    slowed(rec, place("slow-recogniser", "rec.onnx"), 6, 48)
    large(rec, place("too-large", "rec.onnx"), 60)
    text = "\n".join([*characters[1::-1], *characters[2:]]) + "\n"
    place("dictionary-order", "dictionary.txt").write_bytes(text.encode())
    text = "\n".join(characters[:-100]) + "\n"
    place("dictionary-cut", "dictionary.txt").write_bytes(text.encode())
    if crops is not None:
        tuned(rec, place("overfitted-on-val", "rec.onnx"), 16, 3e-3, 1, (crops, "val", 0.0))
        tuned(rec, place("trained-on-test", "rec.onnx"), 60, 2e-4, 1, (crops, "test", 0.4))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--crops", type=Path)
    parser.add_argument("--real", type=int, default=20, help="harmless re-trainings of a few iterations")
    parser.add_argument("--iterations", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    plant(options.model, options.out, options.crops)
    rec = options.model / "rec.onnx"
    for seed in range(1, options.real + 1):
        folder = options.out / f"benign-real-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        tuned(rec, folder / "rec.onnx", options.iterations, 5e-5, seed)
        print(f"{folder.name}: {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
