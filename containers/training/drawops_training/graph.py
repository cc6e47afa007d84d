"""An ONNX network made trainable: its graph run by PyTorch, its tensors as parameters, and back.

Only what PP-OCR's convolutional networks consist of is understood; anything else is refused by name, never
skipped. Training keeps the graph: `save` replaces the values of tensors and nothing else, so what was served
before training is served after it. No definition of the architecture is needed, hence no private API.

Weights may be stored as float16 with a Cast to float32 behind each: half the file, the same arithmetic. They
are widened when a graph is loaded and narrowed again by `save(path, half=True)`.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

PARAMETER = "p{}"
FIXED_INPUTS = {"BatchNormalization": (3, 4), "Resize": (1, 2)}
"""Inputs that no gradient reaches although they are floating-point: statistics, scales."""
NARROW = "{}.float16"
LARGEST_HALF = float(np.finfo(np.float16).max)


class Graph(nn.Module):
    """Runs an ONNX graph; floating-point tensors with more than one value are parameters.

    Attributes:
        input: name of the graph's input.
        output: name of its output.
        characters: PP-OCR's dictionary, where the file carries it: one string a class, without the blank at
            the front and the space at the end.

    Raises:
        ValueError: the graph has an operation that is not in `OPERATIONS`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._model = onnx.load(path)
        graph = self._model.graph
        _widen(graph)
        strange = {node.op_type for node in graph.node} - set(OPERATIONS) - {"Constant", "Identity"}
        if strange:
            raise ValueError(
                f"{path.name} has operations that cannot be trained: {', '.join(sorted(strange))}"
            )
        self.input = graph.input[0].name
        self.output = graph.output[0].name
        self.characters: list[str] = next(
            (
                one.value.removesuffix("\n").split("\n")
                for one in self._model.metadata_props
                if one.key == "character"
            ),
            [],
        )
        self._same: dict[str, str] = {}
        for node in graph.node:
            if node.op_type == "Identity":
                self._same[node.output[0]] = self._same.get(node.input[0], node.input[0])
        fixed = {
            self._same.get(node.input[index], node.input[index])
            for node in graph.node
            for index in FIXED_INPUTS.get(node.op_type, ())
            if index < len(node.input)
        }
        self._constants: dict[str, Tensor] = {}
        self._places: dict[str, str] = {}  # tensor of the graph -> attribute of this module
        for name, holder in _holders(graph).items():
            self._hold(name, numpy_helper.to_array(holder), learns=name not in fixed)
        self._nodes: list[tuple[Callable[..., Any], list[str], list[str], dict[str, Any]]] = []
        for node in graph.node:
            if node.op_type not in ("Identity", "Constant"):
                attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
                names = [self._same.get(name, name) for name in node.input]
                self._nodes.append((OPERATIONS[node.op_type], names, list(node.output), attributes))
        self._last_use: dict[str, int] = {}
        for index, (_, names, _, _) in enumerate(self._nodes):
            self._last_use.update(dict.fromkeys(names, index))

    def _hold(self, name: str, value: NDArray[Any], *, learns: bool) -> None:
        tensor = torch.from_numpy(value.copy())
        if learns and tensor.is_floating_point() and tensor.numel() > 1:
            self._places[name] = PARAMETER.format(len(self._places))
            self.register_parameter(self._places[name], nn.Parameter(tensor))
        else:
            self._constants[name] = tensor

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Graph":
        """Move to a device: constants that are numbers of pictures too; shapes are reckoned on the CPU."""
        super()._apply(fn, recurse)
        self._constants = {
            name: fn(one) if one.is_floating_point() else one for name, one in self._constants.items()
        }
        return self

    def extend(self, characters: list[str]) -> None:
        """Append classes to the head of a recogniser, in front of the space, which stays the last class.

        A new class begins as the average of all characters: unlikely, and quickly learnt.
        """
        for name in self.head()[1:]:
            old = self.tensor(name)
            value = old.detach()
            new = value[..., 1:-1].mean(dim=-1, keepdim=True).expand(*value.shape[:-1], len(characters))
            old.data = torch.cat((value[..., :-1], new, value[..., -1:]), dim=-1)
        self.characters = [*self.characters, *characters]
        for one in self._model.metadata_props:
            if one.key == "character":
                one.value = "\n".join(self.characters) + "\n"
        del self._model.graph.value_info[:]
        self._model.graph.output[0].type.tensor_type.shape.dim[-1].dim_value += len(characters)

    def tensor(self, name: str) -> nn.Parameter:
        """The parameter that holds a tensor of the graph.

        Raises:
            KeyError: no parameter of this name.
        """
        return self.get_parameter(self._places[self._same.get(name, name)])

    def head(self) -> tuple[str, str, str]:
        """Names of the last matrix product's input, weight (features x classes) and bias."""
        product = [node for node in self._nodes if node[0] is _matmul][-1]
        bias = next(node for node in self._nodes if node[0] is torch.add and product[2][0] in node[1])
        return product[1][0], product[1][1], next(name for name in bias[1] if name != product[2][0])

    def logits(self) -> str:
        """Name of a detector's output before the sigmoid that ends it."""
        return self._nodes[self._nodes_of("Sigmoid")[-1]][1][0]

    def backbone(self) -> list[str]:
        """Names of the parameters in front of the first matrix product or enlargement: convolutions mostly.

        Behind it a recogniser has its attention, a detector the pyramid that joins its scales.
        """
        return self._before(self._nodes_of("MatMul", "Resize")[0])

    def body(self) -> list[str]:
        """Names of the parameters in front of a detector's head, which begins where its scales are joined."""
        return self._before(self._nodes_of("Concat")[-1])

    def _nodes_of(self, *kinds: str) -> list[int]:
        wanted = [OPERATIONS[kind] for kind in kinds]
        return [index for index, node in enumerate(self._nodes) if node[0] in wanted]

    def _before(self, index: int) -> list[str]:
        before = {name for _, names, _, _ in self._nodes[:index] for name in names}
        return [place for name, place in self._places.items() if name in before]

    def forward(self, picture: Tensor, until: str | None = None) -> Tensor:
        """Run the graph.

        Args:
            picture: batch in the layout of the graph's input, N x 3 x H x W for PP-OCR.
            until: name of a tensor to stop at; the graph's output if not given.

        Raises:
            ValueError: nothing in the graph makes that tensor.
        """
        wanted = until or self._same.get(self.output, self.output)
        values: dict[str, Tensor] = {self.input: picture}
        for index, (run, names, outputs, attributes) in enumerate(self._nodes):
            given = [self._value(name, values) for name in names]
            values[outputs[0]] = run(*given, **attributes) if attributes else run(*given)
            if outputs[0] == wanted:
                return values[wanted]
            for name in names:
                if self._last_use[name] == index:
                    values.pop(name, None)
        raise ValueError(f"the graph has no tensor {wanted}")

    def _value(self, name: str, values: dict[str, Tensor]) -> Tensor | None:
        if not name:
            return None
        if name in values:
            return values[name]
        return self._constants[name] if name in self._constants else self.get_parameter(self._places[name])

    def save(self, path: Path, *, half: bool = False) -> None:
        """Write the graph with the present values of its parameters.

        The file appears whole or not at all: a training that is killed while it saves leaves the last one.

        Args:
            path: file to write or replace.
            half: store tensors of two and more axes as float16. Vectors (biases, scales) stay float32: they
                weigh next to nothing.
        """
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        holders = _holders(model.graph)
        for name, attribute in self._places.items():
            holder = holders[name]
            value = self.get_parameter(attribute).detach().contiguous().cpu().numpy()
            holder.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value), holder.name))
        if half:
            _narrow(model.graph, self._places)
        part = path.with_name(f"{path.name}.part")
        try:
            with part.open("wb") as file:
                file.write(model.SerializeToString())
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _holders(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """Every tensor that the file holds, by the name it has in the graph."""
    found = {one.name: one for one in graph.initializer}
    found.update({node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"})
    return found


def _widen(graph: onnx.GraphProto) -> None:
    """Fold each Cast of a stored float16 tensor to float32 into a float32 tensor, in place."""
    holders = _holders(graph)
    folded = [
        node
        for node in graph.node
        if node.op_type == "Cast"
        and node.input[0] in holders
        and holders[node.input[0]].data_type == onnx.TensorProto.FLOAT16
        and onnx.helper.get_attribute_value(node.attribute[0]) == onnx.TensorProto.FLOAT
    ]
    wide = [
        numpy_helper.from_array(
            numpy_helper.to_array(holders[node.input[0]]).astype(np.float32), node.output[0]
        )
        for node in folded
    ]
    narrow = {node.input[0] for node in folded}
    for node in folded:
        graph.node.remove(node)
    _forget(graph, narrow - {name for node in graph.node for name in node.input})
    graph.initializer.extend(wide)


def _narrow(graph: onnx.GraphProto, names: Iterable[str]) -> None:
    """Store these tensors as float16 with a Cast to float32 behind each, in place.

    Vectors stay as they are, and so does a tensor with a value that float16 does not reach.
    """
    holders = _holders(graph)
    values = {name: numpy_helper.to_array(holders[name]) for name in names}
    chosen = {
        name: value
        for name, value in values.items()
        if value.dtype == np.float32 and value.ndim > 1 and np.abs(value).max() <= LARGEST_HALF
    }
    _forget(graph, set(chosen))
    graph.initializer.extend(
        numpy_helper.from_array(value.astype(np.float16), NARROW.format(name))
        for name, value in chosen.items()
    )
    for name in reversed(chosen):  # before all that use them
        cast = onnx.helper.make_node("Cast", [NARROW.format(name)], [name], to=onnx.TensorProto.FLOAT)
        graph.node.insert(0, cast)


def _forget(graph: onnx.GraphProto, names: set[str]) -> None:
    for one in [one for one in graph.initializer if one.name in names]:
        graph.initializer.remove(one)
    for node in [node for node in graph.node if node.op_type == "Constant" and node.output[0] in names]:
        graph.node.remove(node)


def _padding(
    x: Tensor, kernel: list[int], strides: list[int], pads: list[int] | None, auto: bytes
) -> list[int]:
    """Begin and end of each axis (y0, x0, y1, x1), as ONNX writes them."""
    if auto not in (b"SAME_UPPER", b"SAME_LOWER"):
        return pads or [0, 0, 0, 0]
    begin, end = [], []
    for size, k, stride in zip(x.shape[2:], kernel, strides, strict=True):
        total = max((-(-size // stride) - 1) * stride + k - size, 0)
        small, large = total // 2, total - total // 2
        begin.append(small if auto == b"SAME_UPPER" else large)
        end.append(large if auto == b"SAME_UPPER" else small)
    return begin + end


def _conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    kernel_shape: list[int],
    strides: tuple[int, ...] = (1, 1),
    pads: list[int] | None = None,
    dilations: tuple[int, ...] = (1, 1),
    group: int = 1,
    auto_pad: bytes = b"NOTSET",
) -> Tensor:
    y0, x0, y1, x1 = _padding(x, kernel_shape, list(strides), pads, auto_pad)
    if (y0, x0) != (y1, x1):
        x, y0, x0 = functional.pad(x, (x0, x1, y0, y1)), 0, 0
    return functional.conv2d(x, weight, bias, tuple(strides), (y0, x0), tuple(dilations), group)


def _conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    kernel_shape: list[int],
    strides: list[int],
    pads: list[int],
    dilations: list[int],
    group: int = 1,
) -> Tensor:
    return functional.conv_transpose2d(
        x, weight, bias, tuple(strides), tuple(pads[:2]), 0, group, tuple(dilations)
    )


def _max_pool(
    x: Tensor,
    *,
    kernel_shape: list[int],
    strides: list[int],
    pads: list[int] | None = None,
    auto_pad: bytes = b"NOTSET",
    ceil_mode: int = 0,
) -> Tensor:
    y0, x0, y1, x1 = _padding(x, kernel_shape, strides, pads, auto_pad)
    padded = functional.pad(x, (x0, x1, y0, y1), value=float("-inf"))
    return functional.max_pool2d(padded, tuple(kernel_shape), tuple(strides), ceil_mode=bool(ceil_mode))


def _average_pool(
    x: Tensor,
    *,
    kernel_shape: list[int],
    strides: list[int],
    pads: list[int] | None = None,
    ceil_mode: int = 0,
    count_include_pad: int = 0,
) -> Tensor:
    sides = tuple((pads or [0, 0])[:2])
    return functional.avg_pool2d(
        x, tuple(kernel_shape), tuple(strides), sides, bool(ceil_mode), bool(count_include_pad)
    )


def _batch_norm(
    x: Tensor,
    scale: Tensor,
    shift: Tensor,
    mean: Tensor,
    variance: Tensor,
    *,
    epsilon: float,
    momentum: float = 0.9,
) -> Tensor:
    return functional.batch_norm(x, mean.detach(), variance.detach(), scale, shift, False, 0.0, epsilon)


def _matmul(a: Tensor, b: Tensor) -> Tensor:
    return a @ b


def _slice(
    x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor | None = None, steps: Tensor | None = None
) -> Tensor:
    for position, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        axis = int(axes[position]) if axes is not None else position
        if steps is not None and int(steps[position]) != 1:
            raise ValueError("a Slice with a step cannot be trained")
        size = x.shape[axis]
        first, past = (min(max(int(v) + size if v < 0 else int(v), 0), size) for v in (start, end))
        x = x.narrow(axis, first, past - first)
    return x


def _reshape(x: Tensor, shape: Tensor) -> Tensor:
    return x.reshape([x.shape[i] if size == 0 else int(size) for i, size in enumerate(shape.tolist())])


def _squeeze(x: Tensor, *, axes: list[int]) -> Tensor:
    for axis in sorted((axis % x.ndim for axis in axes), reverse=True):
        x = x.squeeze(axis)
    return x


def _unsqueeze(x: Tensor, *, axes: list[int]) -> Tensor:
    for axis in sorted(axes):
        x = x.unsqueeze(axis)
    return x


def _resize(
    x: Tensor,
    *inputs: Tensor | None,
    mode: bytes,
    nearest_mode: bytes = b"round_prefer_floor",
    coordinate_transformation_mode: bytes = b"half_pixel",
    cubic_coeff_a: float = -0.75,
) -> Tensor:
    # The one kind that PyTorch's "nearest" computes.
    kind = (mode, coordinate_transformation_mode, nearest_mode)
    if kind != (b"nearest", b"asymmetric", b"floor"):
        raise ValueError(f"Resize by {b', '.join(kind).decode()} cannot be trained")
    if len(inputs) > 2 and inputs[2] is not None:
        return functional.interpolate(x, size=[int(v) for v in inputs[2][2:]], mode="nearest")
    scales = inputs[1]
    assert scales is not None
    return functional.interpolate(x, scale_factor=[float(v) for v in scales[2:]], mode="nearest")


OPERATIONS: dict[str, Callable[..., Any]] = {
    "Add": torch.add,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Concat": lambda *parts, axis: torch.cat(parts, axis),
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Div": torch.div,
    "Erf": torch.erf,
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
    "HardSigmoid": lambda x, *, alpha=0.2, beta=0.5: (alpha * x + beta).clamp(0, 1),
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "Mul": torch.mul,
    "Pow": torch.pow,
    "ReduceMean": lambda x, *, axes, keepdims=1: x.mean(tuple(axes), keepdim=bool(keepdims)),
    "Relu": torch.relu,
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": lambda x: torch.tensor(x.shape),
    "Sigmoid": torch.sigmoid,
    "Slice": _slice,
    "Softmax": lambda x, *, axis=-1: torch.softmax(x, axis),
    "Sqrt": torch.sqrt,
    "Squeeze": _squeeze,
    "Sub": torch.sub,
    "Transpose": lambda x, *, perm: x.permute(perm),
    "Unsqueeze": _unsqueeze,
}
