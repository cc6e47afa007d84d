"""The `drawops` command: one module a verb, put together here."""

import signal
from collections.abc import Callable
from typing import Any

import typer
import typer.core

from drawops_cli import (
    dataset,
    demo,
    demo_learning,
    down,
    evaluate,
    invoke,
    label,
    logs,
    models,
    reconcile,
    results,
    sheets,
    show,
    status,
    submit,
    train,
    up,
)
from drawops_cli.console import err
from drawops_cli.failures import Failure, translated
from drawops_cli.help import unwrapped


class _Group(typer.core.TyperGroup):
    """Shows expected problems as one line."""

    def invoke(self, ctx: Any) -> object:  # noqa: ANN401 - click's context, which Typer keeps private
        try:
            with translated():
                return super().invoke(ctx)
        except Failure as failure:
            err.print("error:", style="bold red", end=" ")
            err.print(str(failure), markup=False, soft_wrap=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt as interrupt:
            err.print("interrupted")
            number = interrupt.number if isinstance(interrupt, demo.Interrupted) else signal.SIGINT
            raise typer.Exit(128 + number) from None


HELP = """Read engineering drawings: drop a drawing, get its text.

\b
    drawops up                   start the local cloud with drawops in it
    drawops submit plan.pdf      upload a drawing and wait for its texts
    drawops results --out out    download results and overlay pictures
    drawops down                 stop the local cloud; its state is kept

Every verb but up, down and demo works on AWS as well: add --stack NAME (or set DRAWOPS_STACK), with
--profile and --region as for the AWS CLI. Results go to stdout, progress to stderr; --json prints JSON.
"""

app = typer.Typer(
    cls=_Group,
    help=unwrapped(HELP),
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

VERBS: dict[str, tuple[Callable[..., Any], ...]] = {
    "Local cloud": (up.up, down.down, demo.demo, demo_learning.demo_learning),
    "Drawings": (submit.submit, results.results, show.show, sheets.sheets),
    "Models": (evaluate.evaluate, train.train),
    "Operation": (status.status, logs.logs, invoke.invoke, reconcile.reconcile),
}

for _panel, _verbs in VERBS.items():
    for _verb in _verbs:
        _name = _verb.__name__.replace("_", "-")
        app.command(_name, help=unwrapped(_verb.__doc__ or ""), rich_help_panel=_panel)(_verb)

app.add_typer(dataset.app, name="dataset", rich_help_panel="Data sets")
app.add_typer(label.app, name="label", rich_help_panel="Data sets")
app.add_typer(models.app, name="models", rich_help_panel="Models")


if __name__ == "__main__":
    app()
