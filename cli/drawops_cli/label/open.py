"""`drawops label open`."""

import webbrowser
from datetime import timedelta
from typing import Annotated

import typer

from drawops_cli.console import err, out
from drawops_cli.label.access import invitation_link, own_name
from drawops_cli.target import Profile, Region, Stack, choose


def open_page(
    name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Work under this name (default: yours).")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open it in the browser; else only print the link.")] = True,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Open the labeling page in your browser.

    \b
    Examples:
        drawops label open
        drawops label open --as mei --no-browser
    """
    name = name or own_name()
    link = invitation_link(choose(profile, region, stack), name, timedelta(days=1))
    out.print(link, markup=False, soft_wrap=True)
    if browser and not webbrowser.open(link):
        err.print("No browser could be started here; open the link yourself.")
