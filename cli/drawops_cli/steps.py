"""Steps that take time, each with its elapsed seconds: one live line on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from drawops_cli.console import err, symbol

Note = Callable[[str], None]
_TITLE_WIDTH = 34


class Steps:
    """Shows what is being done, on stderr unless told otherwise."""

    def __init__(self, console: Console = err) -> None:
        self._console = console

    @contextmanager
    def step(self, title: str) -> Iterator[Note]:
        """Show `title` until the block ends; the block may call `note(text)` with what it is doing.

        The last note stays on the finished line.
        """
        running = _Running(title)
        if self._console.is_terminal:
            with Live(running, console=self._console, refresh_per_second=10, transient=True):
                yield running.note
        else:
            self._console.print(f"... {title}", markup=False, soft_wrap=True)
            yield running.note
        self._console.print(
            running.finished(), soft_wrap=not self._console.is_terminal, no_wrap=True, overflow="ellipsis"
        )


class _Running:
    def __init__(self, title: str) -> None:
        self.title = title
        self.detail = ""
        self._started = time.monotonic()
        self._spinner = Spinner("dots" if symbol("⠋", "-") == "⠋" else "line", style="cyan")

    def note(self, text: str) -> None:
        self.detail = " ".join(text.split())

    def _line(self, mark: Text, title_style: str) -> Text:
        seconds = time.monotonic() - self._started
        return Text.assemble(
            "  ",
            mark,
            (f" {self.title:<{_TITLE_WIDTH}}", title_style),
            (f"{seconds:7.1f} s", "dim"),
            (f"   {self.detail}" if self.detail else "", "dim"),
        )

    def finished(self) -> Text:
        return self._line(Text(symbol("✓", "ok"), style="green"), "")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # A table with one row cuts the note at the edge instead of wrapping it below the line.
        frame = self._spinner.render(time.monotonic())
        row = Table.grid()
        row.add_column(no_wrap=True, overflow="ellipsis")
        row.add_row(self._line(frame if isinstance(frame, Text) else Text(" "), "bold"))
        yield row
