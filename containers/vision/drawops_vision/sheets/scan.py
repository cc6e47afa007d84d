"""The scanned looks: what paper, time and office scanners do to a clean sheet.

The skew is not here: `raster.Transform` draws the sheet skewed, so that no resampling blurs the truth. What
is here never moves ink: blur, uneven light, grain, speckle, folds, stains, coarse optics, and the JPEG in
which scans travel.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

import cv2
import numpy as np

from drawops_vision.sheets.raster import Image

MAX_SKEW = 0.5
"""Degrees; what an office scanner's feeder does."""
WORST_SKEW = 3.0
"""Degrees; a sheet laid on the glass by hand."""
GRAIN_TILE = 1024


class Look(StrEnum):
    """How a sheet looks. All but the first are scans; most have one more fault, worn ones several."""

    CLEAN = "clean"
    SCANNED = "scanned"
    SKEWED = "skewed"
    FADED = "faded"
    INVERTED = "inverted"
    FOLDED = "folded"
    STAINED = "stained"
    COARSE = "coarse"
    COMPRESSED = "compressed"
    BILEVEL = "bilevel"
    WORN = "worn"


@dataclass(frozen=True)
class Scanner:
    """The faults of one scan.

    Attributes:
        skew: degrees clockwise, within +-`WORST_SKEW`.
        blur: standard deviation of the Gaussian blur, in pixels at 300 dpi.
        paper: grey level of the paper at its lightest.
        toner: grey level of the darkest ink.
        shade: how much darker, in grey levels, the worst-lit corner is.
        grain: standard deviation of the paper noise, in grey levels.
        speckles: specks of dust per square decimetre.
        jpeg_quality: of the file that the scanner writes.
        seed: of the noise.
        optical_dpi: resolution of the scanner's optics; 0 is that of the picture.
        folds: how many folds run across the sheet.
        stains: how many rings, smudges and drops.
        bilevel: black and white, cut at `cut` between toner and paper.
        cut: the bilevel threshold; higher makes strokes thicker.
        inverted: white ink on black paper, as in blueprints and on screens.
    """

    skew: float
    blur: float
    paper: int
    toner: int
    shade: float
    grain: float
    speckles: float
    jpeg_quality: int
    seed: int
    optical_dpi: int = 0
    folds: int = 0
    stains: int = 0
    bilevel: bool = False
    cut: float = 0.5
    inverted: bool = False

    @classmethod
    def of(cls, seed: int, look: Look = Look.SCANNED) -> "Scanner":
        """A scanner picked by `seed`, with the fault of `look`."""
        scanner: Scanner = cls._ordinary(seed)
        rng = random.Random(f"{look} {seed}")
        faults = list(_FAULTS) if look is Look.WORN else [look]
        if look is Look.WORN:
            faults = rng.sample(faults, rng.choice((2, 2, 3, 4)))
        for fault in faults:
            if fault in _FAULTS:
                scanner = _FAULTS[fault](scanner, rng)
        return scanner

    @classmethod
    def _ordinary(cls, seed: int) -> Self:
        rng = random.Random(f"scanner {seed}")
        return cls(
            skew=rng.uniform(-MAX_SKEW, MAX_SKEW),
            blur=rng.uniform(0.5, 1.0),
            paper=rng.randint(232, 250),
            toner=rng.randint(15, 60),
            shade=rng.uniform(8, 30),
            grain=rng.uniform(2.0, 5.0),
            speckles=rng.uniform(2, 12),
            jpeg_quality=70,
            seed=rng.getrandbits(32),
        )

    def expose(self, image: Image, dpi: int) -> Image:
        """What the scanner sees of a clean (height, width) picture: same size, nothing moved.

        This is before the scanner writes its JPEG, which is left to the caller; bilevel scans have none.
        """
        rng = np.random.Generator(np.random.PCG64(self.seed))
        dusty = _speckle(image, self.speckles, dpi, rng)
        for _ in range(self.folds):
            _crease(dusty, dpi, rng)
        if 0 < self.optical_dpi < dpi:
            dusty = _coarse(dusty, self.optical_dpi / dpi)
        blurred = cv2.GaussianBlur(dusty, (0, 0), max(0.3, self.blur * dpi / 300))
        levels = np.round(np.linspace(self.toner, self.paper, 256)).astype(np.uint8)
        # From here on in place: at A3 every page that is made anew costs as much as the step itself.
        page = np.asarray(blurred, dtype=np.uint8)
        cv2.LUT(page, levels, dst=page)
        cv2.subtract(page, _shade(image.shape, self.shade, rng), dst=page)
        for _ in range(self.stains):
            _stain(page, dpi, rng)
        _grain(page, self.grain, rng)
        if self.bilevel:
            level = self.toner + (self.paper - self.shade / 2 - self.toner) * self.cut
            cv2.threshold(page, level, 255, cv2.THRESH_BINARY, dst=page)
        if self.inverted:
            cv2.bitwise_not(page, dst=page)
        return page


def _skewed(scanner: Scanner, rng: random.Random) -> Scanner:
    return replace(scanner, skew=rng.choice((-1, 1)) * rng.uniform(MAX_SKEW, WORST_SKEW))


def _faded(scanner: Scanner, rng: random.Random) -> Scanner:
    paper = rng.randint(205, 245)
    return replace(scanner, paper=paper, toner=paper - rng.randint(55, 110), shade=rng.uniform(4, 15))


def _inverted(scanner: Scanner, rng: random.Random) -> Scanner:
    return replace(scanner, inverted=True, toner=rng.randint(5, 70), paper=rng.randint(200, 252))


def _folded(scanner: Scanner, rng: random.Random) -> Scanner:
    return replace(scanner, folds=rng.randint(1, 5))


def _stained(scanner: Scanner, rng: random.Random) -> Scanner:
    return replace(scanner, stains=rng.randint(2, 7), shade=rng.uniform(15, 60), speckles=rng.uniform(10, 60))


def _coarsened(scanner: Scanner, rng: random.Random) -> Scanner:
    return replace(scanner, optical_dpi=rng.randint(130, 180), blur=rng.uniform(0.3, 0.7))


def _compressed(scanner: Scanner, rng: random.Random) -> Scanner:
    return replace(scanner, jpeg_quality=rng.randint(15, 30))


def _bilevelled(scanner: Scanner, rng: random.Random) -> Scanner:
    return replace(scanner, bilevel=True, cut=rng.uniform(0.6, 0.75), shade=rng.uniform(2, 20))


_FAULTS: dict[Look, Callable[[Scanner, random.Random], Scanner]] = {
    Look.SKEWED: _skewed,
    Look.FADED: _faded,
    Look.INVERTED: _inverted,
    Look.FOLDED: _folded,
    Look.STAINED: _stained,
    Look.COARSE: _coarsened,
    Look.COMPRESSED: _compressed,
    Look.BILEVEL: _bilevelled,
}


def _speckle(image: Image, density: float, dpi: int, rng: np.random.Generator) -> Image:
    """Dark and light specks of 0.05 to 0.15 mm radius: dust on the glass, toner that did not hold."""
    height, width = image.shape
    decimetre = dpi / 25.4 * 100
    count = int(rng.poisson(density * height * width / decimetre**2))
    dusty = image.copy()
    places = rng.random((count, 2)) * (width, height)
    radii = rng.uniform(0.05, 0.15, count) * dpi / 25.4
    dark = rng.random(count) < 0.8
    for (x, y), radius, is_dark in zip(places, radii, dark, strict=True):
        cv2.circle(
            dusty,
            (int(x * 16), int(y * 16)),
            int(radius * 16),
            0 if is_dark else 255,
            cv2.FILLED,
            cv2.LINE_AA,
            4,
        )
    return dusty


def _shade(shape: tuple[int, ...], depth: float, rng: np.random.Generator) -> Image:
    """Grey levels to subtract: a smooth slope, from a 4x4 grid of random depths."""
    coarse = (rng.random((4, 4)) * depth).astype(np.float32)
    smooth = cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC)
    scaled = np.clip(np.round(smooth), 0, 255).astype(np.uint8)
    return np.asarray(
        cv2.resize(scaled, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), dtype=np.uint8
    )


def _grain(page: Image, sigma: float, rng: np.random.Generator) -> None:
    """Add zero-mean noise. One tile is drawn and repeated: at this size the eye and a network see no period.

    Tile by tile, so that the noise is never a page of its own.
    """
    tile = np.round(rng.standard_normal((GRAIN_TILE, GRAIN_TILE), dtype=np.float32) * sigma).astype(np.int16)
    for top in range(0, page.shape[0], GRAIN_TILE):
        for left in range(0, page.shape[1], GRAIN_TILE):
            part = page[top : top + GRAIN_TILE, left : left + GRAIN_TILE]
            height, width = part.shape
            part[:] = cv2.add(part, tile[:height, :width], dtype=cv2.CV_8U)


def _coarse(image: Image, share: float) -> Image:
    """The picture as optics of `share` of its resolution see it; pixel centres keep their places."""
    height, width = image.shape
    small = cv2.resize(image, (round(width * share), round(height * share)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _crease(image: Image, dpi: int, rng: np.random.Generator) -> None:
    """A fold: along a straight line some ink has flaked off, and the paper beside it throws a shadow."""
    view = image if rng.random() < 0.5 else image.T
    height, width = view.shape
    mm = dpi / 25.4
    middle = int(rng.uniform(0.1, 0.9) * height)
    reach = int(rng.uniform(1.0, 4.0) * mm) + 2
    top, bottom = max(0, middle - reach), min(height, middle + reach)
    rows = np.arange(top, bottom) - middle
    shadow = np.where(rows > 0, rng.uniform(8, 40) * np.exp(-np.abs(rows) / (0.4 * reach)), 0.0)
    band = view[top:bottom].astype(np.int16)
    flaked = np.abs(rows)[:, None] <= rng.uniform(0.05, 0.2) * mm
    # Flakes come in runs of a millimetre or so.
    runs = np.repeat(rng.random(width // max(1, int(mm)) + 2) < 0.5, max(1, int(mm)))[:width]
    worn = np.where(flaked & runs[None, :], np.maximum(band, 215), band) - np.round(shadow)[:, None]
    view[top:bottom] = np.clip(worn, 0, 255).astype(np.uint8)


def _stain(image: Image, dpi: int, rng: np.random.Generator) -> None:
    """A coffee ring, a smudge or a drop, which darkens the paper and leaves the ink legible."""
    height, width = image.shape
    mm = dpi / 25.4
    radius = rng.uniform(6, 40) * mm
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    x0, x1 = int(max(0, x - radius * 1.2)), int(min(width, x + radius * 1.2))
    y0, y1 = int(max(0, y - radius * 1.2)), int(min(height, y + radius * 1.2))
    if x1 - x0 < 8 or y1 - y0 < 8:
        return
    depth = rng.uniform(10, 55)
    # Drawn at a quarter of the size: stains have soft edges.
    shape = ((y1 - y0) // 4 + 1, (x1 - x0) // 4 + 1)
    layer = np.zeros(shape, dtype=np.uint8)
    centre = (int((x - x0) / 4), int((y - y0) / 4))
    kind = rng.random()
    if kind < 0.4:
        cv2.circle(layer, centre, int(radius / 4), int(depth), max(1, int(0.08 * radius / 4)), cv2.LINE_AA)
        cv2.circle(layer, centre, max(1, int(radius / 4.6)), int(depth * 0.3), cv2.FILLED, cv2.LINE_AA)
    else:
        axes = (max(1, int(radius / 4)), max(1, int(radius / 4 * rng.uniform(0.1, 0.9))))
        cv2.ellipse(layer, centre, axes, rng.uniform(0, 180), 0, 360, int(depth), cv2.FILLED, cv2.LINE_AA)
    soft = cv2.GaussianBlur(layer, (0, 0), max(0.8, (0.02 if kind < 0.4 else 0.15) * radius / 4))
    region = image[y0:y1, x0:x1]
    region[:] = cv2.subtract(region, cv2.resize(soft, (x1 - x0, y1 - y0)))
