"""Why a training is not begun."""

from uuid import UUID

from bugflow.core.errors import ConflictError, NotFoundError


class TrainingOpenError(ConflictError):
    """There is one training of a task at a time."""

    def __init__(self, task: str, uuid: UUID) -> None:
        super().__init__(f"The {task} is being learned already (training {uuid}). Wait until that is done.")


class TaskNotReadyError(ConflictError):
    """Something that learning needs is not there; the sentence is the task's own."""


class TrainingNotFoundError(NotFoundError):
    """There is no such training."""

    def __init__(self, uuid: UUID) -> None:
        super().__init__(f"There is no training {uuid}. Choose one of those that are listed.")
