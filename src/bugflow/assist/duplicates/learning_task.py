"""The ranking of duplicates as something that is learned, on the same path as the fields of reports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.encoding import EncoderSight
from bugflow.assist.duplicates.errors import WITHOUT_ENCODER
from bugflow.assist.duplicates.tables import DuplicateVerdict
from bugflow.core.settings import Settings
from bugflow.mlops.registry.versions import ModelType
from bugflow.mlops.training.voices import Voice
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.duplicates import DUPLICATE_OF
from bugflow.tracker.issues.tables import IssueRelation

if TYPE_CHECKING:
    from bugflow.mlops.training.contract import Learned, Order, Prepared, Surroundings, Tell

LEAST_KNOWN = 200
"""Of fewer duplicates the newest fifth, without those of bugs that older ones taught, is too little to judge by."""
NEWS = ("merged", "unmerged", "rejected")
"""What people say of pairs that a ranking can learn from."""


def _suppose() -> bool:
    return True


@dataclass(frozen=True)
class DuplicatesTask:
    """Learns what people merged, unmerged and rejected; what learning needs is loaded when it begins.

    Attributes:
        has_encoder: Whether this machine has an encoder, or can make one; without it, one is supposed to be there.
    """

    has_encoder: Callable[[], bool] = _suppose

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the task of a process that has the encoder of the settings, or none."""
        return cls(EncoderSight(settings).is_there)

    @property
    def name(self) -> ModelType:
        """What it finds."""
        return "duplicates"

    @property
    def can_be_tried(self) -> bool:
        """Yes: what is suggested for an issue is written down."""
        return True

    @property
    def least_labelled(self) -> int:
        """With fewer duplicates it is not trained."""
        return LEAST_KNOWN

    def find_obstacle(self) -> str | None:
        """Return that it cannot be learned, where there is no encoder."""
        return None if self.has_encoder() else WITHOUT_ENCODER

    def prepare(self, order: "Order", around: "Surroundings", folder: Path, *, tell: "Tell") -> "Prepared":
        """Write the past of all issues into a folder; see `LearningTask.prepare`."""
        from bugflow.assist.duplicates.teaching import prepare_duplicates  # noqa: PLC0415 -- A second and 100 MB.

        return prepare_duplicates(order, around, folder, tell=tell)

    def learn(
        self, order: "Order", around: "Surroundings", data: Path, prepared: "Prepared", *, out: Path, tell: "Tell"
    ) -> "Learned":
        """Teach the starter ranker and judge it on gold duplicates; see `LearningTask.learn`."""
        from bugflow.assist.duplicates.teaching import learn_duplicates  # noqa: PLC0415 -- The same.

        return learn_duplicates(order, around, data, prepared, out=out, tell=tell)

    def count_labelled(self, session: Session, scope: str) -> int:
        """Return how many duplicates are known; for a single project it is not learned."""
        del scope
        return session.scalar(select(func.count()).where(IssueRelation.kind == DUPLICATE_OF)) or 0

    def count_news(self, session: Session, scope: str, since: datetime) -> int:
        """Return how often people have merged, unmerged or rejected since a moment."""
        del scope
        statement = select(func.count()).where(DuplicateVerdict.verdict.in_(NEWS), DuplicateVerdict.created_at > since)
        return session.scalar(statement) or 0

    def list_voices(self, session: Session, scope: str, since: datetime) -> Sequence[Voice]:
        """Return who has merged, unmerged or rejected how often since a moment."""
        del scope
        statement = (
            select(User.name, func.count())
            .join(DuplicateVerdict, DuplicateVerdict.author_id == User.id)
            .where(DuplicateVerdict.verdict.in_(NEWS), DuplicateVerdict.created_at > since)
            .group_by(User.id, User.name)
            .order_by(func.count().desc(), User.id)
        )
        return [Voice(name, count) for name, count in session.execute(statement)]
