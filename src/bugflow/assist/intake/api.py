"""The documented short verbs over HTTP."""

from bugflow.assist.duplicates.dependencies import DuplicatesDep
from bugflow.assist.duplicates.suggesting import read_draft as read_duplicate_draft
from bugflow.assist.duplicates.suggesting import suggest
from bugflow.assist.duplicates.suggestion_schemas import PreviewAsk
from bugflow.assist.intake.nearby import AskingDep
from bugflow.assist.intake.predicting import predict, read_draft
from bugflow.assist.intake.prediction_schemas import PredictionAsk, PredictionRead
from bugflow.assist.intake.schemas import BugReport, BugReported, BugUpdate, BugUpdated
from bugflow.assist.intake.service import report_bug, update_bug
from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import DatabaseDep, WriteSession
from bugflow.core.http.routes import Router
from bugflow.mlops.corrections.service import count_corrections
from bugflow.tracker.accounts.actor import require_user_id
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.issues.queries import get_issue

router = Router(tags=["short verbs"])


@router.post("/predict")
def predict_fields(
    body: PredictionAsk,
    database: DatabaseDep,
    asking: AskingDep,
    known: DuplicatesDep,
    actor: ActorDep,
) -> PredictionRead:
    """Predict severity and team of a bug before it is reported, say how sure that is and why; no text is stored."""
    # What may be asked here is not checked a second time, by narrower rules.
    draft = PreviewAsk.model_construct(project=body.project, title=body.title or "", description=body.description)
    with database.snapshot() as session:
        case = read_draft(
            session, actor, description=body.description, project_reference=body.project, title=body.title
        )
        sought = read_duplicate_draft(session, actor, draft) if body.duplicates else None
    prediction = predict(asking, case, explain=body.explain)
    if sought is not None:
        prediction.duplicates = suggest(known, database, actor, sought, most=draft.most, ledger=asking.log)
    return prediction


@router.post("/report_bug")
def report(body: BugReport, session: WriteSession, actor: ActorDep) -> BugReported:
    """Report a bug by its description; severity and team come from a prediction or by hand."""
    issue = report_bug(
        session,
        description=body.description,
        project_reference=body.project,
        severity=body.severity,
        team=body.team,
        assignee=body.assigned_to_id,
        reporter_id=require_user_id(actor),
        actor=actor,
        now=utc_now(),
    )
    return BugReported(id=issue.id, uuid=issue.uuid, key=issue.key)


@router.post("/update_bug")
def update(body: BugUpdate, session: WriteSession, actor: ActorDep) -> BugUpdated:
    """Move a bug through open, in_progress, resolved; project managers correct its severity and team."""
    corrected = update_bug(
        session,
        get_issue(session, actor, body.bug_id),
        status=body.status,
        severity=body.correction_severity,
        team=body.correction_team,
        actor=actor,
        now=utc_now(),
    )
    message = "Bug updated (AI Feedback Recorded)" if corrected else "Bug updated"
    return BugUpdated(message=message, feedback_count=count_corrections(session))
