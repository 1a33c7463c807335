"""What the pages of duplicates show: what belongs together, who said so and why, and what else may belong to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.hosting import DuplicateHost
from bugflow.assist.duplicates.queries import list_rejected_issues
from bugflow.assist.duplicates.schemas import Evidence
from bugflow.assist.duplicates.service import MERGING
from bugflow.assist.duplicates.suggesting import SWITCHED_OFF
from bugflow.assist.duplicates.suggestion_schemas import SuggestionRead, SuggestionsRead
from bugflow.assist.duplicates.tables import DuplicateVerdict
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.clusters import view_cluster
from bugflow.tracker.issues.duplicates import list_links
from bugflow.tracker.issues.errors import FieldValueError, IssueNotFoundError
from bugflow.tracker.issues.permissions import may_change
from bugflow.tracker.issues.queries import get_issue, visible_to
from bugflow.tracker.issues.tables import Issue, IssueRelation

MOST_LISTED = 100
DAMAGED = "The form is damaged. Load the page again."


@dataclass(frozen=True)
class Candidate:
    """A suggestion, and the evidence that a form sends back where a person decides because of it."""

    suggestion: SuggestionRead
    evidence: str


@dataclass(frozen=True)
class Offer:
    """What may be the same bug.

    Attributes:
        state: Whether issues are in memory, are being loaded, or are not to be.
        note: Why only words were compared, or only few issues, where that is so.
    """

    state: Literal["ready", "loading", "off"]
    note: str | None = None
    candidates: Sequence[Candidate] = ()


@dataclass(frozen=True)
class MergedIssue:
    """A duplicate, and what is known of how it became one.

    Attributes:
        by_merge: Whether it was merged here; otherwise it was only related, or came with an import.
        author: Who said so, as far as that is known.
        named: The issue that was named then, where that is another one than the canonical.
        evidence: What they saw; none where there was nothing, or one may not see the issue that was named.
    """

    issue: Issue
    at: datetime
    by_merge: bool
    author: str | None
    named: Issue | None
    evidence: Evidence | None
    may_unmerge: bool


@dataclass(frozen=True)
class Group:
    """An issue among those that are the same bug.

    Attributes:
        own: What is known of the issue itself, where it is a duplicate.
        canonical: What it is a duplicate of; none where it is no duplicate, or one may not see that.
        duplicates: What is merged into it, oldest first, at most so many as a page lists.
        left: How many more there are.
        rejected: Issues that somebody said are no duplicates of it, each with whether one may take that back.
        may_merge: Whether the viewer may merge it, and reject what is suggested.
    """

    issue: Issue
    own: MergedIssue | None
    canonical: Issue | None
    duplicates: Sequence[MergedIssue]
    left: int
    rejected: Sequence[tuple[Issue, bool]]
    may_merge: bool


def build_offer(host: DuplicateHost, answer: SuggestionsRead) -> Offer:
    """Return suggestions as pages show them."""
    if not host.options.enabled:
        return Offer("off")
    if answer.note == SWITCHED_OFF:
        return Offer("off", answer.note)
    candidates = [Candidate(each, _write_evidence(each)) for each in answer.suggestions]
    return Offer("ready" if answer.ready else "loading", answer.note, candidates)


def _write_evidence(suggestion: SuggestionRead) -> str:
    reasons = [each.model_dump(exclude_none=True) for each in suggestion.reasons]
    plain = {"reasons": reasons} | ({} if suggestion.probability is None else {"probability": suggestion.probability})
    return Evidence.model_validate(plain).model_dump_json(exclude_unset=True)


def read_evidence(form: Mapping[str, str]) -> Evidence:
    """Return the evidence that a form sends back.

    Raises:
        FieldValueError: It is none.
    """
    try:
        return Evidence.model_validate_json(form.get("evidence") or "{}")
    except ValidationError as error:
        raise FieldValueError("evidence", DAMAGED) from error


def get_named(session: Session, viewer: Actor, form: Mapping[str, str], field: str) -> Issue:
    """Return the other issue that a form names.

    Raises:
        FieldValueError: It names none, or one that does not exist or is not visible.
    """
    named = form.get(field, "").strip()
    if not named:
        raise FieldValueError(field, "Name the other issue, such as WEB-7 or #7.")
    try:
        return get_issue(session, viewer, named)
    except IssueNotFoundError as error:
        raise FieldValueError(field, str(error)) from error


def may_merge(viewer: Actor, issue: Issue) -> bool:
    """Whether a viewer may merge an issue."""
    return viewer.user_id is not None and may_change(issue, MERGING, actor=viewer)


def read_group(session: Session, viewer: Actor, issue: Issue) -> Group:
    """Return what an issue belongs to, as far as the viewer may see it."""
    links = list_links(session, {issue.id})
    cluster = view_cluster(session, viewer, issue)
    is_duplicate = issue.id in links
    others = [] if is_duplicate else [each for each in cluster.duplicates if each.id in links]
    shown = [issue] if is_duplicate else others[:MOST_LISTED]
    merged = _describe_merged(session, viewer, shown, links)
    mine = may_merge(viewer, issue)
    return Group(
        issue=issue,
        own=merged[0] if is_duplicate else None,
        canonical=cluster.canonical if is_duplicate else None,
        duplicates=[] if is_duplicate else merged,
        left=len(others) - len(shown) if not is_duplicate else 0,
        rejected=[
            (each, mine or may_merge(viewer, each))
            for each in list_rejected_issues(session, viewer, issue)[:MOST_LISTED]
        ],
        may_merge=mine,
    )


def _describe_merged(
    session: Session, viewer: Actor, shown: Sequence[Issue], links: Mapping[int, IssueRelation]
) -> list[MergedIssue]:
    merges = _list_merges(session, [each.id for each in shown])
    found = [(each, links[each.id], merges.get((each.id, links[each.id].created_at))) for each in shown]
    people = {merge.author_id if merge else link.created_by_id for _, link, merge in found}
    numbers = {merge.target_id for _, _, merge in found if merge}
    rows = session.execute(select(User.id, User.name).where(User.id.in_(people - {None})))
    names: dict[int | None, str] = {row.id: row.name for row in rows}
    named = {each.id: each for each in session.scalars(select(Issue).where(Issue.id.in_(numbers), visible_to(viewer)))}
    described = []
    for issue, link, merge in found:
        target = named.get(merge.target_id) if merge else None
        author_id = merge.author_id if merge else link.created_by_id
        described.append(
            MergedIssue(
                issue=issue,
                at=link.created_at,
                by_merge=merge is not None,
                author=names.get(author_id),
                named=target if target is not None and target.id != link.target_id else None,
                evidence=_read_kept(merge) if merge is not None and target is not None else None,
                may_unmerge=may_merge(viewer, issue),
            )
        )
    return described


def _list_merges(session: Session, numbers: Sequence[int]) -> dict[tuple[int, datetime], DuplicateVerdict]:
    """Return merges by their duplicate and moment, as `queries.find_merge` does for one."""
    said = select(DuplicateVerdict).where(DuplicateVerdict.verdict == "merged", DuplicateVerdict.source_id.in_(numbers))
    rows = session.scalars(said.order_by(DuplicateVerdict.id))
    return {(row.source_id, row.created_at): row for row in rows}


def _read_kept(merge: DuplicateVerdict) -> Evidence | None:
    """Return the evidence of a merge, where there was some; the ledger may be older than the shape it has now."""
    try:
        evidence = Evidence.model_validate(merge.evidence)
    except ValidationError:
        return None
    return evidence if evidence.reasons or evidence.probability is not None else None
