"""`drawops label invite`."""

from datetime import timedelta
from typing import Annotated

import typer

from drawops_cli.console import err, out, print_json
from drawops_cli.label.access import invitation_link
from drawops_cli.target import Profile, Region, Stack, choose


def invite(
    name: Annotated[str, typer.Argument(help="Who; stands beside everything that person saves.")],
    days: Annotated[int, typer.Option(min=1, max=365, help="The link ends after so many days.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Print a link that lets a person work on the labeling page.

    Whoever has the link is that person: send it as you would send a password.

    \b
    Examples:
        drawops label invite mei
        drawops label invite jan@example.com --days 7
    """
    link = invitation_link(choose(profile, region, stack), name, timedelta(days=days))
    if as_json:
        print_json({"annotator": name, "link": link, "days": days})
        return
    out.print(link, markup=False, soft_wrap=True)
    err.print(f"For {name}, {days} days. Whoever has the link is that person.", markup=False)
