"""What the style asks for and no linter measures."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "bugflow"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "versions" not in path.parts)
MAY_COMMIT = {"core/database/engine.py", "core/http/routes.py"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_files_and_functions_stay_short_and_only_the_edge_commits(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 400
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 50, node.name
        if isinstance(node, ast.Attribute) and node.attr in {"commit", "begin"}:
            assert path.relative_to(SOURCE).as_posix() in MAY_COMMIT | {"migrations/schema.py", "migrations/env.py"}
