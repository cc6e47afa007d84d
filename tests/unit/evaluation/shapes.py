"""Quads and predictions for tests."""

from drawops_vision.evaluation.predictions import Prediction
from drawops_vision.evaluation.scoring import Label, Quad


def box(x: float, y: float, width: float = 40, height: float = 10) -> Quad:
    return (x, y), (x + width, y), (x + width, y + height), (x, y + height)


def labels(*texts: str) -> list[Label]:
    """One below the other."""
    return [
        Label(text, box(0, 50.0 * place, 12.0 * max(1, len(text)), 20)) for place, text in enumerate(texts)
    ]


def read(label: Label, text: str | None = None, confidence: float | None = 0.9) -> Prediction:
    """A prediction exactly on a label."""
    return Prediction(label.text if text is None else text, label.quad, confidence)
