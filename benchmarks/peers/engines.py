"""The engines: what they are, how each is made ready and how its adapter is started."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drawops_local.environments import Progress

from benchmarks.peers import environments, weights
from benchmarks.peers.environments import HERE, ROOT

ADAPTERS = "benchmarks.peers.adapters"
NAIVE_TILES = "rapidocr-tiles"
"""The engine that others are compared with for speed."""
TILE, OVERLAP = 1280, 160


@dataclass(frozen=True)
class Launch:
    """How to start an adapter, and the bytes that were downloaded for its engine, weights included."""

    command: tuple[str, ...]
    download: int
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Engine:
    """An engine.

    Attributes:
        name: on the command line.
        title: in tables.
        english: what it is and how it is used, for the page; `chinese` the same.
        prepare: makes it ready; given the folder of a model for drawops (None: the baseline).
    """

    name: str
    title: str
    english: str
    chinese: str
    prepare: Callable[[Path | None, Progress], Launch]


def _drawops(model: Path | None, progress: Progress) -> Launch:
    lock = ROOT / "containers" / "inference" / "requirements.txt"
    python, download = environments.python_environment("drawops", lock, progress)
    folder, size = (model, environments.size_of(model)) if model else weights.drawops_model(progress)
    packages = f"{ROOT / 'layers' / 'core'}:{ROOT / 'containers' / 'vision'}"
    command = _module(python, "drawops_reader", "--model", str(folder.resolve()))
    return Launch(command, download + size, {"PYTHONPATH": packages})


def _rapidocr(*arguments: str) -> Callable[[Path | None, Progress], Launch]:
    def prepare(_: Path | None, progress: Progress) -> Launch:
        lock = HERE / "requirements-rapidocr.txt"
        python, download = environments.python_environment("rapidocr", lock, progress)
        return Launch(_module(python, "rapidocr_sheets", *arguments), download)

    return prepare


def _rapidocr_v4(_: Path | None, progress: Progress) -> Launch:
    lock = HERE / "requirements-rapidocr-v4.txt"
    python, download = environments.python_environment("rapidocr-v4", lock, progress)
    return Launch(_module(python, "rapidocr_v4"), download)


def _paddleocr(
    models: Callable[[Progress], tuple[Path, int]], runtime: str
) -> Callable[[Path | None, Progress], Launch]:
    def prepare(_: Path | None, progress: Progress) -> Launch:
        lock = HERE / "requirements-paddleocr.txt"
        python, download = environments.python_environment("paddleocr", lock, progress)
        folder, size = models(progress)
        command = _module(python, "paddleocr_sheets", "--models", str(folder), "--runtime", runtime)
        return Launch(command, download + size)

    return prepare


def _guten(_: Path | None, progress: Progress) -> Launch:
    folder, download = environments.node_environment("guten", HERE / "guten", progress)
    adapter = HERE / "adapters" / "guten.mjs"
    return Launch(("node", str(adapter), "--packages", str(folder)), download)


def _tesseract(_: Path | None, progress: Progress) -> Launch:
    packages = ("tesseract-ocr", "tesseract-ocr-eng", "libtesseract5", "liblept5")
    download = environments.debian_packages("tesseract", packages, progress)
    return Launch(_module(Path(sys.executable), "tesseract"), download)


def _module(python: Path, adapter: str, *arguments: str) -> tuple[str, ...]:
    return (str(python), "-m", f"{ADAPTERS}.{adapter}", *arguments)


ENGINES = (
    Engine(
        "drawops",
        "drawops",
        "the inference program's reader on the whole sheet, in the inference image's environment",
        "推理程序的读取器，整张图纸，运行于推理镜像的环境",
        _drawops,
    ),
    Engine(
        "rapidocr",
        "RapidOCR 3.10",
        "PP-OCRv6 small on ONNX Runtime, defaults: the sheet is shrunk to 2000 pixels",
        "PP-OCRv6 small，ONNX Runtime，默认设置：图纸缩小到 2000 像素",
        _rapidocr(),
    ),
    Engine(
        NAIVE_TILES,
        "RapidOCR 3.10, naive tiles",
        f"the same on tiles of {TILE} pixels that overlap by {OVERLAP}; of boxes that overlap with IoU 0.5 "
        "the surest is kept. The reference for speed",
        f"同上，切成 {TILE} 像素的图块，重叠 {OVERLAP} 像素；IoU 达 0.5 的框只留最可信的。速度的基准",
        _rapidocr("--tile", str(TILE), "--overlap", str(OVERLAP)),
    ),
    Engine(
        "rapidocr-v4",
        "RapidOCR 1.4",
        "the older package, PP-OCRv4 mobile on ONNX Runtime, defaults: the sheet is shrunk to 2000 pixels",
        "较旧的软件包，PP-OCRv4 mobile，ONNX Runtime，默认设置：图纸缩小到 2000 像素",
        _rapidocr_v4,
    ),
    Engine(
        "paddleocr-v4",
        "PaddleOCR 3.7, PP-OCRv4 mobile",
        "Paddle's own runtime, local model folders, defaults: the sheet is shrunk to 4000 pixels",
        "Paddle 自己的运行时，本地模型目录，默认设置：图纸缩小到 4000 像素",
        _paddleocr(weights.paddleocr_v4, "paddle_static"),
    ),
    Engine(
        "paddleocr-v6",
        "PaddleOCR 3.7, PP-OCRv6 small",
        "on ONNX Runtime, local model folders, defaults: the sheet is shrunk to 4000 pixels",
        "ONNX Runtime，本地模型目录，默认设置：图纸缩小到 4000 像素",
        _paddleocr(weights.paddleocr_v6, "onnxruntime"),
    ),
    Engine(
        "guten",
        "Guten OCR 1.4",
        "for Node.js, PP-OCRv4 mobile on ONNX Runtime, defaults: the sheet is not shrunk; texts of one row "
        "are joined, as in a document",
        "用于 Node.js，PP-OCRv4 mobile，ONNX Runtime，默认设置：不缩小图纸；同一行的文本按文档方式连成一条",
        _guten,
    ),
    Engine(
        "tesseract",
        "Tesseract 5",
        "English, `--psm 11` (sparse text), words of one line joined; reads upright text only",
        "英文，`--psm 11`（稀疏文本），同一行的词相连；只读正向文字",
        _tesseract,
    ),
)

NOT_RUN = (
    (
        "EasyOCR",
        "needs torch and torchvision, on Linux several gigabytes, and weights from a project page",
        "需要 torch 与 torchvision（Linux 上从软件源下载数 GB），权重在项目网站上",
    ),
    (
        "docTR, OnnxTR, Surya, CnOCR, MMOCR",
        "their weights lie on model hubs or project pages, which a run without them cannot reach",
        "权重放在模型中心或项目网站上，离线运行时取不到",
    ),
    (
        "Tesseract.js",
        "the same engine as Tesseract 5, compiled to WebAssembly",
        "与 Tesseract 5 是同一引擎，编译为 WebAssembly",
    ),
    (
        "Cloud services (Amazon Textract, Azure, Google)",
        "need an account, send the drawings away, and no two runs need be alike",
        "需要账户，会把图纸发送出去，且两次结果未必相同",
    ),
)
"""Engines that were considered: name, why they are not in the table, the same in Chinese."""
