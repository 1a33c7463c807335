"""Which side answers where two versions are tried against each other: told by the report, so that it never changes."""

from collections.abc import Iterable
from hashlib import blake2b

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.mlops.promotion.tables import ModelTrial
from bugflow.mlops.registry.versions import GLOBAL

PARTS = 2**64


def list_tried(session: Session, scope: str, *, stage: str) -> dict[str, ModelTrial]:
    """Return the trials that concern a project and are in a stage, by what they find; its own before those for all."""
    rows = session.scalars(
        select(ModelTrial).where(
            ModelTrial.open_key.is_not(None), ModelTrial.stage == stage, ModelTrial.scope.in_((GLOBAL, scope))
        )
    )
    return {row.model_type: row for row in sorted(rows, key=lambda row: row.scope != GLOBAL)}


def choose_challenged(trials: Iterable[ModelTrial], key: str) -> frozenset[str]:
    """Return which fields of a report the challenger answers.

    Args:
        trials: That are side by side now.
        key: What tells the report from others, the same for its draft and its issue.
    """
    return frozenset(trial.model_type for trial in trials if _draw(trial.version, key) < trial.share)


def _draw(version: str, key: str) -> float:
    """Return a number in [0, 1) that is always the same for a version and a report."""
    return int.from_bytes(blake2b(f"{version} {key}".encode(), digest_size=8).digest()) / PARTS
