"""What was trained can be taken to PaddleOCR as its users have it: same strings from the same pictures."""

import itertools
import json
import math
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import yaml
from drawops_training import paddle_model
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# Nothing is asked of the network: what is not in the folder is not there.
os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
BASELINE = ROOT / ".drawops" / "cache" / "baseline-model.tar.gz"
HEIGHT = 48


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The baseline as it is served: float16 with Casts."""
    folder = tmp_path_factory.mktemp("released")
    with tarfile.open(BASELINE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def drawn(released: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crops and a sheet, and what drawops reads there; made by the environment of `make setup`."""
    folder = tmp_path_factory.mktemp("drawn")
    python = ROOT / ".venv" / "bin" / "python"
    subprocess.run([python, ROOT / "tests/training/drawn_lines.py", released, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def crops(drawn: Path) -> list[NDArray[np.uint8]]:
    return [np.asarray(cv2.imread(str(path)), np.uint8) for path in sorted(drawn.glob("line-*.png"))]


@pytest.fixture(scope="module")
def recognition(
    released: Path, crops: list[NDArray[np.uint8]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, float]:
    """The exported folder and its difference to ONNX Runtime on a dozen crops."""
    columns = 480
    samples = np.zeros((12, 3, HEIGHT, columns), np.float32)
    for row, picture in enumerate(crops[:: len(crops) // 12][:12]):
        width = min(columns, round(HEIGHT * picture.shape[1] / picture.shape[0]))
        line = cv2.resize(picture, (width, HEIGHT))
        samples[row, :, :, :width] = line.transpose(2, 0, 1) / 127.5 - 1
    folder = tmp_path_factory.mktemp("paddle") / "rec"
    difference = paddle_model.export(
        released / "rec.onnx",
        folder,
        kind="recognition",
        dictionary=released / "dictionary.txt",
        samples=samples,
    )
    return folder, difference


@pytest.fixture(scope="module")
def detection(released: Path, drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The exported folder and its difference to ONNX Runtime on two parts of a sheet."""
    sheet = np.asarray(cv2.imread(str(drawn / "sheet.png")), np.float32) / 255
    fed = ((sheet - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)).transpose(2, 0, 1)
    samples = np.stack([fed[:, :480, :640], fed[:, -480:, -640:]]).astype(np.float32)
    folder = tmp_path_factory.mktemp("paddle") / "det"
    return folder, paddle_model.export(released / "det.onnx", folder, kind="detection", samples=samples)


def test_both_networks_answer_as_the_served_files_do_on_real_pictures(
    recognition: tuple[Path, float], detection: tuple[Path, float]
) -> None:
    for folder, difference in (recognition, detection):
        print(f"{folder.name}: {difference:.2g}")
        assert difference <= paddle_model.TOLERANCE
        assert sorted(one.name for one in folder.iterdir()) == [
            "inference.json",
            "inference.pdiparams",
            "inference.yml",
        ]


def test_the_vocabulary_arrives_whole_and_in_order(released: Path, recognition: tuple[Path, float]) -> None:
    settings = yaml.safe_load((recognition[0] / "inference.yml").read_text(encoding="utf-8"))
    expected = (released / "dictionary.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    assert settings["PostProcess"]["character_dict"] == expected


def _served(released: Path, crops: list[NDArray[np.uint8]]) -> list[str]:
    """The served file's strings when crops are padded as PaddleX pads them: at least to 320 pixels."""
    session = onnxruntime.InferenceSession(released / "rec.onnx", providers=["CPUExecutionProvider"])
    characters = (released / "dictionary.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    classes = ["", *characters, " "]
    texts = []
    for picture in crops:
        ratio = picture.shape[1] / picture.shape[0]
        columns = int(HEIGHT * max(320 / HEIGHT, ratio))
        width = min(columns, math.ceil(HEIGHT * ratio))
        blob = np.zeros((1, 3, HEIGHT, columns), np.float32)
        blob[0, :, :, :width] = cv2.resize(picture, (width, HEIGHT)).transpose(2, 0, 1) / 127.5 - 1
        best = np.asarray(session.run(None, {session.get_inputs()[0].name: blob})[0])[0].argmax(1)
        texts.append("".join(classes[one] for one, _ in itertools.groupby(best)))
    return texts


def test_stock_text_recognition_reads_what_drawops_reads(
    released: Path, drawn: Path, crops: list[NDArray[np.uint8]], recognition: tuple[Path, float]
) -> None:
    from paddleocr import TextRecognition

    stock = TextRecognition(model_name=paddle_model.MODEL_NAMES["recognition"], model_dir=str(recognition[0]))
    # One at a time, as in a batch the widest line decides on everyone's padding.
    found = [one["rec_text"] for picture in crops for one in stock.predict(picture, batch_size=1)]
    assert len(found) >= 40
    assert found == _served(released, crops)
    # drawops pads to a multiple of 32, PaddleX to 320: short lines may read differently.
    ours = [one["read"] for one in json.loads((drawn / "lines.json").read_text(encoding="utf-8"))]
    different = [(a, b) for a, b in zip(ours, found, strict=True) if a != b]
    print(f"{len(ours) - len(different)} of {len(ours)} strings equal; different: {different}")
    assert len(different) <= len(ours) * 0.1


def test_the_stock_pipeline_reads_a_sheet_with_both_exports(
    drawn: Path, recognition: tuple[Path, float], detection: tuple[Path, float]
) -> None:
    from paddleocr import PaddleOCR

    stock = PaddleOCR(
        text_recognition_model_name=paddle_model.MODEL_NAMES["recognition"],
        text_recognition_model_dir=str(recognition[0]),
        text_detection_model_name=paddle_model.MODEL_NAMES["detection"],
        text_detection_model_dir=str(detection[0]),
        use_doc_orientation_classify=False,
        use_doc_unwarping=False,
        use_textline_orientation=False,
    )
    sheet = np.asarray(cv2.imread(str(drawn / "sheet.png")), np.uint8)
    part = sheet[sheet.shape[0] // 2 :, sheet.shape[1] // 2 :]  # with the title block
    found = {text for one in stock.predict(part) for text in one["rec_texts"]}
    truth = set(json.loads((drawn / "sheet.json").read_text(encoding="utf-8")))
    print(f"{len(found & truth)} of {len(found)} strings found stand on the sheet")
    assert len(found & truth) >= 10


def _network(*nodes: onnx.NodeProto, weight: float = 1.0, classes: int = 4) -> onnx.ModelProto:
    """A picture of three channels to `classes` values a pixel: 1 x 1 convolution and what else is given."""
    kernel = np.full((classes, 3, 1, 1), weight, np.float32)
    first = helper.make_node("Conv", ["x", "kernel"], ["y"], kernel_shape=[1, 1])
    graph = helper.make_graph(
        [first, *nodes],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info(nodes[-1].output[0] if nodes else "y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)


def _save(model: onnx.ModelProto, folder: Path) -> Path:
    onnx.save(model, folder / "small.onnx")
    return folder / "small.onnx"


def test_an_operation_that_is_not_known_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    file = _save(_network(helper.make_node("Tan", ["y"], ["z"])), tmp_path)
    with pytest.raises(ValueError, match=r"small\.onnx .* Tan"):
        paddle_model.export(file, tmp_path / "out", kind="detection")
    assert not (tmp_path / "out").exists()


def test_an_answer_that_differs_is_not_used_and_the_last_export_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _save(_network(helper.make_node("Relu", ["y"], ["z"])), tmp_path)
    paddle_model.export(file, tmp_path / "out", kind="detection")
    before = (tmp_path / "out" / "inference.json").read_bytes()
    monkeypatch.setitem(paddle_model.OPERATIONS, "Relu", lambda x: x + 0.01)
    with pytest.raises(ValueError, match="disagree"):
        paddle_model.export(file, tmp_path / "out", kind="detection")
    assert (tmp_path / "out" / "inference.json").read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out", "small.onnx"]


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    file = _save(_network(weight=float("nan")), tmp_path)
    with pytest.raises(ValueError, match="disagree"):
        paddle_model.export(file, tmp_path / "out", kind="detection")


def test_a_dictionary_of_another_model_is_refused(released: Path, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("a\nb\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"18710 classes .* names 4"):
        paddle_model.export(
            released / "rec.onnx", tmp_path / "out", kind="recognition", dictionary=tmp_path / "short.txt"
        )


def test_characters_that_yaml_takes_for_the_end_of_a_line_survive() -> None:
    characters = ["a", '"', "\\", ":", "\x85", "\u2028", "\u3000", "\ufeff", "\U00020bb7", "\t", "no", "1"]
    text = paddle_model._yaml(paddle_model._settings("recognition", characters))
    settings: dict[str, Any] = yaml.safe_load(text)
    assert settings["PostProcess"]["character_dict"] == characters


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "drawops_training.paddle_model", "--json", *arguments]
    folder = ROOT / "containers" / "training"
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_command_answers_with_json_and_nothing_else(released: Path, tmp_path: Path) -> None:
    out = tmp_path / "det"
    run = _command("--kind", "detection", "--onnx", str(released / "det.onnx"), "--out", str(out))
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert 0 < answer["difference"] <= paddle_model.TOLERANCE
    assert (out / "inference.pdiparams").exists()


def test_the_command_says_in_one_line_what_is_wrong(released: Path, tmp_path: Path) -> None:
    run = _command(
        "--kind", "recognition", "--onnx", str(released / "rec.onnx"), "--out", str(tmp_path / "r")
    )
    assert run.returncode == 1
    assert not run.stdout
    assert run.stderr.splitlines()[-1] == "error: recognition needs a dictionary: name it with --dictionary"
