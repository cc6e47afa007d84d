"""The training job: SageMaker's contract around the tuning of a model.

    <root>/input/config/hyperparameters.json   strings: `Hyperparameters`, and project, dataset_version,
                                               parent_version, model_name, model_version, run_id
    <root>/input/data/model/model.tar.gz       the parent
    <root>/input/data/dataset/<S3 key>         manifest, labels and pictures of the dataset version
    <root>/checkpoints                         what an interrupted training goes on from
    <root>/model                               the candidate, unpacked
    <root>/output/failure                      why it failed, for people

<root> is DRAWOPS_ML_ROOT, by default /opt/ml. DRAWOPS_CODE_VERSION and DRAWOPS_TRAINED_AT go into the record.
SIGTERM (managed spot, StopTrainingJob) ends it with a checkpoint within seconds: exit code 143.
"""

import errno
import hashlib
import json
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from drawops.contracts.training import Freeze, Hyperparameters, Network
from drawops.errors import DrawopsError, JobFailed, Misconfigured
from drawops_vision import artifact
from drawops_vision.artifact import Model, TrainingRecord
from drawops_vision.recognise import canonical, decode
from pydantic import ValidationError
from rapidfuzz.distance import Levenshtein

from drawops_training import candidate, detector, recogniser, retention, typefaces
from drawops_training.checkpoints import Checkpoint
from drawops_training.examples import Channel, Example, Examples, Mix, crops, fits, unknown
from drawops_training.graph import Graph

STOPPED = 143
MOST_REASON = 1024
MOST_VAL = 2000
"""Val crops that a look reads."""
EVERY = 10
"""Batches between two lines of progress."""


class Stopped(Exception):
    """The job was told to stop; what it needs to go on is in a checkpoint."""


class Stop:
    """Whether SIGTERM came."""

    def __init__(self) -> None:
        self.asked = False

    def listen(self) -> None:
        """Catch SIGTERM and SIGINT."""
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True

    def check(self) -> None:
        """Give up when asked to.

        Raises:
            Stopped: asked to.
        """
        if self.asked:
            raise Stopped


@dataclass(frozen=True)
class Order:
    """What the job is told."""

    settings: Hyperparameters
    project: str
    dataset_version: str
    parent_version: str
    model_name: str
    model_version: str
    run_id: str

    @classmethod
    def read(cls, file: Path) -> "Order":
        """Read `hyperparameters.json`.

        Raises:
            Misconfigured: one is missing, unknown or out of range.
        """
        try:
            given: dict[str, str] = json.loads(file.read_text("utf-8"))
        except FileNotFoundError:
            raise Misconfigured(f"{file} is missing; a training job has hyperparameters.") from None
        except ValueError as error:
            raise Misconfigured(f"{file.name} is not JSON: {error}.") from error
        given = {name: value for name, value in given.items() if not name.startswith("sagemaker_")}
        names = ("project", "dataset_version", "parent_version", "model_name", "model_version", "run_id")
        own = {name: given.pop(name, "") for name in names}
        if missing := [name for name, value in own.items() if not value and name != "parent_version"]:
            raise Misconfigured(f"The hyperparameters lack {', '.join(missing)}.")
        try:
            settings = Hyperparameters.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise Misconfigured(
                f"Hyperparameter {place} = {first['input']!r} will not do: {first['msg']}."
            ) from error
        if settings.replay_share + settings.general_share >= 1:
            raise Misconfigured("replay_share and general_share leave nothing for new pages; lower them.")
        return cls(settings, **own)


@dataclass
class Course:
    """How a training went: for checkpoints, early stopping and training.json."""

    best: float = math.inf
    bad_looks: int = 0
    looks: list[dict[str, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    finished: bool = False


def metric(name: str, value: float) -> None:
    """Print a figure in the form of `METRIC_DEFINITIONS`."""
    print(f"metric {name}={value:.6g}", flush=True)


def entries(some: list[Example], classes: dict[str, int], widest: int) -> list[recogniser.Entry]:
    """Examples that the network can learn: every character has a class, and there are steps for all."""
    found = []
    for one in some:
        height, width = one.picture.shape[:2]
        columns = min(widest, max(recogniser.BUCKET, math.ceil(recogniser.HEIGHT * width / height)))
        if fits(one.text, columns) and all(letter in classes for letter in one.text):
            wide = -(-columns // recogniser.BUCKET) * recogniser.BUCKET
            found.append((wide, one.picture, one.text))
    return found


class Source:
    """Batches of a mix, in an order that the place (pool, batch) alone decides."""

    def __init__(self, mix: Mix, classes: dict[str, int], order: Order, widest: int) -> None:
        self._mix, self._classes, self._widest = mix, classes, widest
        self._columns, self._seed = order.settings.batch_columns, order.settings.seed
        self.place = (0, 0)

    def __iter__(self) -> Iterator[recogniser.Batch]:
        pool, first = self.place
        while True:
            found = entries(self._mix.pool(pool), self._classes, self._widest)
            groups = recogniser.grouped(found, self._columns)
            random.Random(f"order/{self._seed}/{pool}").shuffle(groups)
            if not groups:
                raise Misconfigured("No text of the dataset version fits the network; label other texts.")
            for index in range(first, len(groups)):
                self.place = (pool, index + 1)
                yield recogniser.stacked(groups[index], self._classes)
            pool, first = pool + 1, 0
            self.place = (pool, 0)


def look(model: Graph, val: list[Example], characters: list[str], widest: int) -> tuple[float, float]:
    """CER and share of exact strings on val crops."""
    edits = letters = exact = count = 0
    all_classes = {one: index for index, one in enumerate(characters)}
    ready = entries(val, all_classes, widest)
    count = len(val)
    letters = sum(len(one.text) for one in val)
    # What cannot be read at all counts as missed.
    edits = letters - sum(len(text) for _, _, text in ready)
    with torch.no_grad():
        for group in recogniser.grouped(ready, recogniser.COLUMNS):
            pictures, _, _ = recogniser.stacked(group, all_classes)
            answer = model(torch.from_numpy(pictures)).float().cpu().numpy()
            for (_, _, text), row in zip(group, answer, strict=True):
                said = canonical(decode(row, characters).text)
                edits += min(len(text), Levenshtein.distance(said, text))
                exact += said == text
    return edits / max(1, letters), exact / max(1, count)


def frozen(model: Graph, freeze: Freeze) -> list[str]:
    """Names of the parameters that keep their values; the head's are decided by its classes."""
    names = [name for name, _ in model.named_parameters()]
    if freeze is Freeze.NOTHING:
        return []
    if freeze is Freeze.ALL_BUT_HEAD:
        return names
    return model.backbone()


class Job:
    """One training job."""

    def __init__(self, root: Path, stop: Stop) -> None:
        self._root = root
        self._stop = stop
        self.order = Order.read(root / "input" / "config" / "hyperparameters.json")
        self._threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
        torch.set_num_threads(self._threads)

    def run(self) -> None:
        """Train, check and write the candidate.

        Raises:
            DrawopsError: a reason for people.
            Stopped: SIGTERM came.
        """
        order, settings = self.order, self.order.settings
        torch.manual_seed(settings.seed)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "parent"
            archive = self._root / "input" / "data" / "model" / "model.tar.gz"
            if not archive.is_file():
                raise Misconfigured("The model channel holds no model.tar.gz; approve a model first.")
            artifact.unpack_verified(archive, folder)
            parent = Model(folder)
            channel = Channel(
                self._root / "input" / "data" / "dataset",
                order.project,
                order.dataset_version,
                order.parent_version,
            )
            examples = crops(
                channel, parent.manifest.preprocessing.crop_padding, settings.seed, self._stop.check
            )
            said = ", ".join(f"{count} {why}" for why, count in sorted(examples.skipped.items()))
            print(
                f"crops: {len(examples.new)} new, {len(examples.replay)} replay, {len(examples.val)} val"
                + (f"; left out: {said}" if said else ""),
                flush=True,
            )
            if missing := typefaces.missing():
                print(f"typefaces not installed, so never drawn: {', '.join(missing)}", flush=True)
            metrics: dict[str, float] = {}
            courses: dict[str, Any] = {}
            fingerprint = hashlib.sha256(
                json.dumps(
                    [order.dataset_version, order.parent_version, parent.sha256, settings.as_strings()]
                ).encode()
            ).hexdigest()
            out = Path(temporary) / "model"
            out.mkdir()
            new = self._recognition(parent, examples, out, fingerprint, metrics, courses)
            self._detection(parent, channel, examples, out, fingerprint, metrics, courses)
            self._write(parent, channel, examples, out, new, metrics, courses)

    def _recognition(
        self,
        parent: Model,
        examples: Examples,
        out: Path,
        fingerprint: str,
        metrics: dict[str, float],
        courses: dict[str, Any],
    ) -> list[str]:
        settings = self.order.settings
        model = Graph(parent.recognition)
        # The dictionary of the artifact counts, not what the file may carry.
        model.characters = list(parent.classes[1:-1])
        new = unknown([*examples.new, *examples.replay, *examples.val], model.characters)
        if new and settings.new_characters == "refuse":
            raise Misconfigured(
                f"The dictionary lacks {' '.join(new)}, which labels have; correct the labels or train with "
                "new_characters=extend."
            )
        if new:
            model.extend(new)
        characters = ["", *model.characters, " "]
        (out / artifact.DICTIONARY).write_bytes(("\n".join(model.characters) + "\n").encode())
        if settings.networks is Network.DETECTION and not new:
            shutil.copyfile(parent.recognition, out / artifact.RECOGNITION)
            return new
        labelled = {letter for one in (*examples.new, *examples.replay) for letter in one.text}
        kept = sorted(
            {*recogniser.trained_classes(characters, settings.seed)}
            | {index for index, one in enumerate(characters) if index and one in labelled}
        )
        classes = {characters[index]: position for position, index in enumerate(kept)}
        widest = parent.manifest.preprocessing.recognition_max_width
        mix = Mix(
            examples,
            settings.replay_share,
            settings.general_share,
            settings.seed,
            settings.augmentation,
            model.characters,
        )
        source = Source(mix, classes, self.order, widest)
        tuning = recogniser.Tuning(
            model, kept, settings.iterations, settings.learning_rate, frozen(model, settings.freeze)
        )
        origin = [one.clone() for one in tuning.averages]
        val = list(examples.val)
        if len(val) > MOST_VAL:
            val = random.Random(settings.seed).sample(val, MOST_VAL)
        checkpoint = Checkpoint(self._root / "checkpoints", "recognition", fingerprint)
        best: list[torch.Tensor] = [one.clone() for one in tuning.averages]
        course = Course()
        if state := checkpoint.load():
            tuning.restore(state["tuning"])
            source.place = tuple(state["place"])
            best = state["best"]
            course = Course(**state["course"])
            print(f"resumed recognition at batch {tuning.step}", flush=True)

        def save() -> None:
            checkpoint.save(
                {
                    "tuning": tuning.state(),
                    "place": list(source.place),
                    "best": best,
                    "course": vars(course),
                }
            )

        def judge() -> None:
            with tuning.averaged():
                cer, exact = look(model, val, characters, widest)
            metric("recognition:val_cer", cer)
            metric("recognition:val_exact", exact)
            course.looks.append({"step": tuning.step, "cer": cer, "exact": exact})
            if cer < course.best:
                course.best, course.bad_looks = cer, 0
                for one, value in zip(best, tuning.averages, strict=True):
                    one.copy_(value)
            else:
                course.bad_looks += 1

        if val and not course.looks:
            judge()  # before any batch: what must be beaten
            metrics["recognition_val_cer_before"] = course.best
        started, first = time.perf_counter(), tuning.step
        batches = iter(source)
        while tuning.step < settings.iterations and not course.finished:
            if self._stop.asked:
                save()
                raise Stopped
            loss = tuning.learn(next(batches))
            if not math.isfinite(loss):
                raise JobFailed(
                    f"The loss of batch {tuning.step} is {loss}; train with a lower learning_rate than "
                    f"{settings.learning_rate:g}."
                )
            course.losses.append(loss)
            if tuning.step % EVERY == 0 or tuning.step == settings.iterations:
                self._progress("recognition", tuning.step, settings.iterations, started, first)
                metric("recognition:loss", float(np.mean(course.losses[-EVERY:])))
            if val and (tuning.step % settings.evaluate_every == 0 or tuning.step == settings.iterations):
                judge()
                if course.bad_looks >= settings.patience:
                    print(
                        f"no better for {course.bad_looks} looks: stopped early at {tuning.step}", flush=True
                    )
                    course.finished = True
            last = course.finished or tuning.step == settings.iterations
            if tuning.step % settings.checkpoint_every == 0 or last:
                save()
        if val:
            for one, value in zip(tuning.averages, best, strict=True):
                one.copy_(value)
        self._keep(tuning, model, origin, characters, widest, metrics)
        with tuning.averaged():
            model.save(out / artifact.RECOGNITION, half=True)
            if val:
                metrics["recognition_val_cer_before"] = course.looks[0]["cer"]
                metrics["recognition_val_cer"], exact = look(model, val, characters, widest)
                metric("recognition:val_cer", metrics["recognition_val_cer"])
                metric("recognition:val_exact", exact)
        metrics["recognition_batches"] = tuning.step
        courses["recognition"] = {"looks": course.looks, "losses": course.losses}
        return new

    def _keep(
        self,
        tuning: recogniser.Tuning,
        model: Graph,
        origin: list[torch.Tensor],
        characters: list[str],
        widest: int,
        metrics: dict[str, float],
    ) -> None:
        """Go only so far from the parent that general words are read as before."""
        words = retention.drawn(characters[1:-1], self.order.settings.seed)
        tuned = [one.clone() for one in tuning.averages]

        def place(weights: Sequence[torch.Tensor]) -> None:
            for one, value in zip(tuning.averages, weights, strict=True):
                one.copy_(value)

        def measure() -> dict[str, float]:
            self._stop.check()
            with tuning.averaged():
                read = {block: look(model, some, characters, widest)[0] for block, some in words.items()}
            return retention.with_all(read, words)

        kept = retention.farthest(origin, tuned, place, measure)
        print(
            f"general words: CER {kept.before['all']:.4f} before, {kept.after['all']:.4f} at "
            f"{kept.share:.0%} of the way from the parent to what was tuned"
            + ("" if kept.holds else "; that is still a loss"),
            flush=True,
        )
        metrics["recognition_retention_share"] = kept.share
        for block in kept.before:
            name = block.replace(" ", "_")
            metrics[f"recognition_general_cer_before_{name}"] = kept.before[block]
            metrics[f"recognition_general_cer_{name}"] = kept.after[block]

    def _detection(
        self,
        parent: Model,
        channel: Channel,
        examples: Examples,
        out: Path,
        fingerprint: str,
        metrics: dict[str, float],
        courses: dict[str, Any],
    ) -> None:
        settings = self.order.settings
        if settings.networks is Network.RECOGNITION:
            shutil.copyfile(parent.detection, out / artifact.DETECTION)
            return
        model = Graph(parent.detection)
        tuning = detector.Tuning(model, settings.detection_iterations, settings.learning_rate)
        tiles = detector.tiles(
            channel, examples.train_pages, parent.manifest, settings.seed, self._stop.check
        )
        checkpoint = Checkpoint(self._root / "checkpoints", "detection", fingerprint)
        losses: list[float] = []
        if state := checkpoint.load():
            tuning.restore(state["tuning"])
            losses = state["losses"]
            print(f"resumed detection at batch {tuning.step}", flush=True)
        started, first = time.perf_counter(), tuning.step
        while tuning.step < settings.detection_iterations:
            if self._stop.asked:
                checkpoint.save({"tuning": tuning.state(), "losses": losses})
                raise Stopped
            loss = tuning.learn(detector.batch(tiles, settings.seed, tuning.step, parent.manifest))
            if not math.isfinite(loss):
                raise JobFailed(f"The loss of detection batch {tuning.step} is {loss}; lower learning_rate.")
            losses.append(loss)
            if tuning.step % EVERY == 0 or tuning.step == settings.detection_iterations:
                self._progress("detection", tuning.step, settings.detection_iterations, started, first)
                metric("detection:loss", float(np.mean(losses[-EVERY:])))
            if tuning.step % settings.checkpoint_every == 0 or tuning.step == settings.detection_iterations:
                checkpoint.save({"tuning": tuning.state(), "losses": losses})
        with tuning.averaged():
            model.save(out / artifact.DETECTION)
        metrics["detection_loss"] = float(np.mean(losses[-EVERY:]))
        courses["detection"] = {"losses": losses}

    def _progress(self, phase: str, step: int, steps: int, started: float, first: int) -> None:
        spent = time.perf_counter() - started
        left = spent / max(1, step - first) * (steps - step)
        print(
            f"progress phase={phase} step={step}/{steps} seconds={spent:.0f} eta_seconds={left:.0f}",
            flush=True,
        )
        metric("progress:percent", 100 * step / steps)

    def _write(
        self,
        parent: Model,
        channel: Channel,
        examples: Examples,
        out: Path,
        new: list[str],
        metrics: dict[str, float],
        courses: dict[str, Any],
    ) -> None:
        order, manifest = self.order, parent.manifest
        self._stop.check()
        lines = candidate.line_inputs(examples.val or examples.new)
        page = candidate.page_inputs(channel.picture(examples.train_pages[0]), manifest)
        for network, inputs, dictionary in (
            ("rec", lines, out / artifact.DICTIONARY),
            ("det", page, None),
        ):
            expected = candidate.served(out / f"{network}.onnx", inputs)
            again = Graph(out / f"{network}.onnx")
            with torch.no_grad():
                ours = [again(torch.from_numpy(one)).numpy() for one in inputs]
            metrics[f"{network}_parity_torch"] = candidate.same(
                f"{network}: PyTorch and ONNX", expected, ours
            )
            metrics[f"{network}_parity_paddle"] = candidate.as_paddle(
                out / f"{network}.onnx", out / "paddle" / network, dictionary, inputs
            )
            self._stop.check()
        worst = max(value for name, value in metrics.items() if "_parity_" in name)
        history = {
            "page_ids": sorted(page.page_id for page in examples.train_pages),
            "parity": {"max_difference": worst},
            "metrics": metrics,
            "courses": courses,
            "skipped": dict(examples.skipped),
        }
        (out / artifact.TRAINING).write_text(json.dumps(history, indent=1, sort_keys=True) + "\n", "utf-8")
        candidate.describe(out, manifest, name=order.model_name, version=order.model_version)
        calibration, sentence = candidate.calibrated(parent, out, channel, examples, self._threads)
        print(sentence, flush=True)
        fitted = (
            "fitted" if sentence.startswith("calibration fitted") else "parent" if calibration else "none"
        )
        record = TrainingRecord.model_validate(
            {
                "parent": f"{manifest.name}/{manifest.version}",
                "parent_sha256": parent.sha256,
                "run_id": order.run_id,
                "project": order.project,
                "dataset_version": order.dataset_version,
                "parent_dataset_version": order.parent_version or None,
                "code_version": os.environ.get("DRAWOPS_CODE_VERSION", "unknown"),
                "trained_at": os.environ.get("DRAWOPS_TRAINED_AT") or None,
                "seeds": {"data": order.settings.seed},
                "hyperparameters": order.settings.model_dump(mode="json"),
                "packages": {
                    name: version(name)
                    for name in ("torch", "onnx", "onnxruntime", "numpy", "opencv-python-headless")
                },
                "new_characters": "".join(new),
                "calibration": fitted,
                "metrics": metrics,
            }
        )
        candidate.describe(
            out,
            manifest,
            name=order.model_name,
            version=order.model_version,
            parent=f"{manifest.name}/{manifest.version}",
            calibration=calibration,
            training=record,
        )
        artifact.verify(out)
        target = self._root / "model"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copytree(out, target, dirs_exist_ok=True)
        for name, value in sorted(metrics.items()):
            print(f"result {name}={value:.6g}", flush=True)


def reason(error: BaseException) -> str:
    """What a person shall read about an error."""
    if isinstance(error, DrawopsError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full; give the training job a larger volume (VolumeSizeInGB)."
    # torch.save wraps what the file system says.
    if isinstance(error, RuntimeError) and "file write failed" in str(error):
        return "A checkpoint cannot be written; is the disk full? Give the job a larger volume."
    if isinstance(error, MemoryError):
        return "Memory is not enough; lower batch_columns or take a larger instance."
    return f"The training failed because of a fault on our side ({type(error).__name__}: {error})."


def main() -> int:
    """The program `train`; returns the exit code."""
    root = Path(os.environ.get("DRAWOPS_ML_ROOT", "/opt/ml"))
    stop = Stop()
    stop.listen()
    try:
        Job(root, stop).run()
    except Stopped:
        print("stopped; the next start goes on from the last checkpoint", flush=True)
        return STOPPED
    except Exception as error:  # noqa: BLE001 - the border of the program: the reason goes to a file, the rest to the log
        traceback.print_exc()
        (root / "output").mkdir(parents=True, exist_ok=True)
        (root / "output" / "failure").write_text(reason(error)[:MOST_REASON], "utf-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
