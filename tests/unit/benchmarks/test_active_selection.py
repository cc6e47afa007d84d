"""Whether selection saves labels can be measured at any time."""

import pytest

from benchmarks import active_selection


def test_every_strategy_gets_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert active_selection.main(["--runs", "1", "--pages", "12", "--budget", "8"]) == 0
    printed = capsys.readouterr().out
    for name in active_selection.STRATEGIES:
        assert printed.count(f"│ {name} ") == 2, "for both kinds of test pages"
