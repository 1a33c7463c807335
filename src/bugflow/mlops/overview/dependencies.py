"""What the pages of models need beside the database."""

from typing import Annotated, cast

from fastapi import Depends, Request

from bugflow.mlops.tasks import Tasks


async def find_tasks(request: Request) -> Tasks:
    """Return the learning tasks of the application."""
    return cast("Tasks", request.app.state.learning_tasks)


TasksDep = Annotated[Tasks, Depends(find_tasks)]
