"""Where the project lies: the folder that holds template.yaml."""

import os
from pathlib import Path

from drawops_cli.failures import Failure


def project_root() -> Path:
    """The checkout this command was installed from, else the one around the working directory.

    Raises:
        Failure: neither is one.
    """
    for candidate in (Path(__file__).resolve().parents[2], Path.cwd(), *Path.cwd().parents):
        if (candidate / "template.yaml").is_file() and (candidate / "functions").is_dir():
            return candidate
    raise Failure(
        "This needs the drawops checkout. Change into it (the folder with template.yaml), then try again."
    )


def state_directory(root: Path) -> Path:
    """Where the local cloud keeps everything: DRAWOPS_STATE, else ``.drawops/cloud`` in the project."""
    chosen = os.environ.get("DRAWOPS_STATE")
    return Path(chosen).resolve() if chosen else root / ".drawops" / "cloud"
