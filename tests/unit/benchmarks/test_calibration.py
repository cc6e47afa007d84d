"""The benchmark that fits confidences: what is checked has not been seen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawops_vision.features import FEATURES

from benchmarks.calibration import CHECK, FIT, Samples, check, left_out, row, tasks


def samples(seed: int = 0) -> Samples:
    """Texts of one generated sheet to fit on, one to check, and of two real drawings."""
    generator = np.random.default_rng(seed)
    features = generator.normal(0, 1, (400, len(FEATURES)))
    return Samples(
        features,
        generator.random(400),
        generator.random(400) < 1 / (1 + np.exp(-1 - features[:, 0])),
        np.repeat([FIT, CHECK, "real", "real"], 100),
        np.repeat(["1", "2", "A", "B"], 100),
    )


def test_a_drawing_has_no_say_in_its_own_left_out_confidences() -> None:
    given = samples()
    real, base = given.sets == "real", given.sets == FIT
    of_a = given.drawings == "A"
    turned = replace(given, right=np.where(of_a, ~given.right, given.right))
    before, after = left_out(given, real, base), left_out(turned, real, base)
    assert np.array_equal(before[of_a], after[of_a])
    of_b = given.drawings == "B"
    assert not np.allclose(before[of_b], after[of_b])
    assert np.isnan(before[~real]).all()


def test_checked_generated_sheets_have_no_say_in_any_fit() -> None:
    given = samples()
    unseen = given.sets == CHECK
    turned = replace(given, right=np.where(unseen, ~given.right, given.right))
    _, before = check(given)
    _, after = check(turned)
    for kind, sets in before.items():
        for name, (values, _) in sets.items():
            assert np.array_equal(values, after[kind][name][0])


def test_a_row_says_how_many_wrong_texts_the_least_sure_are() -> None:
    confidence = np.linspace(0, 1, 100)
    made = row("sheets", "network", confidence, confidence > 0.1)
    assert made.auroc == 1
    assert made.wrong == (1.0, 1.0, 0.5)
    assert made.cells()[2:4] == ["100", "0.900"]


def test_samples_that_were_kept_are_the_same_and_need_all_features(tmp_path: Path) -> None:
    given = samples()
    given.keep(tmp_path / "kept.npz")
    assert np.array_equal(Samples.kept(tmp_path / "kept.npz").features, given.features)
    with np.load(tmp_path / "kept.npz") as held:
        np.savez(tmp_path / "old.npz", **dict(held) | {"names": np.array(["mean"])})
    with pytest.raises(ValueError, match="measure again"):
        Samples.kept(tmp_path / "old.npz")


def test_sheets_to_check_are_none_of_those_to_fit_on() -> None:
    todo = list(tasks(10))
    fitted = {task.seed for task in todo if task.name == FIT}
    checked = {task.seed for task in todo if task.name == CHECK}
    assert (len(fitted), len(checked)) == (10, 5)
    assert not fitted & checked
