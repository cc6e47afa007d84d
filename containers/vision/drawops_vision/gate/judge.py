"""All of the gate: from two archives and a dataset version to a `Verdict`."""

import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from drawops.contracts.reading import MediaType
from drawops.contracts.training import (
    GateReason,
    GoldenPage,
    GoldenText,
    ModelRef,
    Outcome,
    ReasonCode,
    TrainingRun,
    Verdict,
)
from drawops.errors import DrawopsError, Misconfigured
from drawops.keys import model_artifact

from drawops_vision.gate import artifacts, characters, profiles, slices, speed
from drawops_vision.gate.allowances import Allowances
from drawops_vision.gate.artifacts import Opened, open_artifact
from drawops_vision.gate.characters import Lost
from drawops_vision.gate.comparison import Compared, Reliability, Side, compare, reliability
from drawops_vision.gate.general import General, Lettering, general
from drawops_vision.gate.pages import GatePage, manifest_of, of_version
from drawops_vision.gate.readings import Progress
from drawops_vision.gate.seen import finds
from drawops_vision.gate.slices import Judged
from drawops_vision.gate.speed import Speed
from drawops_vision.gate.statistics import gain_gap
from drawops_vision.reader import Reader

GOLDEN = 3
FATAL = {ReasonCode.BROKEN_ARTIFACT, ReasonCode.NOT_FINITE, ReasonCode.PARITY}
"""With one of these a candidate is not read with: nothing that it says would mean anything."""


@dataclass
class Findings:
    """What was found; the page for people shows all of it."""

    verdict: Verdict
    allowances: Allowances
    judged: list[Judged] = field(default_factory=list)
    compared: Compared | None = None
    lost: list[Lost] = field(default_factory=list)
    speeds: list[Speed] = field(default_factory=list)
    calibrated: dict[str, Reliability] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass
class Approved:
    """The approved model and what both read: for many candidates it reads only once."""

    side: Side
    pages: list[GatePage]
    general: General


def open_approved(archive: Path, run: TrainingRun, scratch: Path) -> Opened:
    """Open the approved model.

    Raises:
        Misconfigured: it is unreadable or another one than the run names: the gate fails, not the candidate.
    """
    found = sha256(archive)
    if found != run.parent.artifact_sha256:
        raise Misconfigured(
            f"The approved model's archive has SHA-256 {found[:12]}…, the run names "
            f"{run.parent.artifact_sha256[:12]}…; store {run.parent.artifact_key} anew."
        )
    try:
        return open_artifact(archive, scratch)
    except Misconfigured as error:
        raise Misconfigured(
            f"The approved model cannot be read, so nothing can be compared: {error}"
        ) from error


def prepare(
    run: TrainingRun,
    opened: Opened,
    dataset: Path,
    lettering: Lettering,
    allowances: Allowances,
    threads: int = 0,
) -> Approved:
    """Load pages and draw general words; nothing is read before a candidate is worth reading with."""
    pages = of_version(dataset, run)
    drawn = general(lettering, opened.model.classes[1:-1], run.run_id, allowances.groups)
    return Approved(Side(opened, threads), pages, drawn)


def judge(
    run: TrainingRun,
    approved: Approved,
    candidate: Path,
    scratch: Path,
    dataset: Path,
    lettering: Lettering,
    allowances: Allowances,
    done: Progress,
    threads: int = 0,
) -> Findings:
    """Judge a candidate.

    Args:
        run: what was trained from what.
        approved: see `prepare`.
        candidate: its archive.
        scratch: empty folder for its files.
        dataset: the dataset channel, every file under its S3 key.
        lettering: draws general words.
        allowances: what it may do.
        done: told of every step.
        threads: of the networks; 0: one a core.
    """
    started = time.perf_counter()
    reasons: list[GateReason] = []
    found = Findings(_verdict(run, candidate, [], Outcome.REJECTED), allowances)
    try:
        opened: Opened | None = open_artifact(candidate, scratch)
    except Misconfigured as error:
        opened = None
        reasons.append(GateReason(code=ReasonCode.BROKEN_ARTIFACT, sentence=str(error)))
    if opened is not None:
        reasons += _still(opened, approved.side.opened, run, dataset, allowances)
        if not FATAL & {reason.code for reason in reasons}:
            reasons += _reading(found, opened, approved, run, lettering, allowances, done, threads)
    blocking = [reason for reason in reasons if reason.code not in _NO_BETTER]
    outcome = Outcome.REJECTED if blocking else Outcome.NO_BETTER if reasons else Outcome.PASSED
    made = _verdict(run, candidate, reasons, outcome)
    found.verdict = made.model_copy(
        update={
            "rows": (*(one.row for one in found.judged), *characters.rows(found.lost)),
            "metrics": _metrics(found, approved, opened),
            "golden": _golden(approved, found.compared),
            "seconds": round(time.perf_counter() - started, 1),
        }
    )
    return found


_NO_BETTER = {ReasonCode.NOT_BETTER, ReasonCode.TOO_FEW_DATA}


def sha256(path: Path) -> str:
    """Of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _still(
    opened: Opened, approved: Opened, run: TrainingRun, dataset: Path, allowances: Allowances
) -> list[GateReason]:
    return [
        *artifacts.dictionary(
            approved.model.classes[1:-1], opened.model.classes[1:-1], run.allow_lost_characters
        ),
        *artifacts.outputs(opened),
        *artifacts.parity(opened.record, allowances),
        *artifacts.size(approved, opened, allowances),
        *artifacts.trained_on(opened.record, manifest_of(dataset, run)),
    ]


def _reading(
    found: Findings,
    opened: Opened,
    approved: Approved,
    run: TrainingRun,
    lettering: Lettering,
    allowances: Allowances,
    done: Progress,
    threads: int,
) -> list[GateReason]:
    """Read everything with both models, and compare."""
    approved.side.read(approved.pages, approved.general.lines, done)
    try:
        side = Side(opened, threads, approved.side).read(approved.pages, approved.general.lines, done)
    except (DrawopsError, OSError):
        raise  # a page that is gone or altered is not the candidate's fault
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have no common base but Exception
        first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        return [
            GateReason(
                code=ReasonCode.BROKEN_ARTIFACT,
                sentence=f"The candidate fails on pages that the approved model reads: {first}",
            )
        ]
    compared = compare(approved.pages, approved.general.lines, approved.side, side)
    found.compared = compared
    found.judged = slices.table(compared.counted, allowances)
    seen = [counted.characters for counted in compared.counted.values()]
    suspected = characters.suspects(seen, allowances.suspects, run.allow_lost_characters)
    for character in _unlike(approved, opened, allowances):
        if character not in run.allow_lost_characters:
            suspected.setdefault(character, Counter())
    if suspected:
        found.lost = characters.look_again(
            suspected,
            characters.well_read(seen),
            lettering,
            lambda pictures: (approved.side.of_pictures(pictures), side.of_pictures(pictures)),
            run.run_id,
            sum(len(one) for one in seen),
            allowances,
        )
        done(f"{len(suspected)} characters looked at again")
    found.speeds = _speeds(approved, side, allowances, threads)
    for name, letter in (("approved", "a"), ("candidate", "b")):
        measured = reliability(compared, letter)
        if measured is not None:
            found.calibrated[name] = measured
    if approved.general.undrawn:
        found.notes.append(
            f"No installed font draws {', '.join(approved.general.undrawn)}: general words are without them, "
            "and their loss is found only where the pages have them."
        )
    return [
        *slices.worse(found.judged),
        *characters.reasons(found.lost),
        *speed.reasons(found.speeds, allowances.latency_ratio),
        *_calibration(found, allowances),
        *_memory(compared, allowances),
        *_better(found, allowances),
    ]


def _unlike(approved: Approved, candidate: Opened, allowances: Allowances) -> list[str]:
    """Characters whose classes answer differently; half as many as those that were seen to be misread."""
    pictures = [line.picture for line in approved.general.lines]
    if not pictures:
        return []
    models = (approved.side.opened.model, candidate.model)
    left, right = (profiles.profile(model.recognition, pictures) for model in models)
    return profiles.unlike(left, right, (models[0].classes, models[1].classes), allowances.suspects // 2)


def _speeds(approved: Approved, side: Side, allowances: Allowances, threads: int) -> list[Speed]:
    made = []
    lines = [line.picture for line in approved.general.lines]
    if lines:
        made.append(
            speed.of_lines(lines, approved.side.recogniser, side.recogniser, allowances.latency_ratio)
        )
    sized = [page for page in approved.pages if page.entry is not None]
    folders = (approved.side.opened.folder, side.opened.folder)
    models = (approved.side.opened.model, side.opened.model)
    # A page takes longer only where text is found in another way, or more of it: lines have been timed.
    if sized and finds(models[0]) != finds(models[1]):
        smallest = min(sized, key=lambda page: page.entry.width * page.entry.height if page.entry else 0)
        # New ones: those of the sides remember what they have seen.
        readers = [Reader(folder, threads) for folder in folders]
        made.append(speed.of_page(smallest, readers[0], readers[1], allowances.latency_ratio))
    return made


def _calibration(found: Findings, allowances: Allowances) -> list[GateReason]:
    if len(found.calibrated) < 2:
        return []
    approved, candidate = found.calibrated["approved"], found.calibrated["candidate"]
    most = max(allowances.calibration_error, approved.excess + allowances.calibration_worse)
    if candidate.excess <= most:
        return []
    return [
        GateReason(
            code=ReasonCode.CALIBRATION,
            sentence=f"Confidences are off by {candidate.excess:.3f} beyond chance (approved model: "
            f"{approved.excess:.3f}; allowed: {most:.3f}). Fit the calibration of the candidate again.",
        )
    ]


def _memory(compared: Compared, allowances: Allowances) -> list[GateReason]:
    """A candidate that gains much more on pages held back than on new ones has probably seen them."""
    if not {"new", "regression"} <= compared.counted.keys():
        return []
    gap = gain_gap(
        compared.counted["regression"].rows["all", "all"], compared.counted["new"].rows["all", "all"]
    )
    if gap is None or gap[1] <= allowances.memory_points:
        return []
    return [
        GateReason(
            code=ReasonCode.TRAINED_ON_TEST,
            sentence=f"The candidate gains {gap[0]:.1f} points of F1 more on the regression set than on the "
            f"new pages that it was tuned for (99 % certain: at least {gap[1]:.1f}); it has probably been "
            "trained on the regression set. Look at what the training read.",
        )
    ]


def _better(found: Findings, allowances: Allowances) -> list[GateReason]:
    """Better on the new pages beyond the spread, by F1 or by CER."""
    f1, cer = (slices.whole(found.judged, "new", "f1"), slices.whole(found.judged, "new", "cer"))
    if f1 is None or cer is None:
        return [
            GateReason(
                code=ReasonCode.TOO_FEW_DATA,
                sentence="The dataset version has no new labelled page in its val split, so nothing can show "
                "that the candidate is better. Label more drawings.",
            )
        ]
    sheets = f1.found.sheets
    better = (f1.found.low is not None and f1.found.low > 0) or (
        cer.found.high is not None and cer.found.high < 0
    )
    if sheets < allowances.min_sheets:
        return [
            GateReason(
                code=ReasonCode.TOO_FEW_DATA,
                sentence=f"{sheets} new pages are too few to show a difference; {allowances.min_sheets} are "
                f"needed in the val split. F1 {f1.found.delta:+.1f} points, CER {cer.found.delta:+.1f}.",
            )
        ]
    if better:
        return []
    return [
        GateReason(
            code=ReasonCode.NOT_BETTER,
            sentence=f"No better on {sheets} new pages beyond the spread between them: "
            f"F1 {f1.found.delta:+.1f} points ({f1.found.low:+.1f} to {f1.found.high:+.1f}), "
            f"CER {cer.found.delta:+.1f} ({cer.found.low:+.1f} to {cer.found.high:+.1f}). "
            "More or other labels would help.",
        )
    ]


def _metrics(found: Findings, approved: Approved, opened: Opened | None) -> dict[str, float]:
    made: dict[str, float] = {}
    for one in found.judged:
        if one.row.axis == "all" and one.found.delta is not None:
            name = f"{one.row.set}_{one.row.figure}"
            assert one.found.candidate is not None  # it has a difference
            assert one.found.approved is not None
            made[name] = one.found.candidate
            made[f"{name}_approved"] = one.found.approved
            made[f"{name}_delta"] = one.found.delta
            if one.detectable is not None and one.row.figure != "cer":
                made[f"{one.row.set}_detectable_loss"] = one.detectable
    for part in ("new", "regression"):
        made[f"{part}_pages"] = sum(page.part == part for page in approved.pages)
    made["general_lines"] = len(approved.general.lines)
    for timed in found.speeds:
        made[f"{timed.what}_ms"] = 1000 * timed.candidate
        made[f"{timed.what}_ms_approved"] = 1000 * timed.approved
    for name, measured in found.calibrated.items():
        made["ece" if name == "candidate" else "ece_approved"] = measured.report.ece
    made["megabytes_approved"] = approved.side.opened.size / 1e6
    if opened is not None:
        made["megabytes"] = opened.size / 1e6
    if found.compared is not None:
        judged = [one for one in found.judged if one.p is not None and one.found.delta is not None]
        losses = [(-1 if one.row.figure == "cer" else 1) * (one.found.delta or 0.0) for one in judged]
        made["worst_slice_delta"] = min(losses, default=0.0)
        made["slices_judged"] = len(judged)
        made["characters_lost"] = sum(one.lost for one in found.lost)
    return made


def _golden(approved: Approved, compared: Compared | None) -> tuple[GoldenPage, ...]:
    """A few small pages with what the candidate read: pictures only, no PDFs with a text layer."""
    if compared is None:
        return ()
    reads = {
        result.name: result.predictions.texts
        for _, candidate in compared.sheets.values()
        for result in candidate
    }
    pages = [
        page
        for page in approved.pages
        if page.entry is not None
        and page.entry.image.media_type is not MediaType.PDF
        and reads.get(page.name)
    ]
    made: dict[str, GoldenPage] = {}
    for page in sorted(pages, key=lambda page: page.entry.width * page.entry.height if page.entry else 0):
        entry = page.entry
        assert entry is not None  # see above
        if len(made) < GOLDEN:
            made[entry.page_id] = GoldenPage(
                page_id=entry.page_id,
                name=entry.name,
                key=entry.image.key,
                media_type=entry.image.media_type.value,
                page=entry.image.page,
                texts=tuple(GoldenText(text=one.text, quad=one.quad) for one in reads[page.name]),
            )
    return tuple(made.values())


def _verdict(run: TrainingRun, candidate: Path, reasons: Sequence[GateReason], outcome: Outcome) -> Verdict:
    return Verdict(
        run_id=run.run_id,
        outcome=outcome,
        reasons=tuple(reasons),
        candidate=ModelRef(
            name=run.candidate_name,
            version=run.candidate_version,
            artifact_key=model_artifact(run.candidate_name, run.candidate_version),
            artifact_sha256=sha256(candidate),
            project=run.project,
            dataset_version=run.dataset_version,
        ),
        approved=run.parent,
        project=run.project,
        dataset_version=run.dataset_version,
        rows=(),
        metrics={},
        golden=(),
        seconds=0.0,
        created_at=datetime.now(UTC),
    )
