"""Telling people what was merged into an issue of theirs, settling suggestions, and keeping profiles of issues."""

import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.encoding import AGAIN_SECONDS
from bugflow.assist.duplicates.events import IssuesMerged, IssuesUnmerged, PairRejected, RejectionWithdrawn
from bugflow.assist.duplicates.profiling import TEXT_FIELDS, Backlog, profile_backlog, profile_issue
from bugflow.assist.duplicates.reading import find_latest
from bugflow.assist.duplicates.settling import settle_groups
from bugflow.assist.duplicates.vector_filling import keep_all_vectors
from bugflow.assist.duplicates.vector_search import list_searched
from bugflow.assist.duplicates.vector_tables import MOST_DIMS, VectorPlace, find_problem, is_postgresql, may_create
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.jobs.definition import job
from bugflow.core.jobs.execution import Progress
from bugflow.core.jobs.queue import enqueue, is_pending
from bugflow.ml.contract import Encoder
from bugflow.tracker.issues.duplicates import DUPLICATE_OF
from bugflow.tracker.issues.events import IssueChanged, IssueReported
from bugflow.tracker.issues.queries import find_issue
from bugflow.tracker.issues.tables import Issue, IssueChange
from bugflow.tracker.notifications.audience import keep_those_who_see, list_watcher_ids
from bugflow.tracker.notifications.service import Happening, notify

LONGEST_KEY = 200
QUICK_SECONDS = 5.0
"""What takes longer is left to the long lane."""


@job(on=IssuesMerged)
def tell_of_merge(session: Session, event: IssuesMerged) -> None:
    """Tell those who follow an issue what was merged into it.

    Those who follow the duplicate are told that it has changed, by the tracker itself; who may not see it is told
    nothing.
    """
    _tell(session, event, "is now a duplicate of this")


@job(on=IssuesUnmerged)
def tell_of_unmerge(session: Session, event: IssuesUnmerged) -> None:
    """Tell those who follow an issue what is no longer merged into it."""
    _tell(session, event, "is no longer a duplicate of this")


def _tell(session: Session, event: IssuesMerged | IssuesUnmerged, what: str) -> None:
    source, target = find_issue(session, event.source_id), find_issue(session, event.target_id)
    if source is None or target is None:  # They may have been deleted since.
        return
    followers = set(list_watcher_ids(session, target)) - set(list_watcher_ids(session, source))
    reasons = dict.fromkeys(keep_those_who_see(session, source, followers), "watching")
    happening = Happening(
        kind="changed",
        summary=f"{target.key}: {source.key} {what}",
        event_key=f"duplicates:{event.verdict_id}",
        actor_id=event.actor_id,
    )
    notify(session, target, reasons, happening, now=utc_now())


@job(on=IssueChanged)
def settle_related(session: Session, event: IssueChanged) -> None:
    """Settle what was suggested where an issue became a duplicate, or is one no longer: by a merge or as a relation.

    Its own duplicates, which come along, need no look of their own.
    """
    first = session.get(IssueChange, event.change_id) if DUPLICATE_OF in event.fields else None
    if first is None:
        return
    changes = select(IssueChange.old, IssueChange.new).where(
        IssueChange.issue_id == event.issue_id,
        IssueChange.id >= first.id,
        IssueChange.field == DUPLICATE_OF,
        IssueChange.at == first.at,
    )
    for old, new in session.execute(changes):
        if old is None or new is None:
            named = session.scalar(select(Issue.id).where(Issue.key == (old or new)))
            settle_groups(session, {event.issue_id} if named is None else {event.issue_id, named})


@job(on=PairRejected)
def settle_rejected(session: Session, event: PairRejected) -> None:
    """Settle what was suggested for an issue of which a person said that it is no duplicate of another."""
    settle_groups(session, {event.source_id, event.target_id})


@job(on=RejectionWithdrawn)
def settle_withdrawn(session: Session, event: RejectionWithdrawn) -> None:
    """Settle anew what was suggested for an issue of which somebody no longer says that it is no duplicate."""
    settle_groups(session, {event.source_id, event.target_id})


@job(on=IssueReported)
def profile_reported(database: Database, event: IssueReported, encoder: Encoder | None) -> None:
    """Keep the profile of a new issue, by which it is compared with others."""
    profile_issue(database, event.issue_id, encoder)


@job(on=IssueChanged)
def profile_changed(database: Database, event: IssueChanged, encoder: Encoder | None) -> None:
    """Keep the profile of an issue whose text has changed."""
    if TEXT_FIELDS.intersection(event.fields):
        profile_issue(database, event.issue_id, encoder)


@job(schedule="*/10 * * * *")
def profile_others(database: Database, encoder: Encoder | None, vector_place: VectorPlace = "memory") -> None:
    """Keep the profiles of issues that have none: imported ones, and all after another encoder was chosen.

    Where the database can search vectors, it gets those of all profiles. What takes longer than some seconds is left to
    `profile_many`, so that a look that finds little to do starts no process.
    """
    with database.snapshot() as session:
        if is_pending(session, profile_many):
            return
    if not profile_within(database, encoder, QUICK_SECONDS, vector_place=vector_place):
        with database.transaction() as session:
            if not is_pending(session, profile_many):
                enqueue(session, profile_many, now=utc_now())


@job(long=True)
def profile_many(
    database: Database, encoder: Encoder | None, progress: Progress, vector_place: VectorPlace = "memory"
) -> None:
    """Do what `profile_others` does, however long it takes."""
    started = time.monotonic()

    def tell(backlog: Backlog) -> None:
        rate = backlog.written / max(time.monotonic() - started, 1e-3)
        done = f"{backlog.written} profiles written, {rate:.0f} a second"
        progress(min(backlog.seen / max(backlog.total, 1), 1.0), done)

    profile_backlog(database, encoder, tell=tell)
    if vector_place == "auto":
        keep_all_vectors(database, encoder, tell=lambda done, what: progress(1.0, f"vectors: {what}, {done} written"))


class _TimeIsUpError(Exception):
    """There is more to do than can be done now."""


def profile_within(
    database: Database,
    encoder: Encoder | None,
    seconds: float,
    *,
    vector_place: VectorPlace,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Keep profiles and vectors for about so many seconds; return whether that was all."""
    deadline = clock() + seconds

    def tell(*_: object) -> None:
        if clock() >= deadline:
            raise _TimeIsUpError

    try:
        profile_backlog(database, encoder, tell=tell)
        if vector_place == "auto":
            with database.snapshot() as session:
                if _wants_index(session, encoder):
                    return False
            keep_all_vectors(database, encoder, tell=tell)
    except _TimeIsUpError:
        return False
    return True


def _wants_index(session: Session, encoder: Encoder | None) -> bool:
    """Whether the database could search vectors and cannot yet: building their index takes long."""
    if not is_postgresql(session) or (encoder is not None and encoder.n_dims > MOST_DIMS):
        return False
    latest = find_latest(session)
    if latest is None or latest[1] in list_searched(session):
        return False
    return find_problem(session) is None and may_create(session)


def ask_for_profiles(database: Database, encoder_name: str) -> None:
    """Have the missing profiles written soon, however many processes ask within a minute.

    Not at once: a worker looks once a minute whether there is an encoder by now.
    """
    now = utc_now()
    with database.transaction() as session:
        enqueue(
            session,
            profile_others,
            now=now,
            due_at=now + timedelta(seconds=AGAIN_SECONDS),
            unique_key=f"profile_others@{now:%Y-%m-%dT%H:%M}@{encoder_name}"[:LONGEST_KEY],
        )
