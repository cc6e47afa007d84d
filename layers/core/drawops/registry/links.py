"""Links by which a person decides on one model package: signed, for this version only, once, for some days.

The path's last part is `<number>-<token>`. The number says which package the link claims to be about; the
token's signed scope says whether that is so.
"""

import re
from datetime import timedelta

from drawops.labeling.invitations import Invitation, Invitations
from drawops.labeling.problems import unauthorized
from drawops.registry.packages import Package

PATH = "approval/"
_PART = re.compile(r"^([1-9][0-9]{0,8})-(v1\.[A-Za-z0-9_.-]{1,1900})$")
_NOBODY = "holder of the link"


def approval_link(
    package: Package, invitations: Invitations, console_url: str, approver: str, lifetime: timedelta
) -> str:
    """The address of the page on which `approver` decides on a package."""
    token, _ = invitations.issue(
        (approver or _NOBODY)[:64], lifetime=lifetime, scope=scope(package.number), once=True
    )
    return f"{console_url.rstrip('/')}/{PATH}{package.number}-{token}"


def check(part: str, invitations: Invitations) -> tuple[int, Invitation]:
    """The package's number and the person that a link's last part stands for, if it still counts.

    Raises:
        Problem: UNAUTHORIZED: the link was altered, has ended, or was used.
    """
    number, token = _split(part)
    return number, invitations.check(token, scope=scope(number))


def spend(part: str, invitations: Invitations) -> tuple[int, Invitation]:
    """As `check`, and nobody can use the link after this.

    Raises:
        Problem: UNAUTHORIZED: the link was altered, has ended, or was used.
    """
    number, token = _split(part)
    return number, invitations.spend(token, scope=scope(number))


def scope(number: int) -> str:
    """What a link for this package is good for."""
    return f"approve/{number}"


def _split(part: str) -> tuple[int, str]:
    found = _PART.fullmatch(part)
    if found is None:
        raise unauthorized("This link is not complete.")
    return int(found[1]), found[2]
