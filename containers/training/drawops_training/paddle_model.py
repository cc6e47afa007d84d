"""A trained ONNX network as a Paddle inference model, which stock PaddleOCR 3.7 loads.

    python -m drawops_training.paddle_model --onnx rec.onnx --out paddle/rec --kind recognition \
        --dictionary dictionary.txt --samples samples.npy --json

The graph is walked and rebuilt of Paddle's public operations with its tensors as parameters, so no definition
of the architecture is needed; what is not understood is refused by name (decision 0006 and 0008). What was
written is loaded again and compared with ONNX Runtime. Runs in a process of its own: Paddle and torch bring
the same libraries in different versions.
"""

import argparse
import contextlib
import ctypes
import json
import math
import operator
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import paddle
from numpy.typing import NDArray
from onnx import numpy_helper
from paddle.nn import functional

from drawops_training.report import peak_mb

Kind = Literal["recognition", "detection"]
Array = NDArray[Any]

TOLERANCE = 1e-3
"""Largest absolute difference of a probability between Paddle and ONNX Runtime."""
STEM = "inference"
SAMPLE_SHAPES = {"recognition": (2, 3, 48, 320), "detection": (1, 3, 256, 320)}
INPUT_SHAPES = {"recognition": [None, 3, 48, None], "detection": [None, 3, None, None]}
MODEL_NAMES = {"recognition": "PP-OCRv6_small_rec", "detection": "PP-OCRv6_small_det"}
"""PaddleX chooses the steps before and after the network by a name that it knows, not by the file."""
NUMBERS_BY_POSITION = {"Resize": (1, 2, 3)}
"""Inputs that are settings although they are floating-point."""


def export(
    onnx_file: Path,
    folder: Path,
    *,
    kind: Kind,
    dictionary: Path | None = None,
    samples: NDArray[np.float32] | None = None,
) -> float:
    """Write inference.json, inference.pdiparams and inference.yml, and compare them with the ONNX file.

    The folder appears whole or not at all.

    Args:
        onnx_file: network to export, one input and one output.
        folder: directory to make; one that exists is replaced.
        kind: what the network does.
        dictionary: one character a line, for recognition.
        samples: N x 3 x H x W (H is 48 for recognition), as the network is fed; noise if not given.

    Returns:
        The largest absolute difference between the outputs on the samples.

    Raises:
        ValueError: the graph has an operation that is not in `OPERATIONS`, dictionary and network disagree,
            or the outputs differ by more than `TOLERANCE`.
    """
    if samples is None:
        samples = np.random.default_rng(0).uniform(-1, 1, SAMPLE_SHAPES[kind]).astype(np.float32)
    if samples.ndim != 4 or not samples.size:
        raise ValueError(f"samples must be N x 3 x height x width and not empty, not {samples.shape}")
    model = onnx.load(onnx_file)
    settings = _settings(kind, _characters(dictionary) if kind == "recognition" else [])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work:
        made = Path(work) / folder.name
        made.mkdir()
        classes = _write(model, made, kind, onnx_file.name)
        if kind == "recognition":
            named = len(settings["PostProcess"]["character_dict"]) + 2
            if classes != named:
                raise ValueError(
                    f"{onnx_file.name} tells {classes} classes apart, but the dictionary names {named} with "
                    "the blank and the space: take the dictionary of the same model version"
                )
        (made / f"{STEM}.yml").write_text(_yaml(settings), encoding="utf-8")
        difference = _difference(onnx_file, made, samples)
        if not difference <= TOLERANCE:  # NaN differs, too
            raise ValueError(
                f"Paddle and ONNX Runtime disagree on {onnx_file.name} by {difference:.2g}, more than "
                f"{TOLERANCE:g}: the export is not used"
            )
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    return difference


def _characters(dictionary: Path | None) -> list[str]:
    if dictionary is None:
        raise ValueError("recognition needs a dictionary: name it with --dictionary")
    return dictionary.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def _settings(kind: Kind, characters: list[str]) -> dict[str, Any]:
    """inference.yml as PaddleX 3.7 writes it for PP-OCRv5 and v6; the decoder adds blank and space itself."""
    read: dict[str, Any] = {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}}
    if kind == "recognition":
        before = [
            read,
            {"MultiLabelEncode": {"gtc_encode": "NRTRLabelEncode"}},
            {"RecResizeImg": {"image_shape": [3, 48, 320]}},
            {"KeepKeys": {"keep_keys": ["image", "label_ctc", "label_gtc", "length", "valid_ratio"]}},
        ]
        after: dict[str, Any] = {"name": "CTCLabelDecode", "character_dict": characters}
    else:
        before = [
            read,
            {"DetLabelEncode": None},
            {"DetResizeForTest": {"resize_long": 960}},
            {
                "NormalizeImage": {
                    "mean": [0.485, 0.456, 0.406],
                    "std": [0.229, 0.224, 0.225],
                    "scale": "1./255.",
                    "order": "hwc",
                }
            },
            {"ToCHWImage": None},
            {"KeepKeys": {"keep_keys": ["image", "shape", "polys", "ignore_tags"]}},
        ]
        after = {
            "name": "DBPostProcess",
            "thresh": 0.3,
            "box_thresh": 0.6,
            "max_candidates": 1000,
            "unclip_ratio": 1.5,
        }
    return {
        "Global": {"model_name": MODEL_NAMES[kind]},
        "PreProcess": {"transform_ops": before},
        "PostProcess": after,
    }


def _yaml(settings: dict[str, Any]) -> str:
    """JSON, which is YAML once line ends of YAML and what it does not print are escaped (YAML 1.2, 5.1)."""
    text = json.dumps(settings, ensure_ascii=False, indent=1)
    return (
        re.sub("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", lambda one: f"\\u{ord(one[0]):04x}", text) + "\n"
    )


def _write(model: onnx.ModelProto, folder: Path, kind: Kind, name: str) -> int:
    """Rebuild the graph as a static program and save it; returns the size of the output's last axis."""
    program, scope, place = paddle.static.Program(), paddle.static.Scope(), paddle.CPUPlace()
    with _static(), paddle.static.scope_guard(scope):
        with paddle.static.program_guard(program, paddle.static.Program()):
            picture = paddle.static.data("x", INPUT_SHAPES[kind], "float32")
            output, tensors = _run(model, picture, name)
        for parameter, tensor in tensors.items():
            scope.var(parameter).get_tensor().set(tensor, place)
        executor = paddle.static.Executor(place)
        paddle.static.save_inference_model(str(folder / STEM), [picture], [output], executor, program=program)
        return int(output.shape[-1])


@contextlib.contextmanager
def _static() -> Iterator[None]:
    """Paddle's static mode, and back to what it was."""
    dynamic = paddle.in_dynamic_mode()
    paddle.enable_static()
    try:
        yield
    finally:
        if dynamic:
            paddle.disable_static()


def _run(model: onnx.ModelProto, picture: Any, name: str) -> tuple[Any, dict[str, NDArray[np.float32]]]:
    """Put every operation of the graph into the current program; returns its output and parameters' values.

    Shapes are numpy arrays of whole numbers and, for an axis that is not known yet, of Paddle values, so that
    as much as possible of a shape stays known.
    """
    graph = model.graph
    strange = {node.op_type for node in graph.node} - set(OPERATIONS) - {"Constant", "Identity", "Cast"}
    if strange:
        raise ValueError(f"{name} has operations that Paddle cannot be given: {', '.join(sorted(strange))}")
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    values: dict[str, Any] = {graph.input[0].name: picture}
    parameters: dict[str, Any] = {}
    tensors: dict[str, NDArray[np.float32]] = {}

    def value(wanted: str, node: onnx.NodeProto, position: int) -> Any:
        if not wanted:
            return None
        if wanted in values:
            return values[wanted]
        array = stored[wanted]
        if (
            array.dtype.kind not in "f"
            or not array.size
            or position in NUMBERS_BY_POSITION.get(node.op_type, ())
        ):
            return array
        if not array.ndim:
            return float(array)
        if wanted not in parameters:
            parameter = f"p{len(parameters)}"
            tensors[parameter] = np.ascontiguousarray(array, np.float32)
            # Never run: the value goes straight into the scope.
            initial = paddle.nn.initializer.Constant(0)
            parameters[wanted] = paddle.static.create_parameter(
                list(array.shape), "float32", name=parameter, default_initializer=initial
            )
        return parameters[wanted]

    for node in graph.node:
        made = node.output[0]
        if node.op_type == "Constant":
            stored[made] = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type in ("Identity", "Cast") and node.input[0] in stored:
            stored[made] = _cast(stored[node.input[0]], node)
        elif node.op_type == "Identity":
            values[made] = values[node.input[0]]
        elif node.op_type == "Cast":
            raise ValueError(f"{name} casts while it runs ({made}), which Paddle cannot be given")
        else:
            attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
            given = [value(wanted, node, position) for position, wanted in enumerate(node.input)]
            try:
                values[made] = OPERATIONS[node.op_type](*given, **attributes)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name}: {node.op_type} {made}: {error}") from error
    return values[graph.output[0].name], tensors


def _cast(array: Array, node: onnx.NodeProto) -> Array:
    if node.op_type == "Identity":
        return array
    return array.astype(
        onnx.helper.tensor_dtype_to_np_dtype(onnx.helper.get_attribute_value(node.attribute[0]))
    )


def _difference(onnx_file: Path, folder: Path, samples: NDArray[np.float32]) -> float:
    """Largest absolute difference of the outputs, sample by sample so that memory stays small."""
    session = onnxruntime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
    config = paddle.inference.Config(str(folder / f"{STEM}.json"), str(folder / f"{STEM}.pdiparams"))
    config.disable_gpu()
    config.disable_glog_info()
    predictor = paddle.inference.create_predictor(config)
    name = session.get_inputs()[0].name
    worst = 0.0
    for sample in samples:
        picture = np.ascontiguousarray(sample[None], np.float32)
        expected = np.asarray(session.run(None, {name: picture})[0])
        found = predictor.run([paddle.to_tensor(picture)])[0].numpy()
        if found.shape != expected.shape:
            raise ValueError(f"Paddle gives {found.shape}, ONNX Runtime {expected.shape}")
        difference = float(np.abs(found - expected).max())
        worst = difference if math.isnan(difference) else max(worst, difference)
        if math.isnan(worst):
            break
    return worst


def _padding(pads: list[int] | None, auto: bytes, dilations: tuple[int, ...] = (1, 1)) -> str | list[int]:
    """Paddle's padding (top, bottom, left, right); ONNX writes y0, x0, y1, x1."""
    if auto == b"SAME_UPPER" and set(dilations) == {1}:
        return "SAME"
    if auto not in (b"NOTSET", b"VALID"):
        raise ValueError(f"padding {auto.decode()} with dilations {list(dilations)} is not known")
    y0, x0, y1, x1 = pads or (0, 0, 0, 0)
    return [y0, y1, x0, x1]


def _conv(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    kernel_shape: list[int],
    strides: tuple[int, ...] = (1, 1),
    pads: list[int] | None = None,
    dilations: tuple[int, ...] = (1, 1),
    group: int = 1,
    auto_pad: bytes = b"NOTSET",
) -> Any:
    padding = _padding(pads, auto_pad, dilations)
    return functional.conv2d(x, weight, bias, list(strides), padding, list(dilations), group)


def _conv_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    kernel_shape: list[int],
    strides: tuple[int, ...] = (1, 1),
    pads: list[int] | None = None,
    dilations: tuple[int, ...] = (1, 1),
    group: int = 1,
) -> Any:
    return functional.conv2d_transpose(
        x,
        weight,
        bias,
        stride=list(strides),
        padding=_padding(pads, b"NOTSET"),
        dilation=list(dilations),
        groups=group,
    )


def _max_pool(
    x: Any,
    *,
    kernel_shape: list[int],
    strides: list[int],
    pads: list[int] | None = None,
    auto_pad: bytes = b"NOTSET",
    ceil_mode: int = 0,
) -> Any:
    padding = _padding(pads, auto_pad)
    return functional.max_pool2d(x, kernel_shape, strides, padding, ceil_mode=bool(ceil_mode))


def _average_pool(
    x: Any,
    *,
    kernel_shape: list[int],
    strides: list[int],
    pads: list[int] | None = None,
    ceil_mode: int = 0,
    count_include_pad: int = 0,
) -> Any:
    padding = _padding(pads, b"NOTSET")
    exclusive = not count_include_pad
    return functional.avg_pool2d(x, kernel_shape, strides, padding, bool(ceil_mode), exclusive)


def _batch_norm(
    x: Any, scale: Any, shift: Any, mean: Any, variance: Any, *, epsilon: float = 1e-5, momentum: float = 0.9
) -> Any:
    return functional.batch_norm(x, mean, variance, scale, shift, training=False, epsilon=epsilon)


def _concat(*parts: Any, axis: int) -> Any:
    arrays = isinstance(parts[0], np.ndarray)
    return np.concatenate(parts, axis) if arrays else paddle.concat(list(parts), axis)


def _shape(x: Any) -> Array:
    sizes = np.empty(len(x.shape), object)
    for axis, size in enumerate(x.shape):
        sizes[axis] = int(size) if size >= 0 else paddle.shape(x)[axis]
    return sizes


def _slice(x: Any, starts: Array, ends: Array, axes: Array | None = None, steps: Array | None = None) -> Any:
    if steps is not None and set(steps.tolist()) != {1}:
        raise ValueError("a step other than 1 is not known")
    along = list(range(len(starts))) if axes is None else axes.tolist()
    if not isinstance(x, np.ndarray):
        largest = 2**31 - 1  # ONNX says "to the end" by larger numbers than Paddle takes
        return paddle.slice(
            x, along, [max(-largest, v) for v in starts.tolist()], [min(largest, v) for v in ends.tolist()]
        )
    for axis, start, end in zip(along, starts.tolist(), ends.tolist(), strict=True):
        parts = [slice(None)] * x.ndim
        parts[axis] = slice(start, end)
        x = x[tuple(parts)]
    return x


def _reshape(x: Any, shape: Array) -> Any:
    return x.reshape(shape.tolist()) if isinstance(x, np.ndarray) else paddle.reshape(x, shape.tolist())


def _squeeze(x: Any, *, axes: list[int]) -> Any:
    return np.squeeze(x, tuple(axes)) if isinstance(x, np.ndarray) else paddle.squeeze(x, axes)


def _unsqueeze(x: Any, *, axes: list[int]) -> Any:
    return np.expand_dims(x, tuple(axes)) if isinstance(x, np.ndarray) else paddle.unsqueeze(x, axes)


def _softmax(x: Any, *, axis: int = -1) -> Any:
    if axis not in (-1, len(x.shape) - 1):  # older ONNX takes all axes from there on together
        raise ValueError(f"only the last axis is known, not {axis}")
    return functional.softmax(x, -1)


def _resize(
    x: Any,
    region: Array | None = None,
    scales: Array | None = None,
    sizes: Array | None = None,
    *,
    mode: bytes,
    nearest_mode: bytes = b"round_prefer_floor",
    coordinate_transformation_mode: bytes = b"half_pixel",
    cubic_coeff_a: float = -0.75,
) -> Any:
    # The one kind that Paddle's "nearest" computes.
    kind = (mode, coordinate_transformation_mode, nearest_mode)
    if kind != (b"nearest", b"asymmetric", b"floor"):
        raise ValueError(f"the kind {b', '.join(kind).decode()} is not known")
    if sizes is not None and sizes.size:
        return functional.interpolate(x, size=sizes.tolist()[2:], mode="nearest")
    assert scales is not None
    return functional.interpolate(x, scale_factor=[float(v) for v in scales[2:]], mode="nearest")


OPERATIONS: dict[str, Callable[..., Any]] = {
    "Add": operator.add,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Concat": _concat,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Div": operator.truediv,
    "Erf": paddle.erf,
    "GlobalAveragePool": lambda x: paddle.mean(x, [2, 3], keepdim=True),
    "HardSigmoid": lambda x, *, alpha=0.2, beta=0.5: functional.hardsigmoid(x, alpha, beta),
    "MatMul": paddle.matmul,
    "MaxPool": _max_pool,
    "Mul": operator.mul,
    "Pow": paddle.pow,
    "ReduceMean": lambda x, *, axes, keepdims=1: paddle.mean(x, axes, keepdim=bool(keepdims)),
    "Relu": functional.relu,
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape,
    "Sigmoid": functional.sigmoid,
    "Slice": _slice,
    "Softmax": _softmax,
    "Sqrt": paddle.sqrt,
    "Squeeze": _squeeze,
    "Sub": operator.sub,
    "Transpose": lambda x, *, perm: paddle.transpose(x, perm),
    "Unsqueeze": _unsqueeze,
}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Send to standard error what Paddle's C++ writes to standard output, which is for the answer."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        # C++ keeps lines back when the output is no terminal; they must not follow later.
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)


def main(arguments: list[str] | None = None) -> int:
    """The command; 0 when the export is written, 1 with one line on what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m drawops_training.paddle_model", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--onnx", type=Path, required=True, help="network to export")
    parser.add_argument("--out", type=Path, required=True, help="directory to write")
    parser.add_argument("--kind", choices=get_args(Kind), required=True)
    parser.add_argument("--dictionary", type=Path, help="one character a line, for recognition")
    parser.add_argument("--samples", type=Path, help="array N x 3 x H x W (.npy) to compare on")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    given = parser.parse_args(arguments)
    begun = time.monotonic()
    try:
        with _quiet():
            samples = None if given.samples is None else np.load(given.samples).astype(np.float32)
            difference = export(
                given.onnx, given.out, kind=given.kind, dictionary=given.dictionary, samples=samples
            )
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    seconds = time.monotonic() - begun
    if given.json:
        measured = {"difference": difference, "seconds": round(seconds, 2), "peak_mb": round(peak_mb())}
        print(json.dumps({**measured, "folder": str(given.out)}))
    else:
        print(f"{given.out}: differs from ONNX Runtime by {difference:.2g}, {seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
