"""The scanned look: what a paper print and an office scanner do to a clean sheet.

The skew is not here: `raster.Transform` draws the sheet skewed, so that no resampling blurs the truth. What
is here never moves ink: blur, uneven light, paper grain, speckle, and the JPEG in which scans travel.
"""

import random
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from drawops_vision.sheets.raster import Image

MAX_SKEW = 0.5
GRAIN_TILE = 1024


@dataclass(frozen=True)
class Scanner:
    """The faults of one scan.

    Attributes:
        skew: degrees clockwise, within +-`MAX_SKEW`.
        blur: standard deviation of the Gaussian blur, in pixels at 300 dpi.
        paper: grey level of the paper at its lightest.
        toner: grey level of the darkest ink.
        shade: how much darker, in grey levels, the worst-lit corner is.
        grain: standard deviation of the paper noise, in grey levels.
        speckles: specks of dust per square decimetre.
        jpeg_quality: of the file that the scanner writes.
        seed: of the noise.
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

    @classmethod
    def of(cls, seed: int) -> Self:
        """A scanner picked by `seed`."""
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

    def apply(self, image: Image, dpi: int) -> Image:
        """Give a clean (height, width) picture the look of a scan; same size, nothing moved."""
        rng = np.random.Generator(np.random.PCG64(self.seed))
        dusty = _speckle(image, self.speckles, dpi, rng)
        blurred = cv2.GaussianBlur(dusty, (0, 0), max(0.3, self.blur * dpi / 300))
        levels = np.round(np.linspace(self.toner, self.paper, 256)).astype(np.uint8)
        toned = cv2.LUT(blurred, levels)
        lit = cv2.subtract(toned, _shade(image.shape, self.shade, rng))
        grainy = cv2.add(lit, _grain(image.shape, self.grain, rng), dtype=cv2.CV_8U)
        return through_jpeg(np.asarray(grainy, dtype=np.uint8), self.jpeg_quality)


def through_jpeg(image: Image, quality: int) -> Image:
    """The picture after a lossy round trip."""
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
    if decoded is None:
        raise ValueError(f"JPEG round trip failed for a picture of shape {image.shape}")
    return np.asarray(decoded, dtype=np.uint8)


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
    scaled = np.clip(np.round(smooth * 4), 0, 255).astype(np.uint8)
    full = cv2.resize(scaled, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.LUT(full, (np.arange(256) // 4).astype(np.uint8)), dtype=np.uint8)


def _grain(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """Zero-mean noise. One tile is drawn and repeated: at this size the eye and a network see no period."""
    tile = np.round(rng.normal(0.0, sigma, (GRAIN_TILE, GRAIN_TILE))).astype(np.int16)
    rows, columns = -(-shape[0] // GRAIN_TILE), -(-shape[1] // GRAIN_TILE)
    return np.tile(tile, (rows, columns))[: shape[0], : shape[1]]
