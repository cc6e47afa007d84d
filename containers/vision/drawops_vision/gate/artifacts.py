"""What can be told of a candidate before it reads anything: archive, dictionary, outputs, size, record."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from drawops.contracts.datasets import DatasetManifest, Split
from drawops.contracts.training import GateReason, ReasonCode
from drawops.errors import Misconfigured
from numpy.typing import NDArray

from drawops_vision.artifact import Model, unpack_verified
from drawops_vision.detect import session
from drawops_vision.gate.allowances import Allowances
from drawops_vision.gate.record import TrainingRecord, read_record

SHOWN = 30
"""Characters or pages that a sentence names."""
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Opened:
    """An unpacked artifact.

    Attributes:
        folder: where its files lie.
        model: verified.
        record: of its training, None where it has none.
        size: bytes of the two networks.
    """

    folder: Path
    model: Model
    record: TrainingRecord | None
    size: int


def open_artifact(archive: Path, folder: Path) -> Opened:
    """Unpack and verify an artifact.

    Raises:
        Misconfigured: it is damaged, altered, or its networks cannot be opened.
    """
    try:
        unpack_verified(archive, folder)
    except UnicodeDecodeError as error:
        raise Misconfigured("dictionary.txt is not UTF-8; pack the model again.") from error
    return open_folder(folder)


def open_folder(folder: Path) -> Opened:
    """Verify an unpacked artifact.

    Raises:
        Misconfigured: as for `open_artifact`.
    """
    model = Model(folder)
    for network in (model.detection, model.recognition):
        try:
            session(str(network), 1, arena=False)
        except Exception as error:
            first = str(error).splitlines()[0][:200]
            raise Misconfigured(f"{network.name} is not a network that can be run: {first}") from error
    size = model.detection.stat().st_size + model.recognition.stat().st_size
    return Opened(folder, model, read_record(folder), size)


def dictionary(approved: list[str], candidate: list[str], allowed: str) -> list[GateReason]:
    """The candidate's dictionary must have all of the approved model's characters, in the same order.

    Args:
        approved: classes of the approved model.
        candidate: of the candidate.
        allowed: characters that may be missing.
    """
    reasons = []
    held = set(candidate)
    missing = [one for one in approved if one not in held and one not in allowed]
    if missing:
        reasons.append(
            GateReason(
                code=ReasonCode.DICTIONARY_LOST,
                sentence=f"The dictionary lacks {len(missing)} characters that the approved model has: "
                f"{_some(missing)}. Train with the parent's dictionary, or allow their loss by name.",
            )
        )
    kept = [one for one in approved if one in held]
    known = set(approved)
    order = [one for one in candidate if one in known]
    if order != kept:
        first = next((a for a, b in zip(kept, order, strict=False) if a != b), "")
        reasons.append(
            GateReason(
                code=ReasonCode.DICTIONARY_ORDER,
                sentence="The dictionary has the approved model's characters in another order, from "
                f"{first!r} on; classes would mean other characters. Append new characters at the end.",
            )
        )
    return reasons


def outputs(opened: Opened) -> list[GateReason]:
    """Both networks are run on probes: outputs are finite, of the right shape, and probabilities."""
    model = opened.model
    reasons = []
    found = _run(str(model.recognition), _line_probes())
    if isinstance(found, str):
        return [GateReason(code=ReasonCode.BROKEN_ARTIFACT, sentence=f"rec.onnx cannot be run: {found}")]
    classes = found[0].shape[-1] if found[0].ndim == 3 else -1
    if classes != len(model.classes):
        reasons.append(
            GateReason(
                code=ReasonCode.PARITY,
                sentence=f"rec.onnx answers {classes} classes, the dictionary makes {len(model.classes)}; "
                "network and dictionary are not of one model.",
            )
        )
    reasons += _sound("rec.onnx", found, sums=True)
    found = _run(str(model.detection), _page_probes())
    if isinstance(found, str):
        return [
            *reasons,
            GateReason(code=ReasonCode.BROKEN_ARTIFACT, sentence=f"det.onnx cannot be run: {found}"),
        ]
    if found[0].shape != (1, 1, 320, 320):
        reasons.append(
            GateReason(
                code=ReasonCode.PARITY,
                sentence=f"det.onnx answers a map of shape {found[0].shape} for a picture of 320 x 320.",
            )
        )
    return reasons + _sound("det.onnx", found, sums=False)


def parity(record: TrainingRecord | None, allowances: Allowances) -> list[GateReason]:
    """What the training job measured between the trained network and its export."""
    measured = record.parity.max_difference if record and record.parity else None
    if measured is None or (np.isfinite(measured) and measured <= allowances.parity):
        return []
    return [
        GateReason(
            code=ReasonCode.PARITY,
            sentence=f"The exported network differs by {measured:.2g} from the trained one, allowed are "
            f"{allowances.parity:g}; export again.",
        )
    ]


def size(approved: Opened, candidate: Opened, allowances: Allowances) -> list[GateReason]:
    """The candidate's networks may be so many times as large."""
    ratio = candidate.size / approved.size
    if ratio <= allowances.size_ratio:
        return []
    return [
        GateReason(
            code=ReasonCode.TOO_LARGE,
            sentence=f"The networks have {candidate.size / 1e6:.1f} MB, {ratio:.1f} times those of the "
            f"approved model; allowed are {allowances.size_ratio:g} times. Write the weights as float16.",
        )
    ]


def trained_on(record: TrainingRecord | None, manifest: DatasetManifest) -> list[GateReason]:
    """Pages of val, test and regression set must not be among those that were learnt from."""
    if record is None:
        return []
    held = {page.page_id: page for page in manifest.pages if page.split is not Split.TRAIN or page.regression}
    learnt = [held[page_id] for page_id in sorted(set(record.page_ids) & held.keys())]
    if not learnt:
        return []
    splits = ", ".join(sorted({"regression" if one.regression else one.split.value for one in learnt}))
    return [
        GateReason(
            code=ReasonCode.TRAINED_ON_TEST,
            sentence=f"The training record lists {len(learnt)} pages that are held back ({splits}): "
            f"{_some([one.name for one in learnt], ', ')}. Its figures prove nothing; train without them.",
        )
    ]


def _some(items: list[str], between: str = " ") -> str:
    return between.join(items[:SHOWN]) + (f"{between}…" if len(items) > SHOWN else "")


def _run(network: str, probes: list[NDArray[np.float32]]) -> list[NDArray[np.float32]] | str:
    opened = session(network, 0, arena=False)
    name = opened.get_inputs()[0].name
    try:
        return [np.asarray(opened.run(None, {name: probe})[0], np.float32) for probe in probes]
    except Exception as error:  # noqa: BLE001 - see `open_artifact`
        return str(error).splitlines()[0][:200]


def _sound(name: str, found: list[NDArray[np.float32]], sums: bool) -> list[GateReason]:
    if not all(np.isfinite(one).all() for one in found):
        return [
            GateReason(
                code=ReasonCode.NOT_FINITE,
                sentence=f"{name} answers values that are no numbers (NaN or infinite): the training has "
                "diverged. Train again with a lower learning rate.",
            )
        ]
    low, high = min(float(one.min()) for one in found), max(float(one.max()) for one in found)
    total = max(float(np.abs(one.sum(axis=-1) - 1).max()) for one in found) if sums else 0.0
    if low < -TOLERANCE or high > 1 + TOLERANCE or total > 10 * TOLERANCE:
        return [
            GateReason(
                code=ReasonCode.PARITY,
                sentence=f"{name} answers values from {low:.3g} to {high:.3g} that are no probabilities; "
                "the last layer is missing in the export.",
            )
        ]
    return []


def _line_probes() -> list[NDArray[np.float32]]:
    """Lettering, its negative, noise, a blank line: N x 3 x 48 x 320 in [-1, 1]."""
    line = np.full((48, 320, 3), 255, np.uint8)
    cv2.putText(line, "HV-1001 60.0 bar", (6, 36), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0, 0, 0), 2, cv2.LINE_AA)
    noise = np.random.default_rng(0).integers(0, 256, line.shape, np.uint8)
    stack = np.stack([line, 255 - line, noise, np.full_like(line, 255)])
    return [np.asarray(stack.transpose(0, 3, 1, 2) / 127.5 - 1, np.float32)]


def _page_probes() -> list[NDArray[np.float32]]:
    """Lettering and a blank page: 1 x 3 x 320 x 320, normalised roughly as pages are."""
    page = np.full((320, 320, 3), 255, np.uint8)
    for row in range(40, 320, 60):
        cv2.putText(page, "PI 4750.03", (20, row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1, cv2.LINE_AA)
    blank = np.full_like(page, 255)
    return [
        np.asarray(((one / 255 - 0.45) / 0.225).transpose(2, 0, 1)[None], np.float32) for one in (page, blank)
    ]
