"""Generated sheets as a data set: many, in parallel, the same bytes whatever the number of processes.

Every sheet depends on its own seed only. Where the kind or the look is left open, the seed picks them, too.
"""

import multiprocessing
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
from drawops.contracts.labels import Label, LabelSource

from drawops_vision.datasets.folder import IMAGES, BadDataset, DatasetFolder
from drawops_vision.sheets import Hand, Kind, Look, Sheet, generate

FORMATS = ("png", "jpeg", "tiff")
FAULTS_IN_FOUR = 3
"""Of four sheets whose look is left open, this many are scans."""


@dataclass(frozen=True)
class Plan:
    """What to draw.

    Attributes:
        count: how many sheets.
        seed: of the first, then one more each.
        size: paper, a key of `drawops_vision.sheets.SIZES`.
        dpi: 50 to 1200.
        look: None: picked by each sheet's seed.
        kind: None: picked by each sheet's seed.
        hard: see `drawops_vision.sheets.generate`.
        format: of the pictures, one of `FORMATS`.
        hand: who letters, see `drawops_vision.sheets.generate`.
    """

    count: int
    seed: int = 1
    size: str = "A3"
    dpi: int = 300
    look: Look | None = Look.CLEAN
    kind: Kind | None = Kind.PID
    hard: bool = True
    format: str = "png"
    hand: Hand = Hand.OFFICE

    def sheet(self, seed: int) -> tuple[str, Kind, Look]:
        """Name, kind and look of the sheet of a seed."""
        rng = random.Random(f"synth {seed}")
        kind = self.kind or rng.choice(list(Kind))
        scans = [look for look in Look if look is not Look.CLEAN]
        look = self.look or (rng.choice(scans) if rng.randrange(4) < FAULTS_IN_FOUR else Look.CLEAN)
        return f"{kind}-{self.size}-{look}-{seed:06d}.{self.format}", kind, look

    def sentence(self) -> str:
        """How the data set was made, for its `dataset.json`."""
        return (
            f"Generated: {self.count} sheets from seed {self.seed}, {self.size}, {self.dpi} dpi, "
            f"{self.look or 'mixed'} {self.kind or 'mixed'}, "
            f"{'hard' if self.hard else 'tidy'}, {self.format}"
            f"{'' if self.hand is Hand.OFFICE else f', lettered in {self.hand}'}."
        )


def synthesise(
    folder: DatasetFolder,
    plan: Plan,
    processes: int = 1,
    done: Callable[[str], None] = lambda name: None,
) -> None:
    """Draw the sheets of a plan into a data set.

    Args:
        folder: where they go.
        plan: what to draw.
        processes: how many work; each needs some 0.3 GB at A3.
        done: called after every sheet, with its name.

    Raises:
        BadDataset: a sheet stands there already, or a process was killed (memory).
        ValueError: the plan asks for what there is not.
    """
    seeds = range(plan.seed, plan.seed + plan.count)
    images = folder.path / IMAGES
    # Names first: a data set that has one of them is left as it is.
    taken = [name for seed in seeds if (images / (name := plan.sheet(seed)[0])).exists()]
    if taken:
        raise BadDataset(f"{folder.path} has a sheet {taken[0]} already; choose another --seed.")
    draw = partial(_draw, plan, images)
    try:
        for name, labels in _drawn(draw, seeds, processes):
            folder.add(name, labels)
            done(name)
    except BrokenProcessPool as error:
        raise BadDataset(
            "A drawing process was killed, likely for memory; use fewer (--processes)."
        ) from error


def _drawn(
    draw: Callable[[int], tuple[str, tuple[Label, ...]]], seeds: range, processes: int
) -> Iterator[tuple[str, tuple[Label, ...]]]:
    """The sheets in the order of their seeds."""
    if processes == 1:
        yield from map(draw, seeds)
        return
    # Spawned, not forked: the parent may have threads (a progress bar), which a fork would freeze.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_alone) as pool:
        yield from pool.map(draw, seeds, chunksize=max(1, min(8, len(seeds) // processes)))


def _alone() -> None:
    """One core a process: OpenCV's own threads would only fight over it."""
    cv2.setNumThreads(1)


def _draw(plan: Plan, images: Path, seed: int) -> tuple[str, tuple[Label, ...]]:
    """Draw one sheet; its picture is written here, its labels are handed back."""
    name, kind, look = plan.sheet(seed)
    sheet = generate(seed, plan.size, plan.dpi, look, kind=kind, hard=plan.hard, hand=plan.hand)
    part = images / f".{name}.part"
    part.write_bytes(_encoded(sheet, plan.format))
    part.replace(images / name)
    return name, labels_of(sheet)


def _encoded(sheet: Sheet, kind: str) -> bytes:
    return {"png": sheet.png, "jpeg": sheet.jpeg, "tiff": sheet.tiff}[kind]()


def labels_of(sheet: Sheet) -> tuple[Label, ...]:
    """The truth of a sheet as labels, points to a tenth of a pixel."""
    return tuple(
        Label(
            id=f"t{place}",
            points=tuple((round(x, 1), round(y, 1)) for x, y in text.quad),
            text=text.text,
            source=LabelSource.GENERATED,
        )
        for place, text in enumerate(sheet.truth, start=1)
    )
