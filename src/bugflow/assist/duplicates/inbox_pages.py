"""The page of the inbox, on which one decides issue by issue."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from bugflow.assist.duplicates.dependencies import Visit, VisitDep
from bugflow.assist.duplicates.errors import NothingToUndoError
from bugflow.assist.duplicates.inbox import MOST_COUNTED, find_done, find_last, read_inbox, undo_verdict
from bugflow.assist.duplicates.page_content import build_offer, get_named, may_merge
from bugflow.assist.duplicates.pages import Form, Verb, merge_named, reject_named
from bugflow.assist.duplicates.suggesting import read_issue, suggest
from bugflow.assist.duplicates.suggestion_schemas import USUALLY_SUGGESTED
from bugflow.core.clock import utc_now
from bugflow.core.errors import BugFlowError, ConflictError, InvalidError, NotFoundError
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.pages import PAGE_DEPENDENCIES
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.issues.errors import IssueNotFoundError
from bugflow.tracker.issues.forms import is_number
from bugflow.tracker.issues.queries import LARGEST_NUMBER, get_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.web.forms import FormFields
from bugflow.web.rendering import see_other

router = Router(include_in_schema=False, dependencies=PAGE_DEPENDENCIES)

LONGEST_REFERENCE = 60


@router.get("/inbox")
def show_inbox(
    visit: VisitDep,
    at: Annotated[str, Query(max_length=LONGEST_REFERENCE)] = "",
    done: Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER)] = None,
) -> Response:
    """Show the issues that wait for somebody, and one of them with what it may be a duplicate of."""
    return _render(visit, at, done=done)


def _render(visit: Visit, at: str, *, done: int | None = None, error: BugFlowError | None = None) -> Response:
    visit.actor.require(Permission.WORK_ON_OWN_ISSUES)
    with visit.database.snapshot() as session:
        wanted = _find(session, visit.actor, at)
        inbox = read_inbox(session, visit.actor, wanted)
        said = find_done(session, visit.actor, done)
        current = inbox.current.issue if inbox.current else None
        sought = read_issue(session, visit.actor, current) if current else None
    offer = None
    if sought is not None:
        answer = suggest(
            visit.duplicates, visit.database, visit.actor, sought, most=USUALLY_SUGGESTED, ledger=visit.ledger
        )
        offer = build_offer(visit.duplicates, answer)
    is_gone = wanted is None or (inbox.is_gone and (said is None or said.source != wanted.key))
    return visit.renderer.render(
        visit.request,
        "duplicates/inbox.html",
        viewer=visit.actor,
        error=error,
        inbox=inbox,
        offer=offer,
        may_merge=current is not None and may_merge(visit.actor, current),
        said=said,
        gone=at if at and is_gone and not error else None,
        most=MOST_COUNTED,
    )


def _find(session: Session, viewer: Actor, reference: str) -> Issue | None:
    try:
        return get_issue(session, viewer, reference) if reference else None
    except IssueNotFoundError:
        return None


@router.get("/inbox/merge")
@router.get("/inbox/reject")
@router.get("/inbox/undo")
def show_inbox_of_form() -> Response:
    """Go to the inbox: this is the address of a page that a refused form was shown on."""
    return see_other("/inbox")


@router.post("/inbox/merge")
def take_merge(visit: VisitDep, form: FormFields) -> Response:
    """Close an issue as a duplicate of an older one, and go on to the next."""
    return _take(visit, form, merge_named, "into")


@router.post("/inbox/reject")
def take_rejection(visit: VisitDep, form: FormFields) -> Response:
    """Say that another issue is no duplicate of this one, and stay with it."""
    return _take(visit, form, reject_named, "other")


def _take(visit: Visit, form: Form, verb: Verb, field: str) -> Response:
    reference = form.get("issue", "")[:LONGEST_REFERENCE]
    try:
        with visit.database.transaction() as session:
            issue = get_issue(session, visit.actor, reference)
            verb(session, issue, form, visit.actor)
            session.flush()
            last = find_last(session, visit.actor, issue, get_named(session, visit.actor, form, field))
            return see_other(f"/inbox?{urlencode({'at': issue.key} | ({'done': last} if last else {}))}")
    except (ConflictError, InvalidError, NotFoundError) as error:
        return _render(visit, reference, error=error)


@router.post("/inbox/undo")
def take_undo(visit: VisitDep, form: FormFields) -> Response:
    """Take back what one has said last."""
    said, at = form.get("verdict", ""), form.get("at", "")[:LONGEST_REFERENCE]
    try:
        number = int(said) if is_number(said) else 0
        if not 0 < number <= LARGEST_NUMBER:
            raise NothingToUndoError
        with visit.database.transaction() as session:
            issue = undo_verdict(session, number, actor=visit.actor, now=utc_now())
            return see_other(f"/inbox?{urlencode({'at': issue.key, 'done': number})}")
    except (ConflictError, InvalidError, NotFoundError) as error:
        return _render(visit, at, error=error)
