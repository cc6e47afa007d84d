"""The training job: from the channels to the artifact, or to a reason why there is none."""

import random
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from drawops.contracts.training import Hyperparameters
from drawops.errors import DrawopsError
from drawops_vision import artifact
from drawops_vision.datasets import channel
from numpy.typing import NDArray

from drawops_training import candidate, examples, workers
from drawops_training.errors import TrainingFailed
from drawops_training.finetuning import Stopped, finetune
from drawops_training.graph import Graph
from drawops_training.place import Place
from drawops_training.recogniser import trained_classes
from drawops_training.tuning import Tuner

STOPPED = 143
"""Exit code after SIGTERM, as the shell counts."""


def main() -> int:
    """Entry point; returns the exit code."""
    place = Place.of_environment()
    try:
        run(place)
    except Stopped:
        print("stopped; the checkpoint holds everything", flush=True)
        return STOPPED
    except (TrainingFailed, DrawopsError) as error:
        place.fail(str(error))
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    except OSError as error:
        place.fail(f"{error}. If the disk is full, give the job a larger volume (VolumeSizeInGB).")
        traceback.print_exc()
        return 1
    except Exception as error:  # noqa: BLE001 - SageMaker must get a reason
        place.fail(f"Unexpected: {type(error).__name__}: {error}. The job's log has the traceback.")
        traceback.print_exc()
        return 1
    return 0


def run(place: Place) -> artifact.Manifest | None:
    """Train as the job's hyperparameters say.

    Returns:
        What was written; None in all but the first of several workers.

    Raises:
        TrainingFailed, DrawopsError: there is no candidate; the sentence says why.
        Stopped: SIGTERM.
    """
    task, settings = place.told()
    with tempfile.TemporaryDirectory() as scratch, workers.joined() as team:
        parent = _parent(place.channel("model"), Path(scratch))
        dataset = place.channel("dataset")
        manifest = channel.manifest(dataset, task.project, task.dataset_version)
        known = (
            channel.manifest(dataset, task.project, task.parent_version)
            if task.parent_version and task.parent_version != task.dataset_version
            else None
        )
        held = examples.load(dataset, manifest, known, _say)
        if not held.val:
            raise TrainingFailed(
                f"Dataset version {manifest.version} has no readable label for validation; label more."
            )
        _say(
            f"{len(held.new)} new texts, {len(held.replay)} known to the parent, {len(held.val)} to validate"
        )
        graph, new_characters = _graph(parent, held, settings)
        tuner, mix = _tuner(graph, held, settings, team)
        identity = {
            "run": task.run_id,
            "dataset version": task.dataset_version,
            "parent": parent.sha256,
            "hyperparameters": settings.model_dump_json(),
            "workers": str(team.size),
        }
        history = finetune(
            tuner,
            mix,
            held.val,
            ["", *graph.characters, " "],
            settings,
            place.checkpoints,
            identity,
            _say if team.first else _silent,
            keeps=team.first,
        )
        if not team.first:
            return None
        found, exported = _artifact(place.model, parent, tuner, held)
        return candidate.write(
            place.model, parent, task, settings, held, history, {**found, "paddle": exported}, new_characters
        )


def _parent(folder: Path, scratch: Path) -> artifact.Model:
    archive = folder / "model.tar.gz"
    if not archive.is_file():
        raise TrainingFailed("The channel 'model' has no model.tar.gz: nothing can be trained from nothing.")
    artifact.unpack_verified(archive, scratch)
    return artifact.Model(scratch)


def _graph(parent: artifact.Model, held: examples.Examples, settings: Hyperparameters) -> tuple[Graph, str]:
    graph = Graph(parent.recognition)
    unknown = sorted(held.characters - set(graph.characters) - {" "})
    if unknown and settings.new_characters == "refuse":
        shown = " ".join(unknown[:40])
        raise TrainingFailed(
            f"The dictionary lacks {len(unknown)} characters of the labels: {shown}. Correct the labels, or "
            "train with new_characters=extend (`drawops train --extend`)."
        )
    graph.extend(unknown)
    return graph, "".join(unknown)


def _tuner(
    graph: Graph, held: examples.Examples, settings: Hyperparameters, team: workers.Team
) -> tuple[Tuner, examples.Mix]:
    random.seed(settings.seed)
    np.random.seed(settings.seed)
    torch.manual_seed(settings.seed)
    cv2.setNumThreads(1)
    characters = ["", *graph.characters, " "]
    kept = trained_classes(characters, settings.seed, held.characters)
    classes = {characters[index]: position for position, index in enumerate(kept)}
    tuner = Tuner(
        graph,
        kept,
        iterations=settings.iterations,
        rate=settings.learning_rate,
        freeze=settings.freeze,
        device=team.device,
        mixed_precision=settings.mixed_precision,
    )
    mix = examples.Mix(held, settings, classes, shard=(team.number, team.size))
    shares = ", ".join(f"{share:.0%} {name}" for name, share in mix.shares.items())
    _say(f"a batch is {shares}; {sum(one.numel() for one in tuner.learning):,} weights learn")
    return tuner, mix


def _artifact(
    folder: Path, parent: artifact.Model, tuner: Tuner, held: examples.Examples
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write networks and dictionary; returns what was found of parity."""
    folder.mkdir(parents=True, exist_ok=True)
    characters = ["", *tuner.model.characters, " "]
    batch = candidate.samples(held.val)
    with tuner.averaged() as model:
        model.save(folder / artifact.RECOGNITION, half=True)

        def trained(given: NDArray[np.float32]) -> NDArray[np.float32]:
            with torch.inference_mode():
                answer: NDArray[np.float32] = model(torch.from_numpy(given)).numpy()
            return answer

        found = candidate.parity(trained, folder / artifact.RECOGNITION, batch, characters)
    _say(f"parity: {found['max_difference']:.1e} at most, {found['texts_equal']:.1%} of the texts read alike")
    shutil.copyfile(parent.detection, folder / artifact.DETECTION)
    (folder / artifact.DICTIONARY).write_bytes("\n".join(tuner.model.characters).encode() + b"\n")
    exported = candidate.paddle(folder, batch)
    _say("Paddle: " + ", ".join(f"{name} differs by {value:.1e}" for name, value in exported.items()))
    return found, exported


def _say(text: str) -> None:
    print(text, flush=True)


def _silent(_text: str) -> None:
    """What all workers but the first say."""
