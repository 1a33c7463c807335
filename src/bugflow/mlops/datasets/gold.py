"""The gold set: issues that never teach a model, so that what models say of them can be believed.

It is frozen when a field is first learned: the newest fifth of the issues that were labelled by then. Of what is filed
later every fifth joins it, told by the issue's own number, so that it grows and follows what is reported, and no issue
ever changes sides. So two models of any age can be compared on it: neither has seen any of it, nor, of what is tested
on, another report of the same bug (`groups.py`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bugflow.mlops.datasets.errors import LEAST_LABELLED, TooFewLabelledError
from bugflow.mlops.datasets.rows import PARTS
from bugflow.mlops.datasets.tables import GoldSet

TRAIN, _, TEST = PARTS
SHARE = 0.2
ONE_IN = round(1 / SHARE)


@dataclass(frozen=True)
class GoldRule:
    """Which issues never teach.

    Attributes:
        since: What was filed from then on, until it was frozen, is gold.
        until: When it was frozen; of what was filed later every fifth is.
    """

    since: datetime
    until: datetime

    def mark(self, issue_ids: Sequence[str], moments: Sequence[datetime | None]) -> NDArray[np.bool_]:
        """Return whether each issue is gold; one without a date never is.

        Args:
            issue_ids: What names each issue for ever.
            moments: When each was filed.
        """
        found = (self._holds(name, moment) for name, moment in zip(issue_ids, moments, strict=True))
        return np.fromiter(found, dtype=np.bool_, count=len(issue_ids))

    def _holds(self, issue_id: str, moment: datetime | None) -> bool:
        if moment is None or moment < self.since:
            return False
        if moment <= self.until:
            return True
        return int.from_bytes(blake2b(issue_id.encode(), digest_size=8).digest()) % ONE_IN == 0


class GoldDivider:
    """Tests on what is gold, and trains on everything else.

    Attributes:
        rule: Which issues are gold.
        torn: The keys of those of them that are in no part, since another report of their bug is not gold.
    """

    def __init__(self, rule: GoldRule, torn: Collection[str] = frozenset()) -> None:
        self.rule = rule
        self.torn = torn

    def divide(self, frame: pl.DataFrame) -> list[str | None]:
        """Return the part of each report of the next frame; none where it neither teaches nor tests."""
        names = frame["issue_id"].to_list()
        marked = self.rule.mark(names, frame["created_at"].to_list())
        return [self._choose(name, is_gold=bool(each)) for name, each in zip(names, marked, strict=True)]

    def _choose(self, name: str, *, is_gold: bool) -> str | None:
        if not is_gold:
            return TRAIN
        return None if name in self.torn else TEST

    def describe(self) -> list[dict[str, object]]:
        """Return the rule for programs and people."""
        return [{"by": "gold", "since": self.rule.since.isoformat(), "until": self.rule.until.isoformat()}]


def freeze_gold(
    field: str, moments: Sequence[datetime | None], *, now: datetime, least: int = LEAST_LABELLED
) -> GoldRule:
    """Return the rule of a gold set that is frozen now.

    Args:
        field: What is learned.
        moments: When the issues that have it were filed.
        now: The moment.
        least: So many there must be.

    Raises:
        TooFewLabelledError: They are too few.
    """
    known = sorted(moment for moment in moments if moment is not None)
    if len(known) < least:
        raise TooFewLabelledError(field, len(known), least)
    return GoldRule(since=known[-round(len(known) * SHARE)], until=now)


def find_or_freeze_gold(
    session: Session,
    field: str,
    scope: str,
    moments: Sequence[datetime | None],
    *,
    now: datetime,
    least: int = LEAST_LABELLED,
) -> GoldRule:
    """Return the rule that was frozen for a field and scope; where there is none, freeze it now.

    Raises:
        TooFewLabelledError: There is none, and too few issues have the field.
    """
    kept = session.get(GoldSet, (field, scope))
    if kept is None:
        rule = freeze_gold(field, moments, now=now, least=least)
        try:
            with session.begin_nested():
                session.add(GoldSet(field=field, scope=scope, since=rule.since, until=rule.until))
        except IntegrityError:  # Another training has frozen it since we looked.
            kept = session.get_one(GoldSet, (field, scope))
        else:
            return rule
    return GoldRule(kept.since, kept.until)
