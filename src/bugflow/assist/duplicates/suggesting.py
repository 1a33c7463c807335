"""Suggests older issues that may be the same bug: read first, thought about without a connection, read again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice

import numpy as np
import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.errors import NothingToCompareError
from bugflow.assist.duplicates.hosting import DuplicateHost
from bugflow.assist.duplicates.known import KnownIssues, Sight, build_fields
from bugflow.assist.duplicates.meanwhile import LOADING, find_meanwhile
from bugflow.assist.duplicates.packing import ProfileDamagedError, read_kept
from bugflow.assist.duplicates.profiling import IssueText
from bugflow.assist.duplicates.queries import list_rejected
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
from bugflow.ml.duplicates.candidates import Candidates, Query, find_candidates
from bugflow.ml.duplicates.features import compute_features
from bugflow.ml.duplicates.index import Filed
from bugflow.ml.duplicates.profiles import Profile, ReadReport, read_report
from bugflow.mlops.switches.queries import is_switched_on
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.queries import IssueView, view_issues, visible_to
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.issues.vocabulary import FINISHED, priority_name
from bugflow.tracker.projects.vocabularies import list_components

log = structlog.get_logger()

MOST_LOOKED_AT = 30
"""Of the best candidates so many are read."""
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
    """

    text: IssueText
    fields: dict[str, str]
    created_at: datetime
    sight: Sight
    left_out: frozenset[int] = frozenset()
    kept: tuple[Profile, str] | None = None
    wanted: bool = True

    @property
    def filed(self) -> Filed:
        """When it was filed, and its fields."""
        return Filed(self.created_at.timestamp(), fields=self.fields)


@dataclass(frozen=True, slots=True)
class Match:
    """The issue of a group that is most like the report.

    Attributes:
        canonical_id: What the whole group is a duplicate of; the issue itself where it is alone.
        meaning: Cosine of the texts; 0 without an encoder.
        frames: How much of the trace is shared, in [0, 1].
    """

    issue_id: int
    canonical_id: int
    probability: float | None
    flagged: bool
    meaning: float
    frames: float


@dataclass(frozen=True, slots=True)
class Thought:
    """What was found before the database is asked again."""

    matches: list[Match] = field(default_factory=list)
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
    return Sought(
        text=IssueText(0, now, title, ask.description, ask.stack_trace),
        fields=build_fields(project.id, component, ask.issue_type, None, actor.user_id),
        created_at=now,
        sight=read_sight(session, actor),
        wanted=is_switched_on(session, "duplicates", project.id),
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
    )


def _find_kept(session: Session, text: IssueText) -> tuple[Profile, str] | None:
    row = session.get(IssueProfile, text.issue_id)
    if row is None or not row.encoder or row.digest != text.digest:
        return None
    try:
        return read_kept(row.profile), row.encoder
    except ProfileDamagedError:
        return None


def suggest(host: DuplicateHost, database: Database, actor: Actor, sought: Sought, *, most: int) -> SuggestionsRead:
    """Return what may be the same bug; call it without a database connection in hand."""
    if not host.options.enabled:
        return SuggestionsRead(ready=False, note=None, suggestions=[])
    if not sought.wanted:
        return SuggestionsRead(ready=False, note=SWITCHED_OFF, suggestions=[])
    host.refresh()
    ready, thought = host.is_ready, Thought()
    note: str | None = LOADING
    if ready:
        profile, asked = _ask(host, database, actor, sought)
        thought = host.search(lambda known: _think(host, known, sought, profile, asked)) or thought
        note = asked.note
    with database.snapshot() as session:
        if not ready:
            found = find_meanwhile(session, actor, sought.text, left_out=sought.left_out)
            thought = Thought([Match(*each, None, flagged=False, meaning=0, frames=0) for each in found])
        numbers = {each for match in thought.matches for each in (match.issue_id, match.canonical_id)}
        issues = list(session.scalars(select(Issue).where(Issue.id.in_(numbers), visible_to(actor)))) if numbers else []
        views = {view.issue.id: view for view in view_issues(session, issues)}
    learned = any(match.probability is not None for match in thought.matches)
    suggestions = (
        _describe(match, views, reasons)
        for match, reasons in _explain(thought, views, sought)
        if learned or not ready or match.meaning >= NEAR or _is_alike(reasons)
    )
    return SuggestionsRead(ready=ready, note=note, suggestions=list(islice(suggestions, most)))


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


def _think(host: DuplicateHost, known: KnownIssues, sought: Sought, profile: Profile, asked: Asked) -> Thought:
    own = known.find_canonical(sought.text.issue_id)
    if known.vectors is None:
        query = _build_query(sought, profile, known)
        found = find_candidates(known.index, query)
    else:
        query, found = asked.choose(known, profile, partial(_build_query, sought, profile))
    if not len(found.rows):
        return Thought()
    matches = _collapse(known, own, sought.left_out, _rank(host, known, query, found))
    return Thought(matches, read_telling(known.index, sought.text.report) if matches else TellingWords())


def _rank(
    host: DuplicateHost, known: KnownIssues, query: Query, found: Candidates
) -> list[tuple[int, float | None, bool, float, float]]:
    """Return issues, the best first: number, probability, whether it is flagged, cosine, shared trace."""
    ids = known.index.identities[found.rows]
    order, probabilities, threshold = np.arange(len(ids)), None, 1.0
    compared = np.count_nonzero(found.meaning) * 2 > len(ids)  # After an import most issues have no vectors yet.
    if not compared:
        query = replace(query, profile=Profile(query.profile.words))
    ranker = host.rankers.choose(with_vectors=bool(compared))
    if ranker is not None:
        try:
            ranking = ranker.rank(compute_features(known.index, query, found))
        except Exception as error:  # noqa: BLE001 -- The edge to a learned model: the order of the search is good, too.
            log.warning("duplicates_not_ranked", error=str(error), kind=type(error).__name__)
        else:
            order, probabilities, threshold = ranking.order, ranking.probabilities, ranker.threshold
    best: list[tuple[int, float | None, bool, float, float]] = []
    for place in order[:MOST_LOOKED_AT]:
        probability = None if probabilities is None else float(probabilities[place])
        if probability is not None and probability < host.options.least_probability:
            continue
        flagged = probability is not None and probability >= threshold and query.filed.is_bug
        best.append((int(ids[place]), probability, flagged, float(found.meaning[place]), float(found.frames[place])))
    return best


def _collapse(
    known: KnownIssues,
    own: int,
    left_out: frozenset[int],
    ranked: Sequence[tuple[int, float | None, bool, float, float]],
) -> list[Match]:
    """Return one match for each group: the best member, and the most probable one's probability."""
    matches: dict[int, Match] = {}
    for issue_id, probability, flagged, meaning, frames in ranked:
        canonical = known.find_canonical(issue_id)
        if canonical != own and canonical not in left_out:
            matches.setdefault(canonical, Match(issue_id, canonical, probability, flagged, meaning, frames))
    if any(match.probability is not None for match in matches.values()):
        return sorted(matches.values(), key=lambda match: -(match.probability or 0))
    return list(matches.values())


def _explain(
    thought: Thought, views: dict[int, IssueView], sought: Sought
) -> Iterable[tuple[Match, list[SharedThing]]]:
    """Yield the matches that the viewer may see, with reasons."""
    for match in thought.matches:
        nearest = views.get(match.issue_id)
        if nearest is None:
            continue
        issue = nearest.issue
        other = Report(issue.title, join_description(issue.description, issue.stack_trace))
        theirs = build_fields(
            issue.project_id, issue.component_id, issue.issue_type, issue.priority_rank, issue.reporter_id
        )
        shared = find_shared(thought.telling, other, with_frames=match.frames > 0)
        yield match, [*shared, *find_agreeing(sought.fields, theirs, _name_values(nearest))]


def _name_values(view: IssueView) -> dict[str, str]:
    names = {"project": view.project.key, "reporter": view.reporter.name}
    if view.component is not None:
        names["component"] = view.component.name
    priority = priority_name(view.issue.priority_rank)
    return names if priority is None else {**names, "priority": priority}


def _describe(match: Match, views: dict[int, IssueView], reasons: Sequence[SharedThing]) -> SuggestionRead:
    nearest = views[match.issue_id].issue
    canonical = views.get(match.canonical_id)
    shown = nearest if canonical is None else canonical.issue
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
