"""The help teaches: what a verb does, and how it is typed."""

import pytest
from drawops_cli.main import VERBS
from drawops_cli.sheets import SheetKind, SheetLook
from drawops_vision.sheets import Kind, Look

from tests.unit.cli.conftest import Run

NAMES = [verb.__name__.replace("_", "-") for verbs in VERBS.values() for verb in verbs]


def test_the_help_starts_with_the_four_verbs_of_every_day(run: Run) -> None:
    help_text = run("--help").stdout

    for line in ("drawops up", "drawops submit", "drawops results", "drawops down"):
        assert line in help_text


@pytest.mark.parametrize("verb", NAMES)
def test_every_verb_shows_examples_of_itself(run: Run, verb: str) -> None:
    done = run(verb, "--help")

    assert done.exit_code == 0
    examples = done.stdout.split("Examples:")[1]
    assert f"drawops {verb}" in examples


@pytest.mark.parametrize("verb", NAMES)
def test_an_unknown_option_is_a_usage_error(run: Run, verb: str) -> None:
    done = run(verb, "--no-such-option")

    assert done.exit_code == 2
    assert "No such option" in done.stderr


def test_every_look_and_kind_of_the_generator_can_be_asked_for() -> None:
    """The command names them itself: the generator is too slow to import for --help."""
    assert [look.value for look in SheetLook] == [look.value for look in Look]
    assert [kind.value for kind in SheetKind] == [kind.value for kind in Kind]
