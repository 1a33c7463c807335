"""What endpoints and pages of trainings need beside the database: the tasks, and whether one can be learned."""

from typing import Annotated, cast

from fastapi import Depends, Request

from bugflow.core.http.dependencies import SettingsDep
from bugflow.core.settings import Settings
from bugflow.mlops.registry.versions import ModelType
from bugflow.mlops.tasks import Tasks
from bugflow.mlops.training.service import require_ready


async def find_tasks(request: Request) -> Tasks:
    """Return the learning tasks of the application."""
    return cast("Tasks", request.app.state.learning_tasks)


TasksDep = Annotated[Tasks, Depends(find_tasks)]


class Readiness:
    """What a server knows of whether tasks can be learned now.

    Its own worker has its settings and its machine. With a broker, workers may be elsewhere and have what this machine
    lacks, so nothing is refused then.
    """

    def __init__(self, tasks: TasksDep, settings: SettingsDep) -> None:
        self._tasks: Tasks = tasks
        self._settings: Settings = settings

    @property
    def knows_workers(self) -> bool:
        """Whether what is learned is learned on this machine."""
        return not self._settings.broker_url

    def require(self, name: ModelType) -> None:
        """Refuse to order what could not be learned.

        Raises:
            TaskNotReadyError: Something is missing, and there is no other worker that may have it.
        """
        if self.knows_workers:
            require_ready(self._tasks[name])


ReadinessDep = Annotated[Readiness, Depends(Readiness)]
