"""`drawops demo-learning`."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from drawops import keys
from drawops.catalog import Revision
from drawops.contracts.datasets import HistoryEntry, Split
from drawops.contracts.labeling import LabelingState, Reason
from drawops.contracts.training import Decision, DeploymentState, GateRow, RunState, Verdict
from drawops.datasets.versions import newest_version, split_of
from drawops.training.conclusion import load_verdict
from drawops.training.runs import Run
from drawops_local import images
from rich.text import Text

from drawops_cli import bring_up, deploying, downloads, train
from drawops_cli.console import number, out, table
from drawops_cli.demo import alone, clean_ending
from drawops_cli.failures import Failure
from drawops_cli.label.access import store_of as labelings_of
from drawops_cli.label.request import ask
from drawops_cli.label.scripted import Annotator
from drawops_cli.models.decisions import approvals_of
from drawops_cli.project import project_root
from drawops_cli.steps import Note, Steps
from drawops_cli.submit import follow_live, upload_all
from drawops_cli.target import Target

SHEETS = {Split.TRAIN: 10, Split.VAL: 8, Split.TEST: 4}
"""How many sheets of each split; drawings are split by a hash, so names are chosen that fall so."""
SIZE, DPI = "A4", 200
ACCURACY = 0.98
PEOPLE = ("ana", "bo", "mei")
_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class DemoSheet:
    """A generated sheet: its file, where it is dropped, what stands on it."""

    key: str
    split: Split
    file: Path
    truth: tuple[Any, ...]


@dataclass(frozen=True)
class Quality:
    """How well drawings were read: F1 and CER over all of them."""

    f1: float
    cer: float
    model: str


def demo_learning(
    folder: Annotated[Path, typer.Option("--out", help="Where drawings and figures are written.")] = Path(
        "results/demo-learning"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Of the sheets and of the annotators' mistakes.")] = 1,
) -> None:
    """Show how the model learns: drawings it reads badly, labels, training, gate, approval, deployment.

    Sheets lettered in joined script are read, corrected by scripted annotators who mistype one text in fifty,
    and become a dataset version; the rest happens as on AWS, by events. Sheets that nobody trained on are
    read before and after. If the gate finds that something was forgotten, the demo ends there and says what.
    Takes 20 to 30 minutes on two cores; the first run installs 6 GB. Nothing is left
    running, whatever ends it.

    \b
    Examples:
        drawops demo-learning
        drawops demo-learning --seed 7 --out /tmp/learning
    """
    started = time.monotonic()
    root = project_root()
    out.print("[bold]drawops demo-learning[/] from badly read drawings to a better model, on this machine\n")
    with alone(root), clean_ending(root / ".drawops" / "demo") as state:
        steps = Steps()
        with steps.step("training image") as note:
            images.build_image(root, "training", note)
            note(images.image_name("training"))
        target = bring_up.bring_up(root, state, steps, restore=False, preferred_ports={})
        with steps.step("drawings") as note:
            sheets = draw(target, folder / "drawings", seed, note)
            note(f"{len(sheets)} lettered in joined script, in {folder / 'drawings'}")
        revisions = read(target, {sheet.key: sheet.file for sheet in sheets})
        held_out = [sheet for sheet in sheets if sheet.split is Split.TEST]
        before = quality(target, held_out, revisions)
        with steps.step("labels") as note:
            tasks = label(target, sheets, revisions, seed, note)
            note(f"{tasks} tasks by {len(PEOPLE)} people who mistype {1 - ACCURACY:.0%} of the texts")
        with steps.step("dataset version") as note:
            version = _dataset_version(target)
            note(f"{version.version}: {version.pages} pages, {version.texts} texts")
        run = _followed(target, steps, version)
        verdict = load_verdict(run.run, s3=target.s3, bucket=target.data_bucket)
        _keep(target, run, folder)
        print_gate(verdict)
        if run.state is not RunState.REGISTERED:
            raise Failure("The gate did not let the candidate through: " + _reasons(verdict))
        with steps.step("approval") as note:
            package = run.package_version or 0
            approvals_of(target).decide(
                package, Decision.APPROVED, by="demo", reason="reads joined script", channel="command"
            )
            note(f"version {package} by demo")
        with steps.step("deployment") as note:
            _await_deployment(target, verdict.candidate.version, note)
            note(f"{verdict.candidate.version} serves: canary, update and smoke test went well")
        again = read(target, {f"after/{sheet.key}": sheet.file for sheet in held_out})
        after = quality(target, held_out, {key.removeprefix("after/"): one for key, one in again.items()})
    print_outcome(before, after, verdict, time.monotonic() - started)
    (folder / "figures.json").write_text(
        json.dumps(figures(before, after, verdict, seed, time.monotonic() - started), indent=2) + "\n"
    )
    if after.cer >= before.cer:
        raise Failure("The new model does not read the drawings better, see above.")


def draw(target: Target, folder: Path, seed: int, note: Note) -> list[DemoSheet]:
    """Draw sheets until every split has its share; the same seed gives the same bytes."""
    from drawops_vision.sheets import Hand, Kind, generate

    folder.mkdir(parents=True, exist_ok=True)
    wanted = dict(SHEETS)
    kinds = list(Kind)
    made: list[DemoSheet] = []
    candidate = 1000 * seed
    while any(wanted.values()):
        candidate += 1
        key = f"script-{candidate:06d}.png"
        split = split_of(keys.drawing_id(target.raw_bucket, key))
        if not wanted[split]:
            continue
        wanted[split] -= 1
        note(key)
        kind = kinds[len(made) % len(kinds)]
        sheet = generate(candidate, SIZE, DPI, kind=kind, hand=Hand.SCRIPT, hard=False)
        file = folder / key
        file.write_bytes(sheet.png())
        made.append(DemoSheet(key, split, file, tuple(sheet.truth)))
    return made


def read(target: Target, files: Mapping[str, Path]) -> dict[str, Revision]:
    """Submit drawings and wait for their texts.

    Raises:
        Failure: one was not read.
    """
    everything = follow_live(target, upload_all(target, files), 3600)
    found = {each.submission.key: each.revision for each in everything if each.revision and each.ended}
    if missing := sorted(files.keys() - found.keys()):
        raise Failure(f"{missing[0]} was not read in an hour. See `drawops logs`.")
    return {key: revision for key, revision in found.items() if revision is not None}


def quality(target: Target, sheets: Iterable[DemoSheet], revisions: Mapping[str, Revision]) -> Quality:
    """Score what was read of the sheets against what stands on them."""
    from drawops_vision.evaluation.scoring import Score, score

    total, models = Score(), set()
    for sheet in sheets:
        result = downloads.load_result(target, revisions[sheet.key])
        total += score(sheet.truth, result.pages[0].texts)
        models.add(result.model.version)
    return Quality(total.f1, total.cer, ", ".join(sorted(models)))


def label(
    target: Target, sheets: Iterable[DemoSheet], revisions: Mapping[str, Revision], seed: int, note: Note
) -> int:
    """Make all sheets work, wait until all are open, let annotators work; returns how many tasks it were."""
    store = labelings_of(target)
    known = {sheet.key: sheet for sheet in sheets}
    labelings = [
        ask(target, revisions[key], 1, Reason.REQUESTED, "The demo labels every sheet.") for key in known
    ]
    waiting = set(labelings)
    while waiting:
        # A version is made when no page is open any more: none may come late.
        for labeling in sorted(waiting):
            found = store.labeling(labeling)
            if found is not None and found.state is LabelingState.FAILED:
                raise Failure(f"{found.name} did not become labeling work: {found.failure}")
            if found is not None and found.state is LabelingState.OPEN:
                waiting.discard(labeling)
        note(f"{len(labelings) - len(waiting)} of {len(labelings)} sheets are open for people")
        time.sleep(_POLL_SECONDS)
    people = [Annotator(target, name) for name in PEOPLE]
    tasks = 0
    while True:
        done = sum(
            person.work_next(lambda key: known[key].truth, accuracy=ACCURACY, seed=seed) for person in people
        )
        if not done:
            return tasks
        tasks += done
        note(f"{tasks} tasks done")


def print_gate(verdict: Verdict) -> None:
    """The gate's table in short: the whole of each set, and the worst slices."""
    made = table(
        *("set", "slice", "texts", "approved", "candidate", "change", "95 %", "allowed"),
        right=("texts", "approved", "candidate", "change"),
        fold="slice",
        title=f"Gate: {verdict.outcome.value}",
    )
    whole = [row for row in verdict.rows if row.axis == "all"]
    slices = sorted(_judged(verdict), key=lambda row: row.delta or 0.0)[:6]
    for row in [*whole, *slices]:
        spread = "" if row.low is None or row.high is None else f"{row.low:+.1f} … {row.high:+.1f}"
        made.add_row(
            row.set,
            row.slice if row.axis == "all" else f"{row.axis} {row.slice}",
            number(row.labels),
            number(row.approved, 1),
            number(row.candidate, 1),
            Text("" if row.delta is None else f"{row.delta:+.1f}", "" if row.passed else "red"),
            spread,
            "" if row.allowance is None else f"-{row.allowance:g}",
        )
    out.print(made)
    for reason in verdict.reasons:
        out.print(f"  {reason.sentence}", markup=False, soft_wrap=True)


def print_outcome(before: Quality, after: Quality, verdict: Verdict, seconds: float) -> None:
    """Before and after, on drawings that nobody trained on."""
    made = table("the same drawings", "model", "CER", "F1", right=("CER", "F1"), fold="model")
    for name, found in (("before", before), ("after", after)):
        made.add_row(name, found.model, f"{found.cer:.3f}", f"{found.f1:.3f}")
    out.print(made)
    if (worst := worst_slice(verdict)) is not None:
        where = f"{worst.set}: {worst.axis} {worst.slice}"
        out.print(f"Worst slice of the gate: {where}, {worst.delta:+.1f} points.", markup=False)
    out.print(f"Done in {seconds / 60:.1f} minutes; everything was stopped.")


def figures(
    before: Quality, after: Quality, verdict: Verdict, seed: int, seconds: float
) -> dict[str, object]:
    """What the demo measured, for `figures.json`."""
    worst = worst_slice(verdict)
    return {
        "seed": seed,
        "seconds": round(seconds),
        "cer": {"before": round(before.cer, 4), "after": round(after.cer, 4)},
        "f1": {"before": round(before.f1, 4), "after": round(after.f1, 4)},
        "outcome": verdict.outcome.value,
        "worst_slice": worst.model_dump(mode="json") if worst else None,
    }


def worst_slice(verdict: Verdict) -> GateRow | None:
    """The judged slice that lost most, or gained least."""
    return min(_judged(verdict), key=lambda row: row.delta or 0.0, default=None)


def _judged(verdict: Verdict) -> list[GateRow]:
    return [
        row
        for row in verdict.rows
        if row.axis != "all" and row.delta is not None and row.allowance is not None
    ]


def _reasons(verdict: Verdict) -> str:
    return " ".join(reason.sentence for reason in verdict.reasons) or verdict.outcome.value


def _dataset_version(target: Target) -> HistoryEntry:
    """The version that the last submission brings about."""
    project = target.output("LabelingProjectName")
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        found = newest_version(s3=target.s3, bucket=target.data_bucket, project=project)
        if found is not None and found.pages == sum(SHEETS.values()):
            return found
        time.sleep(_POLL_SECONDS)
    raise Failure("No dataset version was made of the labels in five minutes. See `drawops logs`.")


def _followed(target: Target, steps: Steps, version: HistoryEntry) -> Run:
    """The run that the dataset version started by itself, followed to its end.

    Raises:
        Failure: none began, or it failed.
    """
    store = train.store_of(target)
    project = target.output("LabelingProjectName")
    with steps.step("training begins by itself") as note:
        deadline = time.monotonic() + 120
        while (run_id := store.project(project).active) is None:
            if time.monotonic() > deadline:
                raise Failure("No training began for the new dataset version. See `drawops logs`.")
            time.sleep(_POLL_SECONDS)
        note(run_id)
    titles = {RunState.PREPARING: "preparation", RunState.TRAINING: "training", RunState.GATING: "gate"}
    run = _known(store.run(run_id))
    while not run.ended:
        state = run.state
        with steps.step(titles[state]) as note:
            while run.state is state:
                note(_job_says(target, run))
                time.sleep(_POLL_SECONDS)
                run = _known(store.run(run_id))
    if run.state not in (RunState.REGISTERED, RunState.REJECTED):
        raise Failure(f"Run {run.run_id} {run.state.value.lower()}: {run.reason}")
    return run


def _known(run: Run | None) -> Run:
    if run is None:
        raise Failure("The run is gone from the models table.")
    return run


def _job_says(target: Target, run: Run) -> str:
    """The last line of the job's log: its progress."""
    if run.job is None or target.cloud is None:
        return ""
    logs = sorted((target.cloud.state / "sagemaker" / "logs").rglob(f"*{run.job}*"))
    files = [path for path in logs if path.is_file()]
    if not files:
        return "waits for its turn"
    lines = files[-1].read_text(errors="replace").strip().splitlines()
    return lines[-1][:120] if lines else "starts"


def _await_deployment(target: Target, version: str, note: Note) -> None:
    store = deploying.store_of(target)
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        serving = store.serving()
        if serving is not None and serving.model.version == version:
            return
        for record in store.deployments():
            if record.request.model.version == version:
                if record.ended and record.state is not DeploymentState.DEPLOYED:
                    raise Failure(f"{version} was not deployed: {record.failure}")
                note(f"{version} {record.state.value.lower()}")
        time.sleep(_POLL_SECONDS)
    raise Failure(f"{version} did not come into service in 15 minutes. See `drawops logs`.")


def _keep(target: Target, run: Run, folder: Path) -> None:
    """The gate's document beside the drawings, for people."""
    page = keys.TrainingKeys(run.run_id).verdict_page
    target.s3.download_file(target.data_bucket, page, str(folder / "verdict.html"))
