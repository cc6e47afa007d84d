"""Find the link in a mail as its reader does."""

import re


def link_in(text: str) -> str:
    """The first address on the web."""
    found = re.search(r"https://\S+", text)
    assert found is not None
    return found.group()
