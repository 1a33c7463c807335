"""The issues of a project in the order of filing, each as it was then, with what people said of it from when on."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bugflow.core.database import Database
from bugflow.ml.contract import Report
from bugflow.ml.text import clean_report, is_long_enough
from bugflow.ml.triage.examples import UNDECIDED
from bugflow.mlops.datasets.cleaning import LONGEST_LABEL
from bugflow.mlops.datasets.issues import IssuePast, read_pasts
from bugflow.tracker.accounts.actor import Actor

LONGEST_READ = 100_000
"""Characters of a description that models are given; as much as where they suggest."""
END = datetime.max.replace(tzinfo=UTC)

Said = tuple[tuple[datetime, str | None], ...]
"""Values of a label, each with the moment from which on it held, the oldest first."""


@dataclass(frozen=True, slots=True)
class FiledIssue:
    """An issue of the past.

    Attributes:
        report: What a model is given of it when it was filed.
        lesson: What a model learns from, cleaned as data sets are; none where the text is too short.
        said: What people said, by label.
        is_documented: Whether its changes are known.
    """

    key: str
    filed_at: datetime
    report: Report
    lesson: Report | None
    said: Mapping[str, Said] = field(default_factory=dict)
    is_documented: bool = True

    def find_label(self, name: str, *, at: datetime = END) -> str | None:
        """Return what people said at a moment, by default last; none where nothing was decided."""
        said = self.said.get(name, ())
        known = bisect_right(said, at, key=lambda each: each[0])
        return said[known - 1][1] if known else None


def read_stream(database: Database, viewer: Actor, query: str) -> list[FiledIssue]:
    """Return the issues that the viewer may see and the query asks for, the oldest first.

    Where the changes of an issue are not known, its component is no input: it may have been chosen later.
    """
    return sort_stream(build_filed(past) for past in read_pasts(database, viewer, query))


def sort_stream(issues: Iterable[FiledIssue]) -> list[FiledIssue]:
    """Return issues in the order of filing; those of one moment in that of their numbers."""
    return sorted(issues, key=lambda each: (each.filed_at, len(each.key), each.key))


def build_filed(past: IssuePast) -> FiledIssue:
    """Return an issue of the past as it is told again."""
    filed = past.filed
    said = {name: tuple((moment, _clean_label(value)) for moment, value in each) for name, each in past.said.items()}
    component = said["component"][0][1] if past.is_documented and said["component"] else None
    fields = {"project": filed["project"], "issue_type": filed["issue_type"], "component": component}
    chosen = {name: str(value) for name, value in fields.items() if value}
    title, text = str(filed["title"]), _join_text(filed)[:LONGEST_READ]
    cleaned = clean_report(title, text)
    return FiledIssue(
        key=filed["issue_id"],
        filed_at=filed["created_at"],
        report=Report(title, text, chosen),
        lesson=Report(cleaned.title, cleaned.prose, chosen) if is_long_enough(cleaned) else None,
        said=said,
        is_documented=past.is_documented,
    )


def _join_text(filed: Mapping[str, Any]) -> str:
    return "\n".join(str(filed[name]) for name in ("description", "stack_trace") if filed[name])


def _clean_label(value: str | None) -> str | None:
    """Return a label that says one thing."""
    label = (value or "").strip()
    says_nothing = label.lower() in UNDECIDED or "|" in label or len(label) > LONGEST_LABEL
    return None if says_nothing else label
