"""The `drawops` command: one module a verb, put together here."""

import typer

from drawops_cli import (
    demo,
    down,
    invoke,
    logs,
    reconcile,
    results,
    sheets,
    show,
    status,
    submit,
    up,
)
from drawops_cli.console import err
from drawops_cli.failures import Failure, translated


class _Group(typer.core.TyperGroup):
    """Shows expected problems as one line."""

    def invoke(self, ctx: typer.Context) -> object:
        try:
            with translated():
                return super().invoke(ctx)
        except Failure as failure:
            err.print("error:", style="bold red", end=" ")
            err.print(str(failure), markup=False, soft_wrap=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            err.print("interrupted")
            raise typer.Exit(130) from None


HELP = """Read engineering drawings: drop a drawing, get its text.

\b
    drawops up                    start the local cloud and deploy drawops to it
    drawops submit plan.pdf       upload a drawing and wait for its texts
    drawops results --out out     download results, tables and overlay pictures
    drawops down                  stop the local cloud; its state is kept

Every verb but up, down and demo works on AWS as well: add --stack NAME (or set DRAWOPS_STACK), with
--profile and --region as for the AWS CLI. Results go to stdout, progress to stderr; --json prints JSON.
"""

app = typer.Typer(
    cls=_Group,
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

LOCAL = "Local cloud"
DRAWINGS = "Drawings"
OPERATION = "Operation"

app.command("up", rich_help_panel=LOCAL)(up.up)
app.command("down", rich_help_panel=LOCAL)(down.down)
app.command("demo", rich_help_panel=LOCAL)(demo.demo)
app.command("submit", rich_help_panel=DRAWINGS)(submit.submit)
app.command("results", rich_help_panel=DRAWINGS)(results.results)
app.command("show", rich_help_panel=DRAWINGS)(show.show)
app.command("sheets", rich_help_panel=DRAWINGS)(sheets.sheets)
app.command("status", rich_help_panel=OPERATION)(status.status)
app.command("logs", rich_help_panel=OPERATION)(logs.logs)
app.command("invoke", rich_help_panel=OPERATION)(invoke.invoke)
app.command("reconcile", rich_help_panel=OPERATION)(reconcile.reconcile)


if __name__ == "__main__":
    app()
