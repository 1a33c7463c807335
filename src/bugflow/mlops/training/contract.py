"""What a learning task is, and what a training hands it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.core.storage import Storage
from bugflow.ml.contract import Encoder
from bugflow.mlops.promotion.gate import Demands
from bugflow.mlops.registry.versions import GLOBAL, ModelType
from bugflow.mlops.training.triage import Wishes
from bugflow.mlops.training.voices import Voice

Tell = Callable[[float, str], None]
"""Called with the share of the work that is done, in [0, 1], and what is done next."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a training needs beside its wishes.

    Attributes:
        encoder: None where there is none.
        find_starter: Returns the folder of a model that comes with the package.
        cache_folder: Where fetched models are kept on this machine.
    """

    database: Database
    storage: Storage
    encoder: Encoder | None
    find_starter: Callable[[str], Path | None]
    cache_folder: Path


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be trained.

    Attributes:
        scope: For all projects, or the UUID of one.
        query: Which issues teach, in the language of the search; those of one project where it is for one.
        now: The moment whose issues are read.
    """

    target: ModelType
    now: datetime
    scope: str = GLOBAL
    query: str = ""
    wishes: Wishes = field(default_factory=Wishes)
    demands: Demands = field(default_factory=Demands)


class Prepared(BaseModel):
    """A data set that a training learns from.

    Attributes:
        dataset: The prefix of its keys in the storage.
        data_hash: SHA-256 of its content.
        n_labelled: How many examples it has.
    """

    model_config = ConfigDict(frozen=True)

    dataset: str
    data_hash: str
    n_labelled: int


class Learned(BaseModel):
    """What came of learning, beside the files of the model.

    Attributes:
        passed: Whether the model may follow the one in use.
        says: Why, in a sentence or two.
        metrics: Figures by name.
        card: What the model is for and what it cannot do, in Markdown.
    """

    model_config = ConfigDict(frozen=True)

    passed: bool
    says: str
    metrics: dict[str, float]
    card: str
    seed: int


class LearningTask(Protocol):
    """One thing that is learned. Its two steps write into folders, so that a training that was killed goes on."""

    @property
    def name(self) -> ModelType:
        """What it finds."""

    @property
    def can_be_tried(self) -> bool:
        """Whether what it says of each new issue is written down, so that it can be tried before it is used."""

    @property
    def least_labelled(self) -> int:
        """With fewer examples it is not trained by itself."""

    def find_obstacle(self) -> str | None:
        """Return in a sentence why it cannot be learned on this machine now; none where nothing speaks against it.

        It is asked often, also by pages, and so looks no further than can be seen at once.
        """

    def prepare(self, order: Order, around: Surroundings, folder: Path, *, tell: Tell) -> Prepared:
        """Write what teaches into a folder, and keep it in the storage; what is there already is taken as it is.

        Raises:
            InvalidError: There is too little to learn from.
            StorageUnavailableError: The storage is full or does not answer.
        """

    def learn(
        self, order: Order, around: Surroundings, data: Path, prepared: Prepared, *, out: Path, tell: Tell
    ) -> Learned:
        """Learn from a prepared folder, judge what came of it beside the model in use, and write it into `out`.

        The report of the decision is among its files (`promotion/report.py`).

        Raises:
            InvalidError: It cannot be learned from.
        """

    def count_labelled(self, session: Session, scope: str) -> int:
        """Return about how many examples there are now."""

    def count_news(self, session: Session, scope: str, since: datetime) -> int:
        """Return how often people have corrected or confirmed since a moment."""

    def list_voices(self, session: Session, scope: str, since: datetime) -> Sequence[Voice]:
        """Return who has said how much of that, the most frequent first."""
