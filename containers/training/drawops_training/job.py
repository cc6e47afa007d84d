"""The training job: SageMaker's contract around the tuning of a model.

    <root>/input/config/hyperparameters.json   strings: `Hyperparameters`, and project, dataset_version,
                                               parent_version, model_name, model_version, run_id
    <root>/input/data/model/model.tar.gz       the parent
    <root>/input/data/dataset/<S3 key>         manifest, labels and pictures of the dataset version
    <root>/checkpoints                         what an interrupted training goes on from
    <root>/model                               the candidate, unpacked
    <root>/output/failure                      why it failed, for people

<root> is DRAWOPS_ML_ROOT, by default /opt/ml. DRAWOPS_CODE_VERSION and DRAWOPS_TRAINED_AT go into the record.
SIGTERM (managed spot, StopTrainingJob) ends it with a checkpoint within seconds: exit code 143. `program`
starts it, as one process or as one a GPU.
"""

import errno
import hashlib
import json
import os
import random
import shutil
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from drawops.contracts.training import Hyperparameters, Network
from drawops.errors import DrawopsError, Misconfigured
from drawops_vision import artifact
from drawops_vision.artifact import Model, TrainingRecord
from pydantic import ValidationError

from drawops_training import candidate, detector, recogniser, recognition, retention, typefaces
from drawops_training.checkpoints import Checkpoint
from drawops_training.course import Course, Lessons, Subject
from drawops_training.examples import Channel, Example, Examples, Mix, crops, unknown
from drawops_training.graph import Graph
from drawops_training.report import Failure, metric, peak_mb
from drawops_training.stop import STOPPED, Stop, Stopped
from drawops_training.workers import LOST, PeerLost, Team, joined

MOST_VAL = 2000
"""Val crops that a look reads."""


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


@dataclass(frozen=True)
class Setting:
    """What both networks are tuned by."""

    parent: Model
    channel: Channel
    examples: Examples
    fingerprint: str
    out: Path


class Job:
    """One training job, or one worker's part in it."""

    def __init__(self, root: Path, stop: Stop, team: Team) -> None:
        self._root, self._stop, self._team = root, stop, team
        self.order = Order.read(root / "input" / "config" / "hyperparameters.json")
        self._threads = int(os.environ.get("OMP_NUM_THREADS") or max(1, (os.cpu_count() or 1) // team.size))
        self._metrics: dict[str, float] = {}
        self._courses: dict[str, Any] = {}
        torch.set_num_threads(self._threads)
        if self.order.settings.mixed_precision and not _has_bfloat16(team.device):
            raise Misconfigured(
                "mixed_precision needs a GPU that computes in bfloat16, and this machine has none: take an "
                "instance with an A10G, L4, A100 or newer, or leave mixed_precision out."
            )

    def run(self) -> None:
        """Train, check and write the candidate; who is not the first worker only trains.

        Raises:
            DrawopsError: a reason for people.
            Stopped: SIGTERM came.
            PeerLost: another worker has gone.
        """
        torch.manual_seed(self.order.settings.seed)
        with tempfile.TemporaryDirectory() as temporary:
            with self._stop.at_once():
                setting = self._setting(Path(temporary))
            new = self._recognition(setting)
            self._detection(setting)
            others = self._team.total(0.0 if self._team.first else peak_mb())
            if self._team.first:
                with self._stop.at_once():
                    exported = self._finish(setting, new)
                hand_over(setting.out, self._root / "model")
                for name, value in sorted(self._metrics.items()):
                    print(f"result {name}={value:.6g}", flush=True)
                metric("memory:peak_mb", peak_mb() + others + exported)

    def _setting(self, folder: Path) -> Setting:
        order, settings = self.order, self.order.settings
        archive = self._root / "input" / "data" / "model" / "model.tar.gz"
        if not archive.is_file():
            raise Misconfigured("The model channel holds no model.tar.gz; approve a model first.")
        artifact.unpack_verified(archive, folder / "parent")
        parent = Model(folder / "parent")
        preprocessing = parent.manifest.preprocessing
        channel = Channel(
            self._root / "input" / "data" / "dataset",
            order.project,
            order.dataset_version,
            order.parent_version,
        )
        examples = crops(channel, preprocessing.crop_padding, settings.seed, self._stop.check)
        if settings.networks is not Network.DETECTION:
            examples = examples.fitting(preprocessing.recognition_max_width)
        if self._team.first:
            said = ", ".join(f"{count} {why}" for why, count in sorted(examples.skipped.items()))
            print(
                f"crops: {len(examples.new)} new, {len(examples.replay)} replay, {len(examples.val)} val"
                + (f"; left out: {said}" if said else ""),
                flush=True,
            )
            if missing := typefaces.missing():
                print(f"typefaces not installed, so never drawn: {', '.join(missing)}", flush=True)
        fingerprint = hashlib.sha256(
            json.dumps(
                [order.dataset_version, order.parent_version, parent.sha256, settings.as_strings()]
            ).encode()
        ).hexdigest()
        out = folder / "model"
        out.mkdir()
        return Setting(parent, channel, examples, fingerprint, out)

    def _follow(self, subject: Subject, setting: Setting) -> Course:
        checkpoint = Checkpoint(self._root / "checkpoints", subject.name, setting.fingerprint)
        course = Lessons(subject, self.order.settings, checkpoint, self._stop, self._team).follow()
        self._metrics[f"{subject.name}_batches"] = subject.tuning.step
        self._courses[subject.name] = {"looks": course.looks, "losses": course.losses}
        return course

    def _recognition(self, setting: Setting) -> list[str]:
        """Tune the recogniser and write it with its dictionary; returns the characters that are new in it."""
        settings, parent, examples = self.order.settings, setting.parent, setting.examples
        if settings.networks is Network.DETECTION:  # what labels say does not matter then
            for name in (artifact.RECOGNITION, artifact.DICTIONARY):
                shutil.copyfile(parent.recognition.with_name(name), setting.out / name)
            return []
        model = Graph(parent.recognition).to(self._team.device)
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
        (setting.out / artifact.DICTIONARY).write_bytes(("\n".join(model.characters) + "\n").encode())
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
        tuning = recogniser.Tuning(
            model,
            kept,
            settings.iterations,
            settings.learning_rate,
            recognition.frozen(model, settings.freeze),
            mixed=settings.mixed_precision,
        )
        origin = [one.clone() for one in tuning.averages]
        val: list[Example] = list(examples.val)
        if len(val) > MOST_VAL:
            val = random.Random(settings.seed).sample(val, MOST_VAL)
        check = self._stop.check
        course = self._follow(
            Subject(
                "recognition",
                tuning,
                recognition.Source(mix, tuning, classes, settings, widest, self._team, check),
                settings.iterations,
                (lambda: recognition.look(model, val, characters, widest, check)) if val else None,
                lambda figures: figures["cer"],
            ),
            setting,
        )
        if not self._team.first:
            return new

        def look(some: Sequence[Example]) -> dict[str, float]:
            with tuning.averaged():
                return recognition.look(model, some, characters, widest, check)

        self._keep(tuning, origin, characters, look)
        if course.looks:
            figures = look(val)
            self._metrics["recognition_val_cer_before"] = course.looks[0]["cer"]
            self._metrics["recognition_val_cer"] = figures["cer"]
            for name, value in figures.items():
                metric(f"recognition:val_{name}", value)
        with tuning.averaged():
            model.save(setting.out / artifact.RECOGNITION, half=True)
        return new

    def _keep(
        self,
        tuning: recogniser.Tuning,
        origin: Sequence[torch.Tensor],
        characters: list[str],
        look: Callable[[Sequence[Example]], dict[str, float]],
    ) -> None:
        """Go only so far from the parent that general words are read as before."""
        settings = self.order.settings
        with self._stop.at_once():
            words = retention.drawn(characters[1:-1], settings.seed, settings.retention_groups)
        tuned = [one.clone() for one in tuning.averages]
        kept = retention.farthest(
            origin,
            tuned,
            tuning.take,
            lambda: retention.with_all({block: look(some)["cer"] for block, some in words.items()}, words),
        )
        print(
            f"general words: CER {kept.before['all']:.4f} before, {kept.after['all']:.4f} at "
            f"{kept.share:.0%} of the way from the parent to what was tuned"
            + ("" if kept.holds else "; that is still a loss"),
            flush=True,
        )
        self._metrics["recognition_retention_share"] = kept.share
        for block in kept.before:
            name = block.replace(" ", "_")
            self._metrics[f"recognition_general_cer_before_{name}"] = kept.before[block]
            self._metrics[f"recognition_general_cer_{name}"] = kept.after[block]

    def _detection(self, setting: Setting) -> None:
        settings, parent, channel = self.order.settings, setting.parent, setting.channel
        if settings.networks is Network.RECOGNITION:
            shutil.copyfile(parent.detection, setting.out / artifact.DETECTION)
            return
        with self._stop.at_once():
            train = detector.tiles(channel, setting.examples.train_pages, parent.manifest, settings.seed)
            val = detector.tiles(
                channel, setting.examples.val_pages, parent.manifest, settings.seed, detector.MOST_VAL_TILES
            )
        model = Graph(parent.detection).to(self._team.device)
        tuning = detector.Tuning(
            model,
            settings.detection_iterations,
            settings.learning_rate,
            detector.frozen(model, settings.freeze),
            mixed=settings.mixed_precision,
        )
        check = self._stop.check
        course = self._follow(
            Subject(
                "detection",
                tuning,
                detector.Source(train, tuning, settings.seed, parent.manifest, self._team),
                settings.detection_iterations,
                (lambda: detector.look(model, val, parent.manifest, check)) if val else None,
                lambda figures: 1 - figures["hmean"],
            ),
            setting,
        )
        with tuning.averaged():
            model.save(setting.out / artifact.DETECTION)
        self._metrics["detection_loss"] = float(np.mean(course.losses[-10:]))
        if course.looks:
            self._metrics["detection_val_hmean_before"] = course.looks[0]["hmean"]
            self._metrics["detection_val_hmean"] = 1 - course.best

    def _finish(self, setting: Setting, new: list[str]) -> float:
        """Check, calibrate, describe the candidate; returns the most memory of processes for it (MiB)."""
        order, parent, examples, out = self.order, setting.parent, setting.examples, setting.out
        manifest, metrics, most = parent.manifest, self._metrics, 0.0
        lines = candidate.line_inputs(examples.val or examples.new)
        page = candidate.page_inputs(setting.channel.picture(examples.train_pages[0]), manifest)
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
            metrics[f"{network}_parity_paddle"], peak = candidate.as_paddle(
                out / f"{network}.onnx", out / "paddle" / network, dictionary, inputs
            )
            most = max(most, peak)
        worst = max(value for name, value in metrics.items() if "_parity_" in name)
        history = {
            "page_ids": sorted(page.page_id for page in examples.train_pages),
            "parity": {"max_difference": worst},
            "metrics": metrics,
            "courses": self._courses,
            "skipped": dict(examples.skipped),
        }
        (out / artifact.TRAINING).write_text(json.dumps(history, indent=1, sort_keys=True) + "\n", "utf-8")
        candidate.describe(out, manifest, name=order.model_name, version=order.model_version)
        calibration, sentence = candidate.calibrated(parent, out, setting.channel, examples, self._threads)
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
        return most


def hand_over(candidate: Path, target: Path) -> None:
    """Copy a candidate to where SageMaker takes it from, as a whole or not at all.

    Raises:
        OSError: the disk is full.
    """
    copied: list[Path] = []
    try:
        for file in sorted(one for one in candidate.rglob("*") if one.is_file()):
            # Not `copytree`, whose error does not say that the disk is full.
            copied.append(target / file.relative_to(candidate))
            copied[-1].parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copied[-1])
    except OSError:
        for file in copied:
            file.unlink(missing_ok=True)
        raise


def _has_bfloat16(device: str) -> bool:
    return device != "cpu" and torch.cuda.is_bf16_supported(including_emulation=False)


def reason(error: BaseException) -> str:
    """What a person shall read about an error."""
    if isinstance(error, DrawopsError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full; give the training job a larger volume (VolumeSizeInGB)."
    # torch.save wraps what the file system says.
    if isinstance(error, RuntimeError) and "file write failed" in str(error):
        return "A checkpoint cannot be written; is the disk full? Give the job a larger volume."
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return "Memory is not enough; lower batch_columns or take a larger instance."
    return f"The training failed because of a fault on our side ({type(error).__name__}: {error})."


def main(stop: Stop | None = None, failure: Failure | None = None) -> int:
    """Train in this process; returns the exit code."""
    root = Path(os.environ.get("DRAWOPS_ML_ROOT", "/opt/ml"))
    if stop is None:
        stop = Stop()
        stop.listen()
    failure = failure or Failure(root / "output")
    try:
        with joined() as team:
            Job(root, stop, team).run()
    except Stopped:
        print("stopped; the next start goes on from the last checkpoint", flush=True)
        failure.forget()
        return STOPPED
    except PeerLost as error:
        print(f"another worker has gone: {error}", flush=True)
        failure.forget()
        return LOST
    except Exception as error:  # noqa: BLE001 - the border of the program: the reason goes to a file, the rest to the log
        traceback.print_exc()
        failure.tell(reason(error))
        return 1
    failure.forget()
    return 0
