"""An ONNX network written again as a Paddle program, so that stock PaddleOCR loads it.

    python -m drawops_training.paddle_model --onnx rec.onnx --out paddle/rec --config config.json \
        --inputs inputs.npz --outputs outputs.npz

The graph is walked node by node; each of the operations that `drawops_training.graph` trains has one
counterpart here. What does not depend on the picture is computed while writing. The program is then loaded by
Paddle's inference engine and run on the arrays of `inputs.npz`; what it answers goes to `outputs.npz`, for
whoever started this to compare. A process of its own, because torch and Paddle must not share one.

Written are `inference.json` (the program), `inference.pdiparams` (its tensors) and `inference.yml` (pre- and
post-processing, given as JSON, which is YAML).
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

LARGE = 64
"""Tensors with more values become parameters of the program; smaller ones stand in it as constants."""


class Program:
    """Builds a static Paddle program from an ONNX graph.

    Raises:
        ValueError: the graph has an operation that is not in `OPERATIONS`, or not in a form that is known.
    """

    def __init__(self, path: Path) -> None:
        import paddle  # type: ignore[import-not-found, import-untyped, unused-ignore]

        paddle.enable_static()
        self.paddle = paddle
        self._parameters: dict[str, NDArray[Any]] = {}
        graph = onnx.load(path).graph
        self._constants: dict[str, NDArray[Any]] = {
            one.name: numpy_helper.to_array(one) for one in graph.initializer
        }
        self._values: dict[str, Any] = {}
        self.program = paddle.static.Program()
        with paddle.static.program_guard(self.program, paddle.static.Program()):
            shape = [one.dim_value or None for one in graph.input[0].type.tensor_type.shape.dim]
            self.input = paddle.static.data(graph.input[0].name, shape, "float32")
            self._values[graph.input[0].name] = self.input
            for node in graph.node:
                self._add(node)
            self.output = self._values[graph.output[0].name]

    def _add(self, node: onnx.NodeProto) -> None:
        attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        name = node.output[0]
        if node.op_type == "Constant":
            self._constants[name] = numpy_helper.to_array(attributes["value"])
            return
        if all(one in self._constants or not one for one in node.input):
            self._constants[name] = _folded(node, [self._constants[one] for one in node.input if one])
            return
        if node.op_type == "Identity":
            self._values[name] = self._values[node.input[0]]
            return
        if node.op_type not in OPERATIONS:
            raise ValueError(f"no Paddle operation is known for ONNX's {node.op_type}")
        given = [self._values[one] if one in self._values else self._constants.get(one) for one in node.input]
        self._values[name] = OPERATIONS[node.op_type](self, *given, **attributes)

    def tensor(self, value: Any) -> Any:  # noqa: ANN401 - Paddle has no types
        """A value of the graph as Paddle's operations take it: variable, parameter, constant."""
        if not isinstance(value, np.ndarray):
            return value
        if value.size <= LARGE or value.dtype != np.float32:
            return self.paddle.assign(value)
        name = f"p{len(self._parameters)}"
        self._parameters[name] = value
        return self.paddle.static.create_parameter(
            list(value.shape),
            "float32",
            name=name,
            default_initializer=self.paddle.nn.initializer.Constant(0),
        )

    def save(self, folder: Path) -> None:
        """Write `inference.json` and `inference.pdiparams` into a folder that is there."""
        paddle = self.paddle
        executor = paddle.static.Executor(paddle.CPUPlace())
        scope = paddle.static.global_scope()
        for name, value in self._parameters.items():
            scope.var(name).get_tensor().set(np.ascontiguousarray(value), paddle.CPUPlace())
        with paddle.static.program_guard(self.program):
            paddle.static.save_inference_model(
                str(folder / "inference"), [self.input], [self.output], executor, program=self.program
            )


def _folded(node: onnx.NodeProto, given: list[NDArray[Any]]) -> NDArray[Any]:
    """The value of a node whose inputs are constants; by ONNX's own reference implementation."""
    if node.op_type == "Identity":
        return given[0]
    from onnx.reference import ReferenceEvaluator

    inputs = [
        onnx.helper.make_tensor_value_info(
            name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
        )
        for name, value in zip([one for one in node.input if one], given, strict=True)
    ]
    output = onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.UNDEFINED, None)
    graph = onnx.helper.make_graph([node], "constant", inputs, [output])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)])
    feeds = {one.name: value for one, value in zip(inputs, given, strict=True)}
    return np.asarray(ReferenceEvaluator(model).run(None, feeds)[0])


def _padding(
    kernel: list[int], strides: list[int], pads: list[int] | None, auto: bytes
) -> tuple[list[int], list[int]]:
    """What to add (x0, x1, y0, y1) before an operation, and what it adds itself (y, x)."""
    if auto in (b"SAME_UPPER", b"SAME_LOWER"):
        if any(step != 1 for step in strides):
            raise ValueError("SAME padding with a stride cannot be written for Paddle")
        totals = [size - 1 for size in kernel]
        small, large = [total // 2 for total in totals], [total - total // 2 for total in totals]
        y, x = ((a, b) if auto == b"SAME_UPPER" else (b, a) for a, b in zip(small, large, strict=True))
        pads = [y[0], x[0], y[1], x[1]]
    y0, x0, y1, x1 = pads or [0, 0, 0, 0]
    return ([0, 0, 0, 0], [y0, x0]) if (y0, x0) == (y1, x1) else ([x0, x1, y0, y1], [0, 0])


def _conv(
    p: Program,
    x: Any,  # noqa: ANN401
    weight: NDArray[Any],
    bias: NDArray[Any] | None = None,
    *,
    kernel_shape: list[int],
    strides: tuple[int, ...] = (1, 1),
    pads: list[int] | None = None,
    dilations: tuple[int, ...] = (1, 1),
    group: int = 1,
    auto_pad: bytes = b"NOTSET",
) -> Any:  # noqa: ANN401
    functional = p.paddle.nn.functional
    before, inside = _padding(kernel_shape, list(strides), pads, auto_pad)
    if any(before):
        x = functional.pad(x, before)
    out = functional.conv2d(x, p.tensor(weight), None, list(strides), inside, list(dilations), group)
    return out if bias is None else out + p.tensor(bias.reshape(1, -1, 1, 1))


def _conv_transpose(
    p: Program,
    x: Any,  # noqa: ANN401
    weight: NDArray[Any],
    bias: NDArray[Any] | None = None,
    *,
    kernel_shape: list[int],
    strides: list[int],
    pads: list[int],
    dilations: list[int],
    group: int = 1,
) -> Any:  # noqa: ANN401
    out = p.paddle.nn.functional.conv2d_transpose(
        x,
        p.tensor(weight),
        stride=list(strides),
        padding=list(pads[:2]),
        dilation=list(dilations),
        groups=group,
    )
    return out if bias is None else out + p.tensor(bias.reshape(1, -1, 1, 1))


def _max_pool(
    p: Program,
    x: Any,  # noqa: ANN401
    *,
    kernel_shape: list[int],
    strides: list[int],
    pads: list[int] | None = None,
    auto_pad: bytes = b"NOTSET",
    ceil_mode: int = 0,
) -> Any:  # noqa: ANN401
    functional = p.paddle.nn.functional
    before, inside = _padding(kernel_shape, list(strides), pads, auto_pad)
    if any(before):
        x = functional.pad(x, before, value=float(np.finfo(np.float32).min))
    return functional.max_pool2d(x, list(kernel_shape), list(strides), inside, ceil_mode=bool(ceil_mode))


def _average_pool(
    p: Program,
    x: Any,  # noqa: ANN401
    *,
    kernel_shape: list[int],
    strides: list[int],
    pads: list[int] | None = None,
    ceil_mode: int = 0,
    count_include_pad: int = 0,
) -> Any:  # noqa: ANN401
    return p.paddle.nn.functional.avg_pool2d(
        x,
        list(kernel_shape),
        list(strides),
        list((pads or [0, 0])[:2]),
        ceil_mode=bool(ceil_mode),
        exclusive=not count_include_pad,
    )


def _batch_norm(
    p: Program,
    x: Any,  # noqa: ANN401
    scale: NDArray[Any],
    shift: NDArray[Any],
    mean: NDArray[Any],
    variance: NDArray[Any],
    *,
    epsilon: float,
    momentum: float = 0.9,
) -> Any:  # noqa: ANN401
    factor = scale / np.sqrt(variance + np.float32(epsilon))
    offset = shift - mean * factor
    shape = (1, -1, 1, 1)
    return x * p.tensor(factor.astype(np.float32).reshape(shape)) + p.tensor(
        offset.astype(np.float32).reshape(shape)
    )


def _slice(
    p: Program,
    x: Any,  # noqa: ANN401
    starts: NDArray[Any],
    ends: NDArray[Any],
    axes: NDArray[Any] | None = None,
    steps: NDArray[Any] | None = None,
) -> Any:  # noqa: ANN401
    if steps is not None and (steps != 1).any():
        raise ValueError("a Slice with a step cannot be written for Paddle")
    chosen = list(range(len(starts))) if axes is None else [int(axis) for axis in axes]
    limit = 2**31 - 1
    return p.paddle.slice(
        x, chosen, [max(-limit, int(v)) for v in starts], [min(limit, int(v)) for v in ends]
    )


def _concat(p: Program, *parts: Any, axis: int) -> Any:  # noqa: ANN401
    tensors = [p.tensor(one) for one in parts]
    # Shapes: Paddle counts in int32, ONNX in int64.
    if any(str(one.dtype).rpartition(".")[2].lower() in ("int32", "int64") for one in tensors):
        tensors = [p.paddle.cast(one, "int64") for one in tensors]
    return p.paddle.concat(tensors, axis)


def _reshape(p: Program, x: Any, shape: Any) -> Any:  # noqa: ANN401
    if isinstance(shape, np.ndarray):
        return p.paddle.reshape(x, [int(size) for size in shape])
    return p.paddle.reshape(x, p.paddle.cast(shape, "int32"))


def _resize(
    p: Program,
    x: Any,  # noqa: ANN401
    *inputs: Any,  # noqa: ANN401
    mode: bytes,
    nearest_mode: bytes = b"round_prefer_floor",
    coordinate_transformation_mode: bytes = b"half_pixel",
    cubic_coeff_a: float = -0.75,
) -> Any:  # noqa: ANN401
    kind = (mode, coordinate_transformation_mode, nearest_mode)
    if kind != (b"nearest", b"asymmetric", b"floor") or len(inputs) > 2:
        raise ValueError(f"Resize by {b', '.join(kind).decode()} cannot be written for Paddle")
    scales = [float(one) for one in inputs[1][2:]]
    return p.paddle.nn.functional.interpolate(x, scale_factor=scales, mode="nearest", align_corners=False)


def _two(name: str) -> Callable[..., Any]:
    def run(p: Program, a: Any, b: Any) -> Any:  # noqa: ANN401
        return getattr(p.paddle, name)(p.tensor(a), p.tensor(b))

    return run


def _one(find: Callable[[Any], Callable[[Any], Any]]) -> Callable[..., Any]:
    def run(p: Program, x: Any) -> Any:  # noqa: ANN401
        return find(p.paddle)(x)

    return run


OPERATIONS: dict[str, Callable[..., Any]] = {
    "Add": _two("add"),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Concat": _concat,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Div": _two("divide"),
    "Erf": _one(lambda paddle: paddle.erf),
    "GlobalAveragePool": lambda p, x: p.paddle.mean(x, [2, 3], keepdim=True),
    "HardSigmoid": lambda p, x, alpha=0.2, beta=0.5: p.paddle.nn.functional.hardsigmoid(x, alpha, beta),
    "MatMul": _two("matmul"),
    "MaxPool": _max_pool,
    "Mul": _two("multiply"),
    "Pow": lambda p, x, power: p.paddle.pow(x, float(np.asarray(power).reshape(()))),
    "ReduceMean": lambda p, x, axes, keepdims=1: p.paddle.mean(x, list(axes), keepdim=bool(keepdims)),
    "Relu": _one(lambda paddle: paddle.nn.functional.relu),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": lambda p, x: p.paddle.cast(p.paddle.shape(x), "int64"),
    "Sigmoid": _one(lambda paddle: paddle.nn.functional.sigmoid),
    "Slice": _slice,
    "Softmax": lambda p, x, axis=-1: p.paddle.nn.functional.softmax(x, axis),
    "Sqrt": _one(lambda paddle: paddle.sqrt),
    "Squeeze": lambda p, x, axes: p.paddle.squeeze(x, list(axes)),
    "Sub": _two("subtract"),
    "Transpose": lambda p, x, perm: p.paddle.transpose(x, list(perm)),
    "Unsqueeze": lambda p, x, axes: p.paddle.unsqueeze(x, list(axes)),
}


def answers(folder: Path, inputs: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Run an inference model by Paddle's inference engine."""
    from paddle import inference  # type: ignore[import-not-found, import-untyped, unused-ignore]

    config = inference.Config(str(folder / "inference.json"), str(folder / "inference.pdiparams"))
    config.disable_gpu()
    config.disable_glog_info()
    predictor = inference.create_predictor(config)
    out = []
    for given in inputs:
        handle = predictor.get_input_handle(predictor.get_input_names()[0])
        handle.reshape(given.shape)
        handle.copy_from_cpu(np.ascontiguousarray(given))
        predictor.run()
        out.append(predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu())
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--onnx", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--config", type=Path, required=True, help="what inference.yml shall say, as JSON")
    parser.add_argument("--inputs", type=Path, required=True, help="arrays to run the program on (npz)")
    parser.add_argument("--outputs", type=Path, required=True, help="what it answers, by the same names")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    Program(options.onnx).save(options.out)
    config = json.loads(options.config.read_text("utf-8"))
    (options.out / "inference.yml").write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
    with np.load(options.inputs) as given:
        names = list(given.files)
        found = answers(options.out, [given[name] for name in names])
    np.savez(options.outputs, **dict(zip(names, found, strict=True)))


if __name__ == "__main__":
    main()
