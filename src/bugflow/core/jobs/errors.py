"""What can be wrong about reading and repeating jobs."""

from uuid import UUID

from bugflow.core.errors import ConflictError, NotFoundError


class JobRunNotFoundError(NotFoundError):
    """There is no such job, or it is somebody else's."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__(f"There is no job {run_id}. Finished jobs are forgotten after BUGFLOW_JOB_HISTORY_DAYS.")


class JobNotFailedError(ConflictError):
    """Only a job that has failed can be queued again."""

    def __init__(self, run_id: UUID, state: str) -> None:
        super().__init__(f"Job {run_id} is {state}. Only a job that has failed can be queued again.")
