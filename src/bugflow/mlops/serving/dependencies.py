"""What endpoints ask for: the models of the process."""

from typing import Annotated, cast

from fastapi import Depends, Request

from bugflow.mlops.serving.host import ModelHost


async def get_models(request: Request) -> ModelHost:
    """Return the application's models."""
    return cast("ModelHost", request.app.state.models)


ModelsDep = Annotated[ModelHost, Depends(get_models)]
