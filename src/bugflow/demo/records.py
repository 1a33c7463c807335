"""The demo's issues, read from the package's data."""

import json
from dataclasses import dataclass, field
from importlib.resources import files


@dataclass(frozen=True, kw_only=True)
class DemoIssue:
    """An issue of the demo. `day` is when it was reported, in days before today."""

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
    comments: list[str] = field(default_factory=list)
    duplicate_of: str | None = None


def load_issues() -> list[DemoIssue]:
    """Return the demo's issues, oldest first."""
    lines = files("bugflow.demo").joinpath("data/issues.jsonl").read_text(encoding="utf-8").splitlines()
    issues = [DemoIssue(**json.loads(line)) for line in lines if line.strip()]
    return sorted(issues, key=lambda issue: -issue.day)
