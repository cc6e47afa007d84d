"""A real Chromium, headless, without any conversation with its maker."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
HOW_TO_GET = (
    "no Chromium is here; get one with: apt-get install chromium, or .venv/bin/playwright install chromium"
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str | None:
    """Path of a Chromium: the machine's, or the one that Playwright installed; None when there is none."""
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


@contextmanager
def browser(*more: str) -> Iterator[Browser]:
    """A running browser.

    Args:
        more: further flags of Chromium.

    Raises:
        FileNotFoundError: there is none on this machine.
    """
    path = chromium()
    if path is None:
        raise FileNotFoundError(HOW_TO_GET)
    # Loopback needs no proxy, whatever the machine's settings say.
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path,
            args=[*FLAGS, *more],
            env=dict(environment),
        )
        try:
            yield running
        finally:
            running.close()
