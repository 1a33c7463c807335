"""A storage with versions, a database with people, and predictions of what is in use."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.core.storage import Storage, open_storage
from bugflow.ml.artifacts import write_json
from bugflow.mlops.promotion.files import DECISION
from bugflow.mlops.promotion.service import use_model
from bugflow.mlops.registry.store import publish_model
from bugflow.mlops.registry.versions import ModelType, ModelVersion
from factories.predictions import note_predictions
from factories.workplace import Workplace, build_workplace

START = datetime(2026, 3, 1, tzinfo=UTC)


class Watchtower:
    """Versions, changes of them, and predictions."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self._folder = database, folder
        self.storage: Storage = open_storage((folder / "files").as_uri())
        with database.transaction() as session:
            self.workplace: Workplace = build_workplace(session)

    def publish(
        self,
        number: str,
        *,
        model_type: ModelType = "severity",
        classes: tuple[str, ...] = ("low", "medium", "high", "critical"),
        judged: tuple[float, float] | None = (0.9, 0.98),
        judged_as: str = "precision_interval",
        scope: str = "global",
    ) -> ModelVersion:
        """Publish a version that knows some labels and was judged, or not."""
        folder = self._folder / f"{model_type}-{scope}-{number}"
        (folder / "members/linear").mkdir(parents=True)
        write_json(folder / "members/linear/classifier.json", {"classes": list(classes)})
        if judged is not None:
            write_json(folder / DECISION, {"passed": True, "figures": {"candidate": {judged_as: judged}}})
        return publish_model(self.storage, folder, model_type=model_type, version=number, now=START, scope=scope)

    def use(self, version: ModelVersion | None, *, at: datetime = START, **options: Any) -> None:  # noqa: ANN401 -- Any option.
        """Use a version from a moment on."""
        kind = options.pop("model_type", "severity") if version is None else version.model_type
        scope = "global" if version is None else version.scope
        with self.database.transaction() as session:
            use_model(
                session, self.storage, kind, version, actor=self.workplace.manager, now=at, scope=scope, **options
            )

    def damage(self, model_type: ModelType) -> None:
        """Let what names the version in use be none."""
        self.storage.put(f"ml_models/{model_type}/champion.json", io.BytesIO(b"{"), overwrite=True)

    def predict(self, count: int, *, at: datetime, **facts: Any) -> None:  # noqa: ANN401 -- Any column.
        """Note predictions in a transaction of their own."""
        with self.database.transaction() as session:
            self.note(session, count, at=at, **facts)

    def note(self, session: Session, count: int, *, at: datetime, **facts: Any) -> None:  # noqa: ANN401 -- The same.
        """Note predictions of the project."""
        note_predictions(session, facts.pop("project_id", self.workplace.project.id), count, at=at, **facts)
