"""People at the labeling page: a real browser, the real API, a drawn sheet."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from drawops.contracts.labeling import Box, TaskDocument
from drawops_vision.sheets import generate
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from benchmarks.browser import HOW_TO_GET, browser, chromium
from benchmarks.labeling_desk import Desk, Reading, desk, pyramid

# What a browser and the viewer say by themselves about an answer like 401 or 409, or about none.
EXPECTED = ("Failed to load resource", "Tile %s failed to load")


@dataclass(frozen=True)
class Drawn:
    """A sheet that was drawn, and what it says."""

    picture: bytes
    width: int
    height: int
    texts: tuple[Reading, ...]


@pytest.fixture(scope="session")
def drawn() -> Drawn:
    sheet = generate(3, "A4", dpi=150)
    height, width = sheet.image.shape
    texts = tuple(Reading(text.text, text.quad) for text in sheet.truth)
    return Drawn(pyramid(sheet), width, height, texts)


# One browser a file, not one a session: while it runs, no other test could start an event loop.
@pytest.fixture(scope="module")
def running_browser() -> Iterator[Browser]:
    if chromium() is None:
        if os.environ.get("CI"):
            pytest.fail(HOW_TO_GET)
        pytest.skip(HOW_TO_GET)
    with browser() as running:
        yield running


@pytest.fixture
def served() -> Iterator[Desk]:
    with desk() as running:
        yield running


@dataclass
class Person:
    """Somebody with a browser window. What goes wrong in it is collected in `faults`."""

    name: str
    desk: Desk
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> Page:
        """Note script errors, violations of the page's policy, and requests to anybody else."""
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("console", self._heard)
        page.on("request", lambda request: self._asked(request.url))
        page.set_default_timeout(20_000)
        return page

    def _heard(self, message: Any) -> None:  # noqa: ANN401
        if message.type == "error" and not message.text.startswith(EXPECTED):
            self.faults.append(f"console: {message.text}")

    def _asked(self, url: str) -> None:
        if not url.startswith((self.desk.url, "data:", "blob:")):
            self.faults.append(f"asked elsewhere: {url}")

    def open(self, task: str | None = None) -> None:
        """Follow the link; then go to a task and wait until it can be worked on."""
        self.page.goto(self.desk.link(self.name))
        self.page.wait_for_selector(".tasks, .sheet, .gate")
        if task is not None:
            self.go(task)

    def go(self, task: str) -> None:
        """Open a task by its address."""
        self.page.goto(f"{self.desk.url}#/tasks/{task}")
        self.ready()

    def ready(self) -> None:
        """Wait until the sheet can be worked on."""
        self.page.wait_for_selector(".sheet[data-ready=yes]")

    def press(self, *keys: str) -> None:
        """Press keys, one after another."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type into whatever has the focus."""
        self.page.keyboard.type(text)

    @property
    def field(self) -> Locator:
        """The text field."""
        return self.page.locator("input.text")

    def saved(self, revision: int | None = None) -> None:
        """Wait until everything is saved (as this revision)."""
        which = "" if revision is None else f"[data-revision='{revision}']"
        self.page.wait_for_selector(f".save.saved{which}")

    def boxes(self) -> list[dict[str, Any]]:
        """Boxes as the page has them."""
        found: list[dict[str, Any]] = self.page.evaluate("window.drawops.editor.boxes")
        return found

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the drawing is in the window."""
        place = self.page.evaluate("window.drawops.sheet.placement")
        frame = self.page.locator(".sheet").bounding_box()
        assert frame is not None
        return frame["x"] + place["x"] + x * place["zoom"], frame["y"] + place["y"] + y * place["zoom"]

    def still(self) -> None:
        """Wait until the sheet stands still."""
        self.page.wait_for_function(
            """() => new Promise((resolve) => {
                let before = null;
                const look = () => {
                    const now = JSON.stringify(window.drawops.sheet.placement);
                    if (now === before) resolve(true);
                    else { before = now; setTimeout(look, 80); }
                };
                look();
            })"""
        )


@pytest.fixture
def person(running_browser: Browser, served: Desk) -> Iterator[Callable[..., Person]]:
    """Somebody comes in; at the end nothing may have gone wrong in any window."""
    people: list[Person] = []

    def comes(name: str, locale: str = "en-GB", **options: Any) -> Person:  # noqa: ANN401
        context = running_browser.new_context(
            locale=locale, viewport={"width": 1280, "height": 720}, accept_downloads=True, **options
        )
        someone = Person(name, served, context, context.new_page())
        someone.watch(someone.page)
        people.append(someone)
        return someone

    yield comes
    for someone in people:
        someone.context.close()
        assert not someone.faults


@pytest.fixture
def opened(served: Desk, drawn: Drawn) -> Callable[..., str]:
    """A task about the drawn sheet: texts as read, given ones misread or unsure."""

    def opened(
        unsure: dict[int, str] | None = None,
        texts: int = 40,
        name: str = "unit 40/P&ID 4711.png",
        **more: Any,  # noqa: ANN401
    ) -> str:
        unsure = unsure if unsure is not None else {number: drawn.texts[number].text for number in (3, 8, 13)}
        readings = [
            Reading(unsure.get(number, text.text), text.quad, 0.5 if number in unsure else 0.99)
            for number, text in enumerate(drawn.texts[:texts])
        ]
        task, *_ = served.open(drawn.picture, drawn.width, drawn.height, readings, name=name, **more)
        return task

    return opened


def box(document: TaskDocument, number: int) -> Box:
    """The box of the text that was read as the `number`-th."""
    return next(box for box in document.boxes if box.id == f"p1-t{number}")
