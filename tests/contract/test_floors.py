"""Data flows one way: no package imports from a higher floor."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Each floor and what it may import of ours.
FLOORS = {
    "layers/core/drawops": {"drawops"},
    "containers/vision/drawops_vision": {"drawops", "drawops_vision"},
    "console/drawops_console": {"drawops_console"},
    "functions": {"drawops", "drawops_console"},
    "containers/inference": {"drawops", "drawops_vision"},
    "local/drawops_local": {"drawops", "drawops_vision", "drawops_local"},
    "cli/drawops_cli": {"drawops", "drawops_vision", "drawops_local", "drawops_cli"},
}
OURS = {"drawops", "drawops_console", "drawops_vision", "drawops_local", "drawops_cli"}
# The Lambda layer must stay small and quick to import.
HEAVY = {"cv2", "numpy", "onnxruntime", "torch", "paddle", "PIL", "pyvips", "pypdfium2", "shapely"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("floor", FLOORS)
def test_a_package_imports_only_from_its_own_floor_and_below(floor: str) -> None:
    files = list((ROOT / floor).rglob("*.py"))
    assert files
    for path in files:
        assert imports(path) & OURS <= FLOORS[floor], path


@pytest.mark.parametrize("floor", ["layers/core/drawops", "console/drawops_console", "functions"])
def test_no_heavy_library_reaches_a_lambda(floor: str) -> None:
    for path in (ROOT / floor).rglob("*.py"):
        assert not imports(path) & HEAVY, path


def test_no_module_is_called_utils() -> None:
    for floor in FLOORS:
        assert not list((ROOT / floor).rglob("*util*"))
