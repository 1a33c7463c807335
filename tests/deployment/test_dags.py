"""The files for Airflow, as far as they can be read without it: commands that exist, for all that is learned."""

import ast
from pathlib import Path

from bugflow.cli.context import EXIT_CODES
from bugflow.core.errors import ConflictError, InvalidError
from bugflow.mlops.registry.versions import MODEL_TYPES

DAG = ast.parse((Path(__file__).parents[2] / "dags/bugflow_retraining.py").read_text(encoding="utf-8"))


def find_constant(name: str) -> object:
    [value] = [
        node.value
        for node in DAG.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name
    ]
    return ast.literal_eval(value)


def test_every_learning_task_is_trained() -> None:
    assert find_constant("TASKS") == MODEL_TYPES


def test_what_is_skipped_are_the_exit_codes_of_too_little_and_of_somebody_else() -> None:
    assert find_constant("NOT_NOW") == [EXIT_CODES[InvalidError], EXIT_CODES[ConflictError]]
