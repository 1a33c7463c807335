"""Whether the model in use is worse than when it was judged, so that the one before is to be used again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bugflow.core.storage import Storage
from bugflow.mlops.monitoring.figures import CHAMPION_PART, Share
from bugflow.mlops.monitoring.words import say_share
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.promotion.decisions import find_decision
from bugflow.mlops.promotion.gate import CANDIDATE
from bugflow.mlops.promotion.service import USED
from bugflow.mlops.promotion.tables import ModelChange
from bugflow.mlops.registry.store import find_current
from bugflow.mlops.registry.versions import GLOBAL, ModelType, ModelVersion

LEAST_SETTLED = 20
"""Of fewer sure answers that people have settled nothing is decided."""


@dataclass(frozen=True, kw_only=True)
class RollBackDecision:
    """Whether the version in use is worse than promised, and whether there is something to go back to.

    Attributes:
        version: What is in use; none for what comes with BugFlow.
        since: Since when; none where nobody noted it.
        live: How many of its sure answers since then were right, of those that people have settled.
        promised: What the upper bound of the live precision must reach.
        is_worse: Whether it does not.
        roll_back: Whether to use again what was used before.
        says: Why, in a sentence.
    """

    version: str | None
    since: datetime | None
    live: Share
    promised: float
    is_worse: bool
    roll_back: bool
    says: str


def should_roll_back(
    session: Session, storage: Storage, model_type: ModelType, *, precision: float, scope: str = GLOBAL
) -> RollBackDecision:
    """Return whether to use again what was used before.

    The version in use is worse if the 95 % interval of its live precision where it is sure lies below the one at which
    it was judged; where it was never judged, below the precision that is promised of all.

    Args:
        session: Where predictions and changes are.
        storage: Where versions and their decisions are.
        model_type: What the model finds.
        precision: What is promised of all, in [0, 1].
        scope: For all projects, or the UUID of one.

    Raises:
        ModelDamagedError: What names the version in use cannot be understood.
        StorageUnavailableError: The storage does not answer.
    """
    current = find_current(storage, model_type, scope)
    if current is None:
        says = f"What comes with BugFlow finds the {model_type}, so there is nothing to go back to."
        return RollBackDecision(
            version=None,
            since=None,
            live=Share.of(0, 0),
            promised=precision,
            is_worse=False,
            roll_back=False,
            says=says,
        )
    since = _find_moment(session, current)
    live = _count_settled(session, current, since)
    judged = read_judged_bound(storage, current)
    promised = precision if judged is None else judged
    is_worse = live.total >= LEAST_SETTLED and live.interval is not None and live.interval[1] < promised
    has_before = _find_moment(session, current, verbs=(USED,)) is not None
    return RollBackDecision(
        version=current.name,
        since=since,
        live=live,
        promised=promised,
        is_worse=is_worse,
        roll_back=is_worse and has_before,
        says=_say(current, live, promised, is_worse=is_worse, was_judged=judged is not None, has_before=has_before),
    )


def list_scopes(session: Session, model_type: ModelType) -> Sequence[str]:
    """Return for whom there is or was a model of one's own: all projects, and the UUIDs of those that had one."""
    own = select(ModelChange.scope).where(ModelChange.model_type == model_type, ModelChange.scope != GLOBAL)
    return [GLOBAL, *session.scalars(own.distinct().order_by(ModelChange.scope))]


def read_judged_bound(storage: Storage, version: ModelVersion) -> float | None:
    """Return the lower bound of the precision at which a version was judged; none where it was not, or never sure.

    Of a ranking of duplicates it is that of its flag.
    """
    decision = find_decision(storage, version)
    figures = None if decision is None else decision.figures.get(CANDIDATE)
    return None if figures is None or figures.sure_interval is None else figures.sure_interval[0]


def _find_moment(session: Session, version: ModelVersion, *, verbs: Sequence[str] = ()) -> datetime | None:
    """Return when a version came into use last."""
    found = select(func.max(ModelChange.created_at)).where(
        ModelChange.model_type == version.model_type,
        ModelChange.scope == version.scope,
        ModelChange.version == version.name,
    )
    return session.scalar(found.where(ModelChange.verb.in_(verbs)) if verbs else found)


def _count_settled(session: Session, version: ModelVersion, since: datetime | None) -> Share:
    """Return how many of a version's sure answers in use were right."""
    settled = (
        select(Prediction.outcome, func.count())
        .where(Prediction.field == version.model_type, Prediction.model_version == version.name)
        .where(Prediction.part == CHAMPION_PART, Prediction.band == "sure", Prediction.outcome.is_not(None))
    )
    if since is not None:
        settled = settled.where(Prediction.created_at >= since)
    counts = dict(session.execute(settled.group_by(Prediction.outcome)).all())
    return Share.of(counts.get("right", 0), sum(counts.values()))


def _say(
    version: ModelVersion, live: Share, promised: float, *, is_worse: bool, was_judged: bool, has_before: bool
) -> str:
    if live.total < LEAST_SETTLED:
        return (
            f"People have settled {live.total:,} sure answers of {version.name} since it is in use; "
            f"with {LEAST_SETTLED} it is looked whether it is as good as it was."
        )
    figures = say_share(live, "")
    bar = "when it was judged, it was at least" if was_judged else "promised is"
    figures = f"where it is sure, {figures} are right; {bar} {promised:.1%}"
    if not is_worse:
        return f"{version.name} is as good as it should be: {figures}."
    after = "" if has_before else " What was used before is not known, so somebody has to choose another version."
    return f"{version.name} is worse than it should be: {figures}.{after}"
