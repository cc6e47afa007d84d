"""What a scan or another sheet could have made of a labelled crop: turned, struck through, noisy, blurred."""

import random

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
LEFT_ALONE = 0.3
"""Share of crops that are shown as they are."""


def augmented(picture: Picture, r: random.Random) -> Picture:
    """A crop (H x W grey or H x W x 3) as it might also have come; always of the same string."""
    if r.random() < LEFT_ALONE:
        return picture
    height, width = picture.shape[:2]
    if r.random() < 0.5:  # turned by up to 1.5 degrees, stretched by up to 12 %
        stretch = r.uniform(0.88, 1.12)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), r.uniform(-1.5, 1.5), 1.0)
        matrix[0] *= stretch
        size = (max(4, round(width * stretch)), height)
        picture = np.asarray(
            cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
            np.uint8,
        )
        height, width = picture.shape[:2]
    if r.random() < 0.15:  # a line through or along the text
        level, ink = r.uniform(0.1, 0.9) * height, int(np.percentile(picture, 2))
        ends = [(-9, level), (width + 9, level + r.uniform(-0.1, 0.1) * height)]
        path = [(np.array(ends) * 16).astype(np.int32).reshape(1, -1, 2)[0]]
        picture = picture.copy()
        cv2.polylines(picture, path, False, (ink, ink, ink), max(1, round(height * 0.03)), cv2.LINE_AA, 4)
    if r.random() < 0.3 and height > 16:  # a coarser scan
        part = r.uniform(0.5, 0.95)
        small = cv2.resize(picture, (max(4, round(width * part)), max(8, round(height * part))))
        picture = np.asarray(cv2.resize(small, (width, height)), np.uint8)
    if r.random() < 0.3:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), r.uniform(0.3, 0.3 + 0.02 * height)), np.uint8)
    if r.random() < 0.3:
        grain = np.random.default_rng(r.randrange(1 << 30)).standard_normal(picture.shape, np.float32)
        picture = np.clip(picture + grain * r.uniform(2, 16), 0, 255).astype(np.uint8)
    return picture
