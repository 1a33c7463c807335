"""The demo's issues, read from the package's data."""

import json
from dataclasses import dataclass, field
from importlib.resources import files

FILES = ("issues.jsonl", "reports.jsonl")


@dataclass(frozen=True, kw_only=True)
class DemoIssue:
    """An issue of the demo; other issues of its project are named by their titles, users by their short names.

    Attributes:
        day: When it was reported, in days before today.
        due_in_days: When it is due, in days after that.
        comments: In order. One begins with `tester: ` or `pm: ` where it is not the developer's.
    """

    project: str
    title: str
    description: str
    day: int
    severity: str
    team: str
    component: str
    issue_type: str = "bug"
    priority: str = "medium"
    status: str = "open"
    assignee: str | None = None
    labels: list[str] = field(default_factory=list)
    stack_trace: str = ""
    environment: str = ""
    story_points: float | None = None
    estimated_hours: float | None = None
    actual_hours: float | None = None
    due_in_days: int | None = None
    comments: list[str] = field(default_factory=list)
    watchers: list[str] = field(default_factory=list)
    duplicate_of: str | None = None
    relates_to: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)

    def list_comments(self) -> list[tuple[str, str]]:
        """Return who wrote each comment, and what."""
        found = []
        for comment in self.comments:
            author, separator, text = comment.partition(": ")
            found.append((author, text) if separator and author in {"tester", "pm"} else ("dev", comment))
        return found


def load_issues() -> list[DemoIssue]:
    """Return the demo's issues, oldest first."""
    data = files("bugflow.demo").joinpath("data")
    lines = [line for name in FILES for line in data.joinpath(name).read_text(encoding="utf-8").splitlines()]
    issues = [DemoIssue(**json.loads(line)) for line in lines if line.strip()]
    return sorted(issues, key=lambda issue: -issue.day)
