"""Start MiniStack: ``python <this directory>/__main__.py``; settings come from the environment."""

import importlib.util
import os
import sys
from pathlib import Path

_PACKAGE = "drawops_ministack"


def _load_package() -> None:
    """Make this directory importable under its own name, whatever directory it lies in.

    Started by path, Python puts this directory in front of sys.path, where a module called `journal`
    could shadow somebody else's; Lambda functions must not see these modules at all.
    """
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, here / "__init__.py", submodule_search_locations=[str(here)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    _load_package()
    os.environ.pop("PYTHONPATH", None)
    importlib.import_module(f"{_PACKAGE}.launcher").main()
