"""The table of learning tasks."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from bugflow.mlops.registry.versions import TRIAGE_TYPES, ModelType
from bugflow.mlops.training.fields import FieldTask

if TYPE_CHECKING:
    from bugflow.mlops.training.contract import LearningTask

Tasks = Mapping[ModelType, "LearningTask"]


def list_tasks(others: "Iterable[LearningTask]" = ()) -> Tasks:
    """Return every task by what it finds.

    Args:
        others: Those that learn from what the areas above know, such as which issues were merged; the entry points
            hand them in.
    """
    fields: list[LearningTask] = [FieldTask(target) for target in TRIAGE_TYPES]
    return MappingProxyType({task.name: task for task in (*fields, *others)})
