"""One real stack on a local cloud of its own for all tests of the whole workflow."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.local_stack import Stack, temporary_stack

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark these tests; the first one may have to install what the local cloud needs."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.local)
            item.add_marker(pytest.mark.timeout(900), append=False)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The stack that all tests share: use keys of your own. At the end, nothing of it may be left."""
    with temporary_stack() as stack:
        yield stack
