"""What an installation demands of a model before it is used."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from bugflow.core.settings import PromotionStage, Settings


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a model goes through.

    Attributes:
        stages: After its checks, in this order; none, and it is used at once.
        precision: So many of its sure answers must be right, in [0, 1].
        floors: Which share of the issues of a label must be found, by `FIELD:LABEL`.
        shadow_issues: About so many new issues it thinks in the shadow.
        shadow_time: After this long it goes on in any case, if nothing speaks against it.
        ab_share: For this share of the issues it answers, in (0, 1).
        ab_issues: So many answers of each side must be settled.
        ab_time: After this long it is decided in any case.
    """

    stages: tuple[PromotionStage, ...] = ("shadow",)
    precision: float = 0.9
    floors: tuple[tuple[str, float], ...] = ()
    shadow_issues: int = 50
    shadow_time: timedelta = timedelta(days=7)
    ab_share: float = 0.5
    ab_issues: int = 200
    ab_time: timedelta = timedelta(days=30)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the policy of the settings."""
        return cls(
            stages=tuple(dict.fromkeys(settings.promotion_stages)),
            precision=settings.promotion_precision,
            floors=tuple(settings.promotion_floors.items()),
            shadow_issues=settings.shadow_issues,
            shadow_time=timedelta(days=settings.shadow_days),
            ab_share=settings.ab_share,
            ab_issues=settings.ab_issues,
            ab_time=timedelta(days=settings.ab_days),
        )

    def list_floors(self, field: str) -> dict[str, float]:
        """Return which share of the issues of a label of a field must be found, by label."""
        start = f"{field}:"
        return {name.removeprefix(start): floor for name, floor in self.floors if name.startswith(start)}
