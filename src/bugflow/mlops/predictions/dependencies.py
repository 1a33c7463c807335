"""What endpoints ask for: where what was answered is noted."""

from typing import Annotated, cast

from fastapi import Depends, Request

from bugflow.mlops.predictions.writing import PredictionLog


async def get_prediction_log(request: Request) -> PredictionLog:
    """Return where the application notes what it has answered."""
    return cast("PredictionLog", request.app.state.prediction_log)


PredictionLogDep = Annotated[PredictionLog, Depends(get_prediction_log)]
