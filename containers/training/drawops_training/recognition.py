"""The recogniser in a training job: which lines it learns from, in which order, and how it is judged."""

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from drawops.contracts.training import Freeze, Hyperparameters
from drawops.errors import Misconfigured
from drawops_vision.recognise import canonical, decode
from rapidfuzz.distance import Levenshtein

from drawops_training import recogniser
from drawops_training.examples import Example, Mix, columns_of, fits
from drawops_training.graph import Graph
from drawops_training.workers import Team


def entries(some: Sequence[Example], classes: dict[str, int], widest: int) -> list[recogniser.Entry]:
    """Examples that the network can learn: every character has a class, and there are steps for all."""
    found = []
    for one in some:
        columns = columns_of(one.picture, widest)
        if fits(one.text, columns) and all(letter in classes for letter in one.text):
            wide = -(-columns // recogniser.BUCKET) * recogniser.BUCKET
            found.append((wide, one.picture, one.text))
    return found


class Source:
    """Batches of a mix, in an order that the place (pool, batch) alone decides.

    Several workers share each batch: what is learnt does not depend on how many they are.
    """

    def __init__(
        self,
        mix: Mix,
        tuning: recogniser.Tuning,
        classes: dict[str, int],
        settings: Hyperparameters,
        widest: int,
        team: Team,
        check: Callable[[], None],
    ) -> None:
        self._mix, self._tuning, self._classes, self._widest = mix, tuning, classes, widest
        self._columns, self._seed = settings.batch_columns, settings.seed
        # Alone it may give up where it stands; of several the first would be missed by the others.
        self._team, self._check = team, check if team.size == 1 else lambda: None
        self.place = (0, 0)

    def __iter__(self) -> Iterator[Callable[[], float]]:
        """Each learns from one batch and returns its loss.

        Raises:
            Misconfigured: no line fits the network.
        """
        pool, first = self.place
        while True:
            found = entries(self._mix.pool(pool, check=self._check), self._classes, self._widest)
            groups = recogniser.grouped(found, self._columns)
            random.Random(f"order/{self._seed}/{pool}").shuffle(groups)
            if not groups:
                raise Misconfigured("No text of the dataset version fits the network; label other texts.")
            for index in range(first, len(groups)):
                self.place = (pool, index + 1)
                yield partial(self._learn, groups[index])
            pool, first = pool + 1, 0
            self.place = (pool, 0)

    def _learn(self, group: list[recogniser.Entry]) -> float:
        if self._team.size == 1:
            return self._tuning.learn(recogniser.stacked(group, self._classes))
        batch, counts = recogniser.part(group, self._classes, self._team.number, self._team.size)
        return self._tuning.learn(batch, counts, self._team.together)


def look(
    model: Graph, val: Sequence[Example], characters: list[str], widest: int, check: Callable[[], None]
) -> dict[str, float]:
    """CER and share of exact strings on val crops; `check` is called before every batch and may raise."""
    classes = {one: index for index, one in enumerate(characters)}
    ready = entries(val, classes, widest)
    letters = sum(len(one.text) for one in val)
    # What cannot be read at all counts as missed.
    edits, exact = letters - sum(len(text) for _, _, text in ready), 0
    device = next(model.parameters()).device
    with torch.no_grad():
        for group in recogniser.grouped(ready, recogniser.COLUMNS):
            check()
            pictures, _, _ = recogniser.stacked(group, classes)
            answer = model(torch.from_numpy(pictures).to(device)).float().cpu().numpy()
            for (_, _, text), row in zip(group, answer, strict=True):
                said = canonical(decode(row, characters).text)
                edits += min(len(text), Levenshtein.distance(said, text))
                exact += said == text
    return {"cer": edits / max(1, letters), "exact": exact / max(1, len(val))}


def frozen(model: Graph, freeze: Freeze) -> list[str]:
    """Names of the parameters that keep their values; the head's are decided by its classes."""
    if freeze is Freeze.NOTHING:
        return []
    if freeze is Freeze.ALL_BUT_HEAD:
        return [name for name, _ in model.named_parameters()]
    return model.backbone()
