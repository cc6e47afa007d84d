"""The browser is killed, not closed: what was typed comes back from its disk.

A file of its own: the browser here is started from another Playwright than that of the other tests.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

from benchmarks.browser import FLAGS, HOW_TO_GET, chromium
from benchmarks.labeling_desk import Desk
from tests.console.conftest import box


def start(playwright: Playwright, profile: Path, served: Desk, task: str) -> tuple[BrowserContext, Page]:
    context = playwright.chromium.launch_persistent_context(
        str(profile), executable_path=chromium(), args=list(FLAGS)
    )
    page = context.pages[0]
    page.goto(served.link("Anna"))
    page.goto(f"{served.url}#/tasks/{task}")
    page.wait_for_selector(".sheet[data-ready=yes]")
    return context, page


def kill(profile: Path) -> None:
    """End the browser of this profile and its children, as a crash of the machine would."""
    browsers = [
        process
        for process in psutil.Process().children(recursive=True)
        if f"--user-data-dir={profile}" in process.cmdline()
        and not any(part.startswith("--type=") for part in process.cmdline())
    ]
    assert browsers
    everything = [*browsers, *(child for process in browsers for child in process.children(recursive=True))]
    for process in everything:
        if process.is_running():
            os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs(everything, timeout=20)
    for lock in profile.glob("Singleton*"):
        lock.unlink()


def test_a_killed_browser_loses_nothing(opened: Callable[..., str], served: Desk, tmp_path: Path) -> None:
    if chromium() is None:
        if os.environ.get("CI"):
            pytest.fail(HOW_TO_GET)
        pytest.skip(HOW_TO_GET)
    task = opened()
    with sync_playwright() as playwright:
        _, page = start(playwright, tmp_path, served, task)
        page.route("**/api/tasks/**", lambda route: route.abort())
        page.keyboard.type("KILLED")
        page.keyboard.press("Enter")
        page.wait_for_selector(".save.offline")
        kill(tmp_path)
        context, page = start(playwright, tmp_path, served, task)
        page.wait_for_selector(".save.saved[data-revision='1']")
        context.close()
    assert box(served.task(task, "Anna"), 3).text == "KILLED"
