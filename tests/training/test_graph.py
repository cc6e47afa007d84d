"""A released ONNX network run, differentiated and written by PyTorch, held against ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch
from drawops_training.graph import Graph
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

pytestmark = pytest.mark.training

Picture = NDArray[np.float32]
# Sizes that do not fill every stride evenly, and a batch.
SHAPES = {"rec": (2, 3, 48, 200), "det": (1, 3, 160, 224)}


def picture(name: str) -> Picture:
    return np.random.default_rng(1).uniform(-1, 1, SHAPES[name]).astype(np.float32)


def served(path: Path, given: Picture) -> Picture:
    """What ONNX Runtime, which serves the network, makes of it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: given})[0])


def computed(model: Graph, given: Picture) -> Picture:
    with torch.no_grad():
        return np.asarray(model(torch.from_numpy(given)).numpy())


def written(
    path: Path, nodes: list[onnx.NodeProto], tensors: dict[str, NDArray[np.generic]], shape: list[int]
) -> Path:
    """A graph from `x` to `y`."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=10), path)
    return path


@pytest.mark.parametrize("name", ["rec", "det"])
def test_pytorch_computes_what_onnx_runtime_computes(released: Path, name: str) -> None:
    path = released / f"{name}.onnx"
    expected = served(path, picture(name))
    assert np.ptp(expected) > 0.01
    assert np.abs(computed(Graph(path), picture(name)) - expected).max() <= 1e-4


@pytest.mark.parametrize("name", ["rec", "det"])
def test_a_graph_that_did_not_learn_is_saved_as_it_was(released: Path, tmp_path: Path, name: str) -> None:
    path = released / f"{name}.onnx"
    Graph(path).save(tmp_path / "saved.onnx")
    before, after = onnx.load(path), onnx.load(tmp_path / "saved.onnx")
    assert after.graph.node == before.graph.node
    assert after.metadata_props == before.metadata_props
    values = {one.name: numpy_helper.to_array(one) for one in after.graph.initializer}
    assert values.keys() == {one.name for one in before.graph.initializer}
    for one in before.graph.initializer:
        np.testing.assert_array_equal(values[one.name], numpy_helper.to_array(one))


def test_what_was_learnt_is_what_is_served(released: Path, tmp_path: Path) -> None:
    model = Graph(released / "rec.onnx")
    with torch.no_grad():
        for one in model.parameters():
            one.mul_(1.03)
            if one.ndim == 4:  # as training lays them out
                one.data = one.data.contiguous(memory_format=torch.channels_last)
    model.save(tmp_path / "learnt.onnx")
    expected = served(tmp_path / "learnt.onnx", picture("rec"))
    assert np.abs(expected - served(released / "rec.onnx", picture("rec"))).max() > 1e-3
    assert np.abs(computed(model, picture("rec")) - expected).max() <= 1e-4


@pytest.mark.parametrize("name", ["rec", "det"])
def test_a_gradient_reaches_every_parameter(released: Path, name: str) -> None:
    model = Graph(released / f"{name}.onnx")
    weights = torch.from_numpy(picture(name))
    out = model(weights)
    # A softmax or sigmoid alone sums to the same whatever the weights are: each value counts differently.
    (out * torch.linspace(-1, 1, out.numel()).reshape(out.shape)).sum().backward()
    parameters = dict(model.named_parameters())
    assert len(parameters) > 100
    assert [key for key, one in parameters.items() if one.grad is None or not one.grad.any()] == []


def test_the_classes_are_those_of_the_file(released: Path) -> None:
    model = Graph(released / "rec.onnx")
    dictionary = (released / "dictionary.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    assert model.characters == dictionary
    _, weight, bias = model.head()
    assert model.tensor(weight).shape[1] == len(model.tensor(bias)) == len(dictionary) + 2


def test_the_head_is_the_last_step_before_the_scores(released: Path) -> None:
    model = Graph(released / "rec.onnx")
    features, weight, bias = model.head()
    given = torch.from_numpy(picture("rec"))
    with torch.no_grad():
        scores = model(given, until=features) @ model.tensor(weight) + model.tensor(bias)
        assert torch.allclose(scores.softmax(2), model(given), atol=1e-6)


def test_an_operation_that_is_not_understood_is_refused_by_name(tmp_path: Path) -> None:
    nodes = [helper.make_node("Tan", ["x"], ["a"]), helper.make_node("Relu", ["a"], ["y"])]
    with pytest.raises(ValueError, match=r"strange\.onnx .*: Tan$"):
        Graph(written(tmp_path / "strange.onnx", nodes, {}, [1, 4]))


def test_a_way_to_enlarge_that_pytorch_lacks_is_refused_by_name(tmp_path: Path) -> None:
    resize = helper.make_node("Resize", ["x", "roi", "scales"], ["y"], mode="linear")
    tensors: dict[str, NDArray[np.generic]] = {
        "roi": np.zeros(0, np.float32),
        "scales": np.array([1, 1, 2, 2], np.float32),
    }
    model = Graph(written(tmp_path / "resize.onnx", [resize], tensors, [1, 1, 4, 4]))
    with pytest.raises(ValueError, match="Resize by linear"):
        model(torch.zeros(1, 1, 4, 4))


def test_a_tensor_that_nothing_makes_is_refused_by_name(tmp_path: Path) -> None:
    model = Graph(written(tmp_path / "relu.onnx", [helper.make_node("Relu", ["x"], ["y"])], {}, [1, 4]))
    with pytest.raises(ValueError, match="no tensor z"):
        model(torch.zeros(1, 4), until="z")


@pytest.mark.parametrize("name", ["rec", "det"])
def test_half_precision_halves_the_file_and_reads_the_same(released: Path, tmp_path: Path, name: str) -> None:
    path, half = released / f"{name}.onnx", tmp_path / "half.onnx"
    Graph(path).save(half, half=True)
    onnx.checker.check_model(half, full_check=True)
    # Beside weights there are the graph itself and the dictionary.
    assert half.stat().st_size < 0.53 * path.stat().st_size
    expected = served(path, picture(name))
    assert np.abs(served(half, picture(name)) - expected).max() <= 1e-2
    if name == "rec":
        np.testing.assert_array_equal(
            served(half, picture(name)).argmax(2),
            expected.argmax(2),
        )


def test_half_precision_weights_are_trained_on_in_full_precision(released: Path, tmp_path: Path) -> None:
    half, again, full = (tmp_path / f"{one}.onnx" for one in ("half", "again", "full"))
    Graph(released / "rec.onnx").save(half, half=True)
    model = Graph(half)
    original = Graph(released / "rec.onnx")
    assert {one.dtype for one in model.parameters()} == {torch.float32}
    assert sum(1 for _ in model.parameters()) == sum(1 for _ in original.parameters())
    assert np.abs(computed(model, picture("rec")) - served(half, picture("rec"))).max() <= 1e-4

    model.save(again, half=True)
    assert again.stat().st_size == half.stat().st_size
    np.testing.assert_array_equal(served(again, picture("rec")), served(half, picture("rec")))

    model.save(full)
    assert not any(node.op_type == "Cast" for node in onnx.load(full).graph.node)
    np.testing.assert_allclose(served(full, picture("rec")), served(half, picture("rec")), atol=1e-6)


def test_a_half_precision_constant_node_is_widened_too(tmp_path: Path) -> None:
    value = np.array([[1.5, -2.0], [0.25, 8.0]], np.float16)
    nodes = [
        helper.make_node("Constant", [], ["narrow"], value=numpy_helper.from_array(value)),
        helper.make_node("Cast", ["narrow"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["x", "wide"], ["y"]),
    ]
    model = Graph(written(tmp_path / "constant.onnx", nodes, {}, [1, 2]))
    np.testing.assert_array_equal(model.tensor("wide").detach().numpy(), value.astype(np.float32))


def test_a_cast_of_anything_but_weights_is_refused(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["a"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["a"], ["y"], to=TensorProto.FLOAT),
    ]
    with pytest.raises(ValueError, match="Cast"):
        Graph(written(tmp_path / "cast.onnx", nodes, {}, [1, 4]))


def test_a_value_beyond_half_precision_is_kept_in_full(tmp_path: Path) -> None:
    tensors: dict[str, NDArray[np.generic]] = {
        "large": np.array([[70_000.0, 1.0], [2.0, 3.0]], np.float32),
        "small": np.array([[0.5, 1.0], [2.0, 3.0]], np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "large"], ["a"]),
        helper.make_node("MatMul", ["a", "small"], ["y"]),
    ]
    Graph(written(tmp_path / "one.onnx", nodes, tensors, [1, 2])).save(tmp_path / "half.onnx", half=True)
    kinds = {one.name: one.data_type for one in onnx.load(tmp_path / "half.onnx").graph.initializer}
    assert kinds == {"large": TensorProto.FLOAT, "small.float16": TensorProto.FLOAT16}
    given = np.array([[1.0, 2.0]], np.float32)
    np.testing.assert_array_equal(served(tmp_path / "half.onnx", given), served(tmp_path / "one.onnx", given))


def test_a_save_that_fails_half_way_leaves_the_last_one(
    released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tuned.onnx"
    model = Graph(released / "det.onnx")
    model.save(path)
    before = path.read_bytes()

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with torch.no_grad():
        next(model.parameters()).mul_(2)
    with pytest.raises(OSError, match="No space"):
        model.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
