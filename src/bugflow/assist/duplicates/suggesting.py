"""Suggests older issues that may be the same bug: read first, thought about without a connection, read again."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.errors import NothingToCompareError
from bugflow.assist.duplicates.hosting import DuplicateHost
from bugflow.assist.duplicates.known import KnownIssues, Sight, build_fields
from bugflow.assist.duplicates.meanwhile import LOADING, find_meanwhile
from bugflow.assist.duplicates.noting import Said, list_entries, name_draft, name_issue
from bugflow.assist.duplicates.packing import ProfileDamagedError, read_kept
from bugflow.assist.duplicates.profiling import IssueText
from bugflow.assist.duplicates.queries import list_rejected
from bugflow.assist.duplicates.ranking import Match, Ranked, Tried, find_tried, rank_candidates
from bugflow.assist.duplicates.reading import read_sight
from bugflow.assist.duplicates.reasons import (
    SharedThing,
    TellingWords,
    find_agreeing,
    find_shared,
    read_telling,
)
from bugflow.assist.duplicates.suggestion_schemas import (
    PreviewAsk,
    SuggestionRead,
    SuggestionReason,
    SuggestionsRead,
)
from bugflow.assist.duplicates.tables import IssueProfile
from bugflow.assist.duplicates.vector_asking import Asked, Drawn, ask_database
from bugflow.assist.intake.predicting import join_description
from bugflow.assist.intake.service import choose_project
from bugflow.assist.intake.titles import derive_title
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.ml.contract import Report
from bugflow.ml.duplicates.candidates import Query, find_candidates
from bugflow.ml.duplicates.index import Filed
from bugflow.ml.duplicates.profiles import Profile, ReadReport, read_report
from bugflow.mlops.predictions.entries import FULL_TEXT, Subject
from bugflow.mlops.predictions.service import key_of
from bugflow.mlops.predictions.writing import PredictionLog
from bugflow.mlops.switches.queries import is_switched_on
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.queries import IssueView, view_issues, visible_to
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.issues.vocabulary import FINISHED, priority_name
from bugflow.tracker.projects.vocabularies import list_components

UNSEEN_READ = 5
"""So many of the best of a ranking in the shadow are read: the first that the viewer may see is noted."""
NEAR, WORDS_NEEDED = 0.7, 2
"""Without a learned ranking: what texts must at least have in common, a cosine or so many rare words."""
DIGITS = 4
SWITCHED_OFF = "Somebody who may choose models has switched off suggested duplicates."


@dataclass(frozen=True, slots=True)
class Sought:
    """A report for which older ones are sought, and all that the database says about it.

    Attributes:
        text: As it is profiled; its number is 0 where it is no issue yet.
        created_at: What is not older is not suggested.
        left_out: Issues that are not suggested, since people said that they are no duplicates.
        kept: Its profile, and whose vectors that has.
        wanted: Whether suggestions are switched on for its project.
        subject: What the ledger of predictions knows it by; none where nothing is to be noted of it.
        tried: A ranking that is tried and concerns it.
    """

    text: IssueText
    fields: dict[str, str]
    created_at: datetime
    sight: Sight
    left_out: frozenset[int] = frozenset()
    kept: tuple[Profile, str] | None = None
    wanted: bool = True
    subject: Subject | None = None
    tried: Tried | None = None

    @property
    def filed(self) -> Filed:
        """When it was filed, and its fields."""
        return Filed(self.created_at.timestamp(), fields=self.fields)


@dataclass(frozen=True, slots=True)
class Thought:
    """What was found before the database is asked again.

    Attributes:
        ranked: What is shown, and behind it what nobody sees; nothing where there was nothing to compare.
    """

    ranked: Sequence[Ranked] = ()
    telling: TellingWords = field(default_factory=TellingWords)


def read_draft(session: Session, actor: Actor, ask: PreviewAsk) -> Sought:
    """Read what is to be known about a report that is being written.

    Raises:
        NothingToCompareError: It says nothing yet.
        ProjectNeededError: No project is named, and there is more than one.
        ProjectNotFoundError: There is no such project.
    """
    project = choose_project(session, actor, ask.project)
    description = join_description(ask.description, ask.stack_trace)
    title = ask.title or derive_title(description)
    if not title.strip() and not description.strip():
        raise NothingToCompareError
    components = {each.name.lower(): each.id for each in list_components(session, project.id) if ask.component}
    component = components.get((ask.component or "").lower())
    now = utc_now()
    subject = name_draft(actor, project.id, ask.description)
    return Sought(
        text=IssueText(0, now, title, ask.description, ask.stack_trace),
        fields=build_fields(project.id, component, ask.issue_type, None, actor.user_id),
        created_at=now,
        sight=read_sight(session, actor),
        wanted=is_switched_on(session, "duplicates", project.id),
        subject=subject,
        tried=find_tried(session, None if subject is None else subject.draft_key),
    )


def read_issue(session: Session, actor: Actor, issue: Issue) -> Sought:
    """Read what is to be known about an issue."""
    text = IssueText(issue.id, issue.updated_at, issue.title, issue.description, issue.stack_trace)
    return Sought(
        text=text,
        fields=build_fields(
            issue.project_id, issue.component_id, issue.issue_type, issue.priority_rank, issue.reporter_id
        ),
        created_at=issue.created_at,
        sight=read_sight(session, actor),
        left_out=frozenset(list_rejected(session, issue.id)),
        kept=_find_kept(session, text),
        wanted=is_switched_on(session, "duplicates", issue.project_id),
        subject=name_issue(session, issue),
        tried=find_tried(session, key_of(issue) if issue.description.strip() else str(issue.uuid)),
    )


def _find_kept(session: Session, text: IssueText) -> tuple[Profile, str] | None:
    row = session.get(IssueProfile, text.issue_id)
    if row is None or not row.encoder or row.digest != text.digest:
        return None
    try:
        return read_kept(row.profile), row.encoder
    except ProfileDamagedError:
        return None


def suggest(
    host: DuplicateHost,
    database: Database,
    actor: Actor,
    sought: Sought,
    *,
    most: int,
    ledger: PredictionLog | None = None,
) -> SuggestionsRead:
    """Return what may be the same bug; call it without a database connection in hand.

    Args:
        host: The issues in memory.
        database: Where they are.
        actor: Who asks.
        sought: The report.
        most: At most so many are suggested.
        ledger: Where it is noted; without one nothing is, and no ranking in the shadow is asked.
    """
    if not host.options.enabled:
        return SuggestionsRead(ready=False, note=None, suggestions=[])
    if not sought.wanted:
        return SuggestionsRead(ready=False, note=SWITCHED_OFF, suggestions=[])
    started = time.perf_counter()
    host.refresh()
    ready, thought = host.is_ready, Thought()
    is_noted = ledger is not None and sought.subject is not None
    note: str | None = LOADING
    if ready:
        profile, asked = _ask(host, database, actor, sought)
        look = partial(_think, host, sought=sought, profile=profile, asked=asked, thinks_along=is_noted)
        thought = host.search(look) or thought
        note = asked.note
    with database.snapshot() as session:
        if not ready:
            thought = _find_by_full_text(session, actor, sought)
        views = _read_views(session, actor, thought.ranked)
    picked = list(islice(_pick(thought, views, sought, ready=ready), most))
    if ledger is not None and sought.subject is not None and thought.ranked:
        said = _tell(thought.ranked, picked[0][0] if picked else None, views)
        ledger.note(list_entries(sought.subject, said, seconds=time.perf_counter() - started, now=utc_now()))
    return SuggestionsRead(ready=ready, note=note, suggestions=[_describe(*each, views) for each in picked])


def _find_by_full_text(session: Session, actor: Actor, sought: Sought) -> Thought:
    found = find_meanwhile(session, actor, sought.text, left_out=sought.left_out)
    matches = [Match(*each, None, flagged=False, meaning=0, frames=0) for each in found]
    return Thought([Ranked(matches=matches, method=FULL_TEXT)])


def _read_views(session: Session, actor: Actor, ranked: Sequence[Ranked]) -> dict[int, IssueView]:
    """Return the issues that are named, as far as the viewer may see them."""
    named = [match for each in ranked[:1] for match in each.matches]
    named += [match for each in ranked[1:] for match in each.matches[:UNSEEN_READ]]
    numbers = {number for match in named for number in (match.issue_id, match.canonical_id)}
    issues = list(session.scalars(select(Issue).where(Issue.id.in_(numbers), visible_to(actor)))) if numbers else []
    return {view.issue.id: view for view in view_issues(session, issues)}


def _pick(
    thought: Thought, views: dict[int, IssueView], sought: Sought, *, ready: bool
) -> Iterator[tuple[Match, list[SharedThing]]]:
    """Yield what is suggested, with reasons; without a learned ranking only what has much in common with the report."""
    matches = thought.ranked[0].matches if thought.ranked else []
    learned = any(match.probability is not None for match in matches)
    for match, reasons in _explain(matches, thought.telling, views, sought):
        if learned or not ready or match.meaning >= NEAR or _is_alike(reasons):
            yield match, reasons


def _tell(ranked: Sequence[Ranked], best: Match | None, views: dict[int, IssueView]) -> list[Said]:
    """Return what each has said: of what was shown the first suggestion, else the first that the viewer may see."""
    firsts = [best]
    firsts += [next((each for each in one.matches if each.issue_id in views), None) for one in ranked[1:]]
    return [
        Said(one, first, None if first is None else _choose_shown(first, views).issue.key)
        for one, first in zip(ranked, firsts, strict=True)
    ]


def _is_alike(reasons: Sequence[SharedThing]) -> bool:
    """Whether two reports share a trace place or several rare words."""
    kinds = [each.kind for each in reasons]
    return "frame" in kinds or kinds.count("word") >= WORDS_NEEDED


def _ask(host: DuplicateHost, database: Database, actor: Actor, sought: Sought) -> tuple[Profile, Asked]:
    """Return the report's profile, and what the database says where it has the vectors.

    While an encoder makes the report's vectors, issues with the same words are looked for.
    """
    with host.read() as known:
        vectors, encoder_name = (None, "") if known is None else (known.vectors, known.encoder_name)
    kept = sought.kept[0] if sought.kept is not None and sought.kept[1] == encoder_name else None
    read: Profile | ReadReport = kept or read_report(sought.text.report)
    drawing = None
    if vectors is not None:
        drawing = host.begin_search(partial(Drawn.draw, build_query=partial(_build_query, sought, Profile(read.words))))
    profile, note = (read, None) if isinstance(read, Profile) else host.add_vectors(read)
    if vectors is None or drawing is None:
        return profile, Asked(note=note)
    before = sought.created_at if sought.text.issue_id else None
    asked = ask_database(host, database, vectors, profile, drawing, viewer=actor, before=before)
    return profile, replace(asked, note=note or asked.note)


def _build_query(sought: Sought, profile: Profile, known: KnownIssues) -> Query:
    allowed = known.mask(sought.sight)
    own = known.find_canonical(sought.text.issue_id)
    for issue_id in sought.left_out | {sought.text.issue_id, own}:
        row = known.index.find_row(issue_id)
        if row is not None:
            allowed[row] = False
    if profile.text is not None and len(profile.text) != known.n_dims:  # It was loaded anew in between.
        profile = Profile(profile.words)
    return Query(profile, sought.filed, allowed)


def _think(
    host: DuplicateHost, known: KnownIssues, *, sought: Sought, profile: Profile, asked: Asked, thinks_along: bool
) -> Thought:
    own = known.find_canonical(sought.text.issue_id)
    if known.vectors is None:
        query = _build_query(sought, profile, known)
        found = find_candidates(known.index, query)
    else:
        query, found = asked.choose(known, profile, partial(_build_query, sought, profile))
    if not len(found.rows):
        return Thought()
    left_out, tried = sought.left_out | {own}, sought.tried
    ranked = rank_candidates(host, known, query, found, left_out=left_out, tried=tried, thinks_along=thinks_along)
    has_matches = bool(ranked[0].matches)
    return Thought(ranked, read_telling(known.index, sought.text.report) if has_matches else TellingWords())


def _explain(
    matches: Sequence[Match], telling: TellingWords, views: dict[int, IssueView], sought: Sought
) -> Iterable[tuple[Match, list[SharedThing]]]:
    """Yield the matches that the viewer may see, with reasons."""
    for match in matches:
        nearest = views.get(match.issue_id)
        if nearest is None:
            continue
        issue = nearest.issue
        other = Report(issue.title, join_description(issue.description, issue.stack_trace))
        theirs = build_fields(
            issue.project_id, issue.component_id, issue.issue_type, issue.priority_rank, issue.reporter_id
        )
        shared = find_shared(telling, other, with_frames=match.frames > 0)
        yield match, [*shared, *find_agreeing(sought.fields, theirs, _name_values(nearest))]


def _name_values(view: IssueView) -> dict[str, str]:
    names = {"project": view.project.key, "reporter": view.reporter.name}
    if view.component is not None:
        names["component"] = view.component.name
    priority = priority_name(view.issue.priority_rank)
    return names if priority is None else {**names, "priority": priority}


def _choose_shown(match: Match, views: dict[int, IssueView]) -> IssueView:
    """Return the canonical issue, or the nearest where the viewer may not see that."""
    return views.get(match.canonical_id) or views[match.issue_id]


def _describe(match: Match, reasons: Sequence[SharedThing], views: dict[int, IssueView]) -> SuggestionRead:
    nearest = views[match.issue_id].issue
    canonical = views.get(match.canonical_id)
    shown = _choose_shown(match, views).issue
    return SuggestionRead.model_validate(
        {
            "key": shown.key,
            "issue_id": shown.id,
            "title": shown.title,
            "status": shown.status,
            "resolution": shown.resolution,
            "created_at": shown.created_at,
            "canonical": None if canonical is None else canonical.issue.key,
            "nearest": nearest.key,
            "probability": None if match.probability is None else round(match.probability, DIGITS),
            "flagged": match.flagged,
            "label": _label(shown),
            "reasons": [SuggestionReason(kind=each.kind, what=each.what, yours=each.yours) for each in reasons],
        }
    )


def _label(issue: Issue) -> str | None:
    """Return what became of a finished issue: one that was fixed and is reported again may have come back."""
    done = issue.resolved_at or issue.closed_at
    if issue.status not in FINISHED or done is None:
        return None
    said = f"{issue.resolution or issue.status} {done:%Y-%m-%d}"
    return f"{said} — regression?" if issue.resolution == "fixed" else said
