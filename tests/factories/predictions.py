"""Entries of the predictions ledger, and what it holds."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.mlops.predictions.entries import Entry, Subject
from bugflow.mlops.predictions.tables import Prediction

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
VERSION = "severity/1.0.0/20260101_000000"


def build_entry(project_id: int, *, issue_id: int | None = None, draft_key: str | None = None, **facts: Any) -> Entry:  # noqa: ANN401 -- Any fact.
    """Return what a model in use said of a severity, shown."""
    values: dict[str, Any] = {
        "field": "severity",
        "label": "high",
        "probability": 0.8,
        "threshold": 0.7,
        "band": "sure",
        "method": "linear",
        "model_version": VERSION,
        "part": "champion",
        "shown": True,
        "latency_ms": 3.0,
        "created_at": NOON,
    }
    subject = Subject(project_id=project_id, issue_id=issue_id, draft_key=draft_key)
    return Entry(subject=subject, **(values | facts))


def read_ledger(database: Database) -> list[Prediction]:
    """Return every row, oldest first."""
    with database.snapshot() as session:
        return list(session.scalars(select(Prediction).order_by(Prediction.id)))


def note_predictions(session: Session, project_id: int, count: int = 1, *, at: datetime, **facts: Any) -> None:  # noqa: ANN401 -- Any column.
    """Note so many predictions that are alike; sure ones of severity by the model in use, without other facts."""
    outcome = facts.get("outcome")
    known = {
        "field": "severity",
        "label": "low",
        "probability": 0.95,
        "threshold": 0.9,
        "band": "sure",
        "method": "linear",
        "model_version": "severity/1.0.0/20260101_000000",
        "part": "champion",
        "shown": True,
        "latency_ms": 2.0,
        "truth": None if outcome is None else "low" if outcome == "right" else "high",
        "settled_by": None if outcome is None else "project_manager",
        "settled_at": None if outcome is None else at,
    }
    session.add_all(Prediction(project_id=project_id, created_at=at, **(known | facts)) for _ in range(count))
    session.flush()
