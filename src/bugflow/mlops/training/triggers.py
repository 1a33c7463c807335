"""When a task is trained without anybody asking: what has happened since it learned last."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from sqlalchemy.orm import Session

from bugflow.core.settings import Settings
from bugflow.mlops.training.queries import find_latest, find_latest_learned, find_open
from bugflow.mlops.training.tables import Training
from bugflow.mlops.training.voices import describe_voices

if TYPE_CHECKING:
    from bugflow.mlops.training.contract import LearningTask

CORRECTIONS, AGE, GROWTH, DRIFT, WEEKLY = "corrections", "age", "growth", "drift", "weekly"
PAUSE = timedelta(days=1)
"""After a training that failed for what it was given, such as too few labels, none begins by itself for so long."""

DRIFT_PAUSE = timedelta(days=7)
"""An alarm goes on sounding while the new model is tried: it starts no other training for so long."""


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How an installation trains by itself.

    Attributes:
        corrections: So many new ones start a training.
        age: So old may a model become, where there is anything new.
        growth: So much more labelled issues start a training, as a share of those it learned from.
    """

    is_on: bool = True
    corrections: int = 50
    age: timedelta = timedelta(days=30)
    growth: float = 0.2

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the habits of the settings."""
        return cls(
            is_on=settings.retraining,
            corrections=settings.retraining_corrections,
            age=timedelta(days=settings.retraining_days),
            growth=settings.retraining_growth,
        )


@dataclass(frozen=True)
class Trigger:
    """What starts a training, and why in a sentence."""

    kind: str
    says: str


def find_trigger(
    session: Session,
    task: "LearningTask",
    scope: str,
    habits: Habits,
    *,
    now: datetime,
    alarms: Sequence[str] = (),
    is_weekly: bool = False,
) -> Trigger | None:
    """Return why a task is to be trained now; none where it is not.

    Args:
        session: Of the database.
        task: Which.
        scope: For all projects, or the UUID of one.
        habits: Of the installation.
        now: The moment.
        alarms: What monitoring says of drift, in sentences.
        is_weekly: Whether it is the hour at which everything new is learned.
    """
    if not habits.is_on or find_open(session, task.name, scope) is not None or _rests(session, task, scope, now):
        return None
    n_labelled = task.count_labelled(session, scope)
    if n_labelled < task.least_labelled:
        return None
    latest = find_latest_learned(session, task.name, scope)
    since = latest.as_of if latest is not None else datetime.min.replace(tzinfo=now.tzinfo)
    news, voices = task.count_news(session, scope, since), describe_voices(task.list_voices(session, scope, since))
    found = _list_triggers(
        task, latest, habits, news, n_labelled, now=now, voices=voices, alarms=alarms, is_weekly=is_weekly
    )
    return next(found, None)


def _rests(session: Session, task: "LearningTask", scope: str, now: datetime) -> bool:
    latest = find_latest(session, task.name, scope)
    return latest is not None and latest.state == "failed" and now - latest.created_at < PAUSE


def _list_triggers(
    task: "LearningTask",
    latest: Training | None,
    habits: Habits,
    news: int,
    n_labelled: int,
    *,
    now: datetime,
    voices: str,
    alarms: Sequence[str],
    is_weekly: bool,
) -> Iterator[Trigger]:
    if news >= habits.corrections:
        since = "" if latest is None else " since it was learned last"
        says = f"People have corrected or confirmed the {task.name} {news:,} times{since}: {voices}."
        yield Trigger(CORRECTIONS, says)
    if latest is None:
        if is_weekly:
            yield Trigger(WEEKLY, f"It is learned for the first time, from {n_labelled:,} issues.")
        return
    learned = latest.n_labelled or 0
    more = max(n_labelled - learned, 0)
    if more and n_labelled >= learned * (1 + habits.growth):
        yield Trigger(GROWTH, f"{n_labelled:,} issues have a {task.name} now; it was learned from {learned:,}.")
    if not news and not more:
        return
    if now - latest.as_of >= habits.age:
        days = (now - latest.as_of).days
        yield Trigger(AGE, f"It was learned {days} days ago, and people have said something new since.")
    if alarms and now - latest.as_of >= DRIFT_PAUSE:
        yield Trigger(DRIFT, " ".join(alarms))
    if is_weekly:
        yield Trigger(WEEKLY, f"{news:,} corrections and {more:,} labelled issues are new.")
