"""What a trial has shown so far, and so whether its version goes on, waits or is dropped."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import numpy as np
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from bugflow.ml.evaluation import compare_paired_means
from bugflow.mlops.predictions.entries import IN_PLACE_OF_RANKING
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.promotion.gate import WRONG_COSTS
from bugflow.mlops.promotion.policy import Policy
from bugflow.mlops.promotion.tables import ModelTrial
from bugflow.mlops.registry.versions import DUPLICATES, GLOBAL
from bugflow.tracker.projects.tables import Project

CHANCE = 0.05
"""A difference less probable than this by chance alone counts."""
MOST_PAIRS = 5_000
SURE, RIGHT = "sure", "right"


@dataclass(frozen=True)
class Review:
    """What is to become of a trial, why, and what was counted."""

    decision: Literal["wait", "go on", "drop"]
    says: str
    figures: dict[str, Any]


def review_trial(session: Session, trial: ModelTrial, policy: Policy, *, now: datetime) -> Review:
    """Return what a trial has shown so far."""
    if trial.stage == "shadow":
        return _review_shadow(session, trial, policy, now=now)
    return _review_sides(session, trial, policy, now=now)


def _review_shadow(session: Session, trial: ModelTrial, policy: Policy, *, now: datetime) -> Review:
    """Compare what both said of the same issues: a version is dropped where its sure answers were worth less."""
    own, other = _count_thoughts(session, trial, "shadow"), _count_thoughts(session, trial, "champion")
    what = "issues" if trial.model_type == DUPLICATES else "new issues"  # Of older ones duplicates are suggested, too.
    worths = _read_worths(session, trial)
    figures: dict[str, Any] = {"issues": own, "issues_of_model_in_use": other, "settled": len(worths)}
    is_over = own >= policy.shadow_issues or now - trial.started_at >= policy.shadow_time
    if own == 0 and other >= policy.shadow_issues:
        says = f"It has answered for none of {other:,} {what}: it cannot be asked."
        return Review("drop", says, figures)
    said = f"In the shadow it thought about {own:,} {what}"
    if len(worths):
        mean, rival = (float(each) for each in worths.mean(axis=0))
        chance = compare_paired_means(worths[:, 0], worths[:, 1])
        figures |= {"worth": mean, "worth_of_model_in_use": rival, "chance": chance}
        said += (
            f"; people settled {len(worths):,} of them, and its sure answers were worth {mean:+.3f} each, those of the "
            f"model in use {rival:+.3f} (by chance alone with a probability of {chance:.2g})"
        )
        if mean < rival and chance < CHANCE:
            return Review("drop", f"{said}. So it is dropped.", figures)
    return Review("go on" if is_over else "wait", f"{said}. Nothing speaks against it.", figures)


def _review_sides(session: Session, trial: ModelTrial, policy: Policy, *, now: datetime) -> Review:
    """Compare what people made of the answers of either side."""
    from scipy.stats import fisher_exact  # noqa: PLC0415 -- A second and 60 MB, which few processes need.

    right, n_settled = _count_settled(session, trial, "ab")
    other_right, n_other = _count_settled(session, trial, "champion")
    figures: dict[str, Any] = {
        "settled": n_settled,
        "right": right,
        "settled_of_model_in_use": n_other,
        "right_of_model_in_use": other_right,
    }
    is_over = min(n_settled, n_other) >= policy.ab_issues or now - trial.started_at >= policy.ab_time
    said = (
        f"Side by side, people took {right:,} of its {n_settled:,} answers that they settled, and {other_right:,} of "
        f"{n_other:,} of the model in use"
    )
    if n_settled and n_other:
        table = [[right, n_settled - right], [other_right, n_other - other_right]]
        chance = float(fisher_exact(table).pvalue)
        figures["chance"] = chance
        said += f" (by chance alone with a probability of {chance:.2g})"
        if right / n_settled < other_right / n_other and chance < CHANCE:
            return Review("drop", f"{said}. So it is dropped.", figures)
    return Review("go on" if is_over else "wait", f"{said}.", figures)


def _count_thoughts(session: Session, trial: ModelTrial, part: str) -> int:
    statement = select(func.count(func.distinct(Prediction.issue_id))).where(
        *_of_side(trial, part), Prediction.issue_id.is_not(None)
    )
    return session.scalar(statement) or 0


def _read_worths(session: Session, trial: ModelTrial) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return what both said of the latest settled issues is worth; shape (issues, 2), that of the trial first."""
    own, other = aliased(Prediction), aliased(Prediction)
    statement = (
        select(own.band, own.outcome, other.band, other.outcome)
        .join(other, (other.issue_id == own.issue_id) & (other.field == own.field))
        .where(
            *_of_side(trial, "shadow", own),
            *_of_side(trial, "champion", other),
            own.outcome.is_not(None),
            other.outcome.is_not(None),
        )
        .order_by(own.id.desc())
        .limit(MOST_PAIRS)
    )
    rows = [(_weigh(*row[:2]), _weigh(*row[2:])) for row in session.execute(statement)]
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def _weigh(band: str, outcome: str | None) -> float:
    if band != SURE:
        return 0.0
    return 1.0 if outcome == RIGHT else -WRONG_COSTS


def _count_settled(session: Session, trial: ModelTrial, part: str) -> tuple[int, int]:
    """Return how many shown answers of a side were right, and how many were settled."""
    statement = (
        select(Prediction.outcome, func.count())
        .where(
            *_of_side(trial, part),
            Prediction.shown,
            Prediction.label.is_not(None),
            Prediction.outcome.is_not(None),
        )
        .group_by(Prediction.outcome)
    )
    counts = {outcome: count for outcome, count in session.execute(statement)}  # noqa: C416 -- Rows, for the types.
    return counts.get(RIGHT, 0), sum(counts.values())


def _of_side(trial: ModelTrial, part: str, row: type[Prediction] = Prediction) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of what one side has said since the stage began.

    Where the ranking of duplicates in use could not be asked, the other could not either: that is no side's.
    """
    yield row.field == trial.model_type
    yield row.part == part
    yield row.created_at >= trial.started_at
    if part != "champion":
        yield row.model_version == trial.version
    elif trial.model_type == DUPLICATES:
        yield row.method.not_in(IN_PLACE_OF_RANKING)
    if trial.scope != GLOBAL:
        yield row.project_id == select(Project.id).where(Project.uuid == UUID(trial.scope)).scalar_subquery()
