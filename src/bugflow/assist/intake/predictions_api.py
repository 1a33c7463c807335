"""What is thought of issues over HTTP, under /api/v1/issues."""

from typing import Annotated

from fastapi import Query

from bugflow.assist.intake.nearby import AskingDep
from bugflow.assist.intake.predicting import predict, read_issue
from bugflow.assist.intake.prediction_schemas import PredictionRead
from bugflow.core.http.dependencies import DatabaseDep
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.issues.queries import get_issue

router = Router(prefix="/issues", tags=["predictions"])


@router.get("/{issue}/predictions")
def read_predictions(
    issue: str,
    database: DatabaseDep,
    asking: AskingDep,
    actor: ActorDep,
    *,
    explain: Annotated[bool, Query(description="Whether reasons are wanted.")] = True,
) -> PredictionRead:
    """Read what the models in use think of an issue, why, and which past bugs are similar."""
    with database.snapshot() as session:
        case = read_issue(session, actor, get_issue(session, actor, issue))
    return predict(asking, case, explain=explain)
