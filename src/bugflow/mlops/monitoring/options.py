"""What those who watch models go by."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bugflow.core.settings import Settings
from bugflow.ml.triage.starter import find_starter


@dataclass(frozen=True, kw_only=True)
class WatchOptions:
    """What is promised of models, and what is done where it is not kept.

    Attributes:
        precision: So many of the sure answers are to be right, in [0, 1].
        automatic_rollback: Whether the model before is used again by itself.
        find_starter: Returns the folder of a model that comes with the package, by what it finds.
    """

    precision: float = 0.9
    automatic_rollback: bool = True
    find_starter: Callable[[str], Path | None] = lambda _: None

    @classmethod
    def of(cls, settings: Settings) -> "WatchOptions":
        """Return what the settings say."""
        return cls(
            precision=settings.promotion_precision,
            automatic_rollback=settings.automatic_rollback,
            find_starter=find_starter if settings.starter_models else lambda _: None,
        )
