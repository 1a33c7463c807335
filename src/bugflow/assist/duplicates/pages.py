"""The pages of duplicates: while one writes a report, and beside an issue."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from sqlalchemy.orm import Session
from starlette.responses import Response

from bugflow.assist.duplicates.dependencies import Visit, VisitDep
from bugflow.assist.duplicates.errors import OtherwiseMergedError, RejectionNotFoundError
from bugflow.assist.duplicates.page_content import Offer, build_offer, get_named, read_evidence, read_group
from bugflow.assist.duplicates.service import merge_issues, reject_pair, unmerge_issues, withdraw_rejection
from bugflow.assist.duplicates.suggesting import read_draft, read_issue, suggest
from bugflow.assist.duplicates.suggestion_schemas import USUALLY_SUGGESTED, PreviewAsk
from bugflow.core.clock import utc_now
from bugflow.core.errors import BugFlowError, ConflictError, InvalidError, NotFoundError
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.pages import PAGE_DEPENDENCIES
from bugflow.tracker.issues.duplicates import lock_clusters
from bugflow.tracker.issues.errors import RelationExistsError
from bugflow.tracker.issues.forms import problems_by_field, read_body
from bugflow.tracker.issues.queries import find_issue, get_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.web.addresses import local_address
from bugflow.web.forms import FormFields
from bugflow.web.rendering import see_other

router = Router(include_in_schema=False, dependencies=PAGE_DEPENDENCIES)

DRAFT_FIELDS = ("project", "title", "description", "stack_trace", "issue_type", "component")
PAGE, PART = "duplicates/issue.html", "duplicates/part.html"
Form = Mapping[str, str]
Verb = Callable[[Session, Issue, Form, Actor], str | None]
"""Does what a form asks for; returns where to go afterwards, where that is not where the form was."""


@router.get("/report/duplicates")
def show_report_of_part() -> Response:
    """Go to the form that this is a part of."""
    return see_other("/report")


@router.post("/report/duplicates")
def show_for_draft(visit: VisitDep, form: FormFields) -> Response:
    """Show what is like a report that is being written; nothing where it says too little, or something impossible.

    That is not noted in the ledger of predictions: each pause while typing would be another draft, and the page of the
    issue that becomes of it asks again.
    """
    typed = {name: form[name].strip() for name in DRAFT_FIELDS if form.get(name, "").strip()}
    try:
        ask = read_body(PreviewAsk, typed)
        with visit.database.snapshot() as session:
            sought = read_draft(session, visit.actor, ask)
    except (InvalidError, NotFoundError):
        offer = Offer("ready")
    else:
        answer = suggest(visit.duplicates, visit.database, visit.actor, sought, most=ask.most)
        offer = build_offer(visit.duplicates, answer)
    return visit.renderer.render(visit.request, "duplicates/draft.html", offer=offer)


@router.get("/issues/{issue}/duplicates")
def show_duplicates(issue: str, visit: VisitDep, *, kept: bool = False) -> Response:
    """Show what is known of an issue's duplicates, on a page of its own."""
    return _render(visit, issue, kept=kept)


@router.get("/issues/{issue}/duplicates/part")
def show_part(issue: str, visit: VisitDep) -> Response:
    """Show the same as a part of the issue's page."""
    return _render(visit, issue, template=PART)


def _render(
    visit: Visit,
    reference: str,
    *,
    template: str = PAGE,
    error: BugFlowError | None = None,
    typed: str = "",
    kept: bool = False,
) -> Response:
    with visit.database.snapshot() as session:
        issue = get_issue(session, visit.actor, reference)
        group = read_group(session, visit.actor, issue)
        sought = read_issue(session, visit.actor, issue)
    offer = None
    if group.own is None:
        answer = suggest(
            visit.duplicates, visit.database, visit.actor, sought, most=USUALLY_SUGGESTED, ledger=visit.ledger
        )
        offer = build_offer(visit.duplicates, answer)
    return visit.renderer.render(
        visit.request,
        template,
        viewer=visit.actor,
        error=error,
        issue=issue,
        group=group,
        offer=offer,
        typed=typed,
        kept=kept,
        wrong=problems_by_field(error),
        back=f"/issues/{issue.key}{'/' if template == PAGE else '#'}duplicates",
    )


@router.get("/issues/{issue}/duplicates/merge")
@router.get("/issues/{issue}/duplicates/unmerge")
@router.get("/issues/{issue}/duplicates/reject")
@router.get("/issues/{issue}/duplicates/withdraw")
def show_duplicates_of_form(issue: str) -> Response:
    """Go to the page of duplicates: this is the address of a page that a refused form was shown on."""
    return see_other(f"/issues/{issue}/duplicates")


@router.post("/issues/{issue}/duplicates/merge")
def take_merge(issue: str, visit: VisitDep, form: FormFields) -> Response:
    """Close an issue as a duplicate of an older one; said twice is said."""
    return _take(visit, issue, form, merge_named)


@router.post("/issues/{issue}/duplicates/unmerge")
def take_unmerge(issue: str, visit: VisitDep, form: FormFields) -> Response:
    """Let an issue be a duplicate no longer."""
    return _take(visit, issue, form, unmerge_seen)


@router.post("/issues/{issue}/duplicates/reject")
def take_rejection(issue: str, visit: VisitDep, form: FormFields) -> Response:
    """Say that another issue is no duplicate of this one; said twice is said."""
    return _take(visit, issue, form, reject_named)


@router.post("/issues/{issue}/duplicates/withdraw")
def take_withdrawal(issue: str, visit: VisitDep, form: FormFields) -> Response:
    """Take back that another issue is no duplicate; what is taken back already stays so."""
    return _take(visit, issue, form, withdraw_named)


def _take(visit: Visit, reference: str, form: Form, verb: Verb) -> Response:
    """Do what a form asks for; where that is not possible, say why on the page of duplicates."""
    try:
        with visit.database.transaction() as session:
            issue = get_issue(session, visit.actor, reference)
            address = verb(session, issue, form, visit.actor)
            return see_other(address or local_address(form.get("back") or f"/issues/{issue.key}#duplicates"))
    except (ConflictError, InvalidError) as error:
        return _render(visit, reference, error=error, typed=form.get("into", ""))


def merge_named(session: Session, issue: Issue, form: Form, actor: Actor) -> str | None:
    """Merge an issue into the one that a form names."""
    target, evidence = get_named(session, actor, form, "into"), read_evidence(form)
    with suppress(RelationExistsError):  # A second click.
        merge_issues(session, issue, target, evidence=evidence.to_json(), actor=actor, now=utc_now())
    return None


def unmerge_seen(session: Session, issue: Issue, form: Form, actor: Actor) -> str | None:
    """Unmerge an issue, unless it is a duplicate of another one by now than the form was made for.

    Where its status stays as it is, the way leads to a page that says so.

    Raises:
        OtherwiseMergedError: It is.
        BugFlowError: As `unmerge_issues` says.
    """
    present, seen = lock_clusters(session, {issue.id}).get(issue.id), form.get("seen", "")
    if present is not None and seen:
        canonical = find_issue(session, present.target_id)
        if canonical is not None and canonical.key != seen:
            raise OtherwiseMergedError(issue.key, seen)
    done = unmerge_issues(session, issue, actor=actor, now=utc_now())
    return None if done.restored else f"/issues/{issue.key}/duplicates?kept=yes"


def reject_named(session: Session, issue: Issue, form: Form, actor: Actor) -> str | None:
    """Say that the issue that a form names is no duplicate."""
    other, evidence = get_named(session, actor, form, "other"), read_evidence(form)
    reject_pair(session, issue, other, evidence=evidence.to_json(), actor=actor, now=utc_now())
    return None


def withdraw_named(session: Session, issue: Issue, form: Form, actor: Actor) -> str | None:
    """Take back that the issue that a form names is no duplicate."""
    other = get_named(session, actor, form, "other")
    with suppress(RejectionNotFoundError):  # A second click.
        withdraw_rejection(session, issue, other, actor=actor, now=utc_now())
    return None
