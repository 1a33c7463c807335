"""What endpoints ask for: the issues of the process, ready to be searched for duplicates."""

from typing import Annotated, cast

from fastapi import Depends, Request

from bugflow.assist.duplicates.hosting import DuplicateHost


async def get_duplicates(request: Request) -> DuplicateHost:
    """Return the application's issues in memory."""
    return cast("DuplicateHost", request.app.state.duplicates)


DuplicatesDep = Annotated[DuplicateHost, Depends(get_duplicates)]
