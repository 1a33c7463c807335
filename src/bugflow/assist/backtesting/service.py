"""Telling a project's past once more, for its fields and its duplicates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from bugflow import __version__
from bugflow.assist.duplicates.backtesting import DuplicateResult, backtest_duplicates
from bugflow.mlops.backtesting.replaying import ReplayOptions, replay_field
from bugflow.mlops.backtesting.results import FieldResult, SkippedField
from bugflow.mlops.backtesting.stream import FiledIssue, read_stream
from bugflow.mlops.backtesting.used import find_used
from bugflow.mlops.registry.versions import TRIAGE_TYPES, TriageType
from bugflow.mlops.training.contract import Surroundings
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.projects.queries import get_project
from bugflow.tracker.projects.tables import Project
from bugflow.tracker.search.language import parse_query

DUPLICATES_SHARE = 0.3
"""Of all work, for the progress that is told."""

Tell = Callable[[float, str], None]
"""Called with the share of the work that is done, in [0, 1], and what is done next."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be told again.

    Attributes:
        project: The project's key, name or UUID.
        query: Which of its issues, in the language of the search; duplicates are looked for among all.
    """

    project: str
    fields: tuple[TriageType, ...] = TRIAGE_TYPES
    duplicates: bool = True
    query: str = ""
    options: ReplayOptions = field(default_factory=ReplayOptions)


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """What came of it.

    Attributes:
        issues: How many issues of the project were read.
        undocumented: Of so many the changes are not known.
        with_encoder: Whether there were vectors; without, models learn from words alone.
        duplicates: None where they were not wanted, or there is nothing to compare.
    """

    project: str
    query: str
    made_at: datetime
    bugflow: str
    issues: int
    undocumented: int
    with_encoder: bool
    options: ReplayOptions
    fields: tuple[FieldResult, ...]
    skipped: tuple[SkippedField, ...]
    duplicates: DuplicateResult | None


BACKTEST: TypeAdapter[Backtest] = TypeAdapter(Backtest)
"""From and to JSON."""


def read_order(project: str, wish: Mapping[str, Any]) -> Order:
    """Return the order of what somebody wished over HTTP.

    Args:
        project: Its UUID.
        wish: The values of a `BacktestWish`.
    """
    options = ReplayOptions(last=wish["last"], blocks=wish["blocks"])
    fields = tuple(each for each in TRIAGE_TYPES if each in wish["fields"])
    return Order(project=project, fields=fields, duplicates=wish["duplicates"], query=wish["query"], options=options)


def run_backtest(
    order: Order, around: Surroundings, viewer: Actor, *, now: datetime, tell: Tell = lambda _done, _note: None
) -> Backtest:
    """Return what models would have said of a project's newest issues when these were filed; nothing is changed.

    Raises:
        ProjectNotFoundError: There is no such project, or the viewer may not see it.
        QuerySyntaxError: The query cannot be understood.
        UnknownBackendError: There is no such back-end.
        ModelDamagedError: The model in use is not what was published.
        StorageUnavailableError: The storage does not answer.
    """
    project = _require_sound(order, around, viewer)
    tell(0.0, "Reading issues")
    issues = read_stream(around.database, viewer, join_queries(project.key, order.query))
    share = (1 - DUPLICATES_SHARE if order.duplicates else 1.0) / max(len(order.fields), 1)
    told = [
        _replay(target, issues, order, around, scope=str(project.uuid), tell=_scale(tell, number * share, share))
        for number, target in enumerate(order.fields)
    ]
    duplicates = None
    if order.duplicates:
        duplicates = backtest_duplicates(
            around.database,
            around.encoder,
            project=project.key,
            last=order.options.last,
            blocks=order.options.blocks,
            tell=_scale(tell, 1 - DUPLICATES_SHARE, DUPLICATES_SHARE),
        )
    tell(1.0, "Done")
    return Backtest(
        project=project.key,
        query=order.query,
        made_at=now,
        bugflow=__version__,
        issues=len(issues),
        undocumented=sum(not each.is_documented for each in issues),
        with_encoder=around.encoder is not None,
        options=order.options,
        fields=tuple(each for each in told if isinstance(each, FieldResult)),
        skipped=tuple(each for each in told if isinstance(each, SkippedField)),
        duplicates=duplicates,
    )


def join_queries(project_key: str, query: str) -> str:
    """Return the query for what another one asks for among a project's issues."""
    return f"project:{project_key} ({query})" if query.strip() else f"project:{project_key}"


def _require_sound(order: Order, around: Surroundings, viewer: Actor) -> Project:
    """Return the project; refuse before minutes of work what could not be done in them."""
    with around.database.snapshot() as session:
        project = get_project(session, viewer, order.project)
    parse_query(order.query)  # By itself: a parenthesis too many would ask for other projects.
    return project


def _replay(
    target: TriageType,
    issues: list[FiledIssue],
    order: Order,
    around: Surroundings,
    *,
    scope: str,
    tell: Tell,
) -> FieldResult | SkippedField:
    used = find_used(around, target, scope)
    return replay_field(target, issues, order.options, encoder=around.encoder, used=used, tell=tell)


def _scale(tell: Tell, start: float, share: float) -> Tell:
    """Return what tells the progress of a part as that of the whole."""
    return lambda done, note: tell(start + share * done, note)
