"""The page that shows what is thought of an issue."""

from fastapi import Request
from starlette.responses import Response

from bugflow.assist.intake.nearby import AskingDep
from bugflow.assist.intake.predicting import predict, read_issue
from bugflow.core.http.dependencies import DatabaseDep
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.accounts.pages import PAGE_DEPENDENCIES
from bugflow.tracker.issues.queries import get_issue, view_issue
from bugflow.web.rendering import RendererDep

router = Router(include_in_schema=False, dependencies=PAGE_DEPENDENCIES)


@router.get("/issues/{issue}/predictions")
def show_predictions(
    issue: str,
    request: Request,
    database: DatabaseDep,
    asking: AskingDep,
    actor: ActorDep,
    *,
    renderer: RendererDep,
) -> Response:
    """Show what the models think of an issue, and why."""
    with database.snapshot() as session:
        found = get_issue(session, actor, issue)
        case = read_issue(session, actor, found)
        view = view_issue(session, found)
    named = {"severity": view.severity, "team": view.team, "component": view.component}
    present = {field: entry.name for field, entry in named.items() if entry is not None}
    return renderer.render(
        request,
        "issues/predictions.html",
        viewer=actor,
        issue=found,
        present=present,
        predicted=predict(asking, case, explain=True),
    )
