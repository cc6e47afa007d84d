"""`kill -9` of any part of the local cloud, then `drawops up`: no drawing is lost."""

import hashlib
from collections.abc import Iterator

import pytest
from drawops_vision.sheets import generate

from benchmarks.faults import VICTIMS, kill
from benchmarks.local_stack import Stack, temporary_stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack of these tests' own: the shared one may not be killed."""
    with temporary_stack() as stack:
        yield stack


@pytest.mark.parametrize("victim", VICTIMS)
def test_every_drawing_ends_in_a_result_after(stack: Stack, victim: str) -> None:
    # A second each: time enough to kill something before the last one is read.
    sheets = [generate(seed, "A5", 150) for seed in range(4)]
    files = [sheet.png() for sheet in sheets]
    files_by_sha256 = {hashlib.sha256(data).hexdigest(): number for number, data in enumerate(files)}
    recovery = kill(stack, victim, files, seconds=60)
    assert recovery.without_result == []
    assert recovery.ended_before < len(files), "killed too late to be in the middle"
    assert recovery.events >= len(files)
    for revision in recovery.revisions:
        assert revision.sha256 is not None
        number = files_by_sha256[revision.sha256]
        read = {text.text for text in stack.result(revision).pages[0].texts}
        known = {text.text for text in sheets[number].truth}
        assert len(read & known) > len(known) / 2
