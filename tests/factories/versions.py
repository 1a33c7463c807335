"""Published versions that say what they were judged by."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bugflow.core.storage import Storage
from bugflow.ml.artifacts import write_json
from bugflow.mlops.promotion.files import DECISION, DECISION_TEXT
from bugflow.mlops.registry.store import publish_model
from bugflow.mlops.registry.versions import GLOBAL, ModelVersion

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def decide(accuracy: float, *, passed: bool = True, items: int = 60) -> dict[str, Any]:
    """Return a decision as a candidate's report has it."""
    figures = {
        "accuracy": accuracy,
        "accuracy_interval": [accuracy - 0.1, accuracy + 0.1],
        "coverage": 0.4,
        "precision": None,
        "precision_interval": None,
        "worth": 0.2,
        "recalls": {"critical": accuracy},
    }
    return {
        "passed": passed,
        "n_items": items,
        "data_sha256": f"{items}",
        "checks": [
            {"name": "items", "passed": True, "says": "There are enough."},
            {"name": "precision", "passed": passed, "says": f"It was right {accuracy:.0%} of the time."},
        ],
        "figures": {"candidate": figures},
    }


def publish_judged(
    storage: Storage,
    folder: Path,
    version: str,
    decision: Mapping[str, Any] | None,
    *,
    classes: tuple[str, ...] = ("low", "critical"),
    scope: str = GLOBAL,
) -> ModelVersion:
    """Publish a version of severity with a decision, or one that was never judged."""
    place = folder / f"{scope}-{version}"
    (place / "members" / "linear").mkdir(parents=True)
    write_json(place / "members" / "linear" / "classifier.json", {"classes": list(classes)})
    if decision is not None:
        write_json(place / DECISION, decision)
        (place / DECISION_TEXT).write_text("# What was decided")
    metrics = {"macro_f1": 0.5}
    return publish_model(
        storage, place, model_type="severity", version=version, now=NOW, scope=scope, metrics=metrics, card="# A card"
    )
