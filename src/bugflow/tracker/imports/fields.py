"""What an imported record says, as the columns and labels of an issue here."""

from datetime import date
from typing import Any

from bugflow.tracker.imports.places import Places
from bugflow.tracker.imports.records import ImportedChange, ImportedComment, ImportedIssue
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.issues.tables import NO_SEVERITY
from bugflow.tracker.issues.vocabulary import priority_rank
from bugflow.tracker.projects.tables import Project

LONGEST_TITLE, LONGEST_LABEL = 500, 80


def issue_fields(record: ImportedIssue, project: Project, places: Places, report: ImportReport) -> dict[str, Any]:
    """Return the columns that a later import may change, too."""
    name = record.component
    severity = places.find_severity(project, record.severity)
    if record.severity and severity is None:
        report.left.add(f"the severity {record.severity!r}, which is not in use here", record.key)
    team = places.team_id(project, [each for each in (record.team, name, *record.labels) if each])
    if record.team and places.team_id(project, [record.team]) is None:
        report.left.add(f"the team {record.team!r}, which is not in use here", record.key)
    return {
        "title": " ".join(record.title.splitlines()).strip()[:LONGEST_TITLE],
        "description": record.description,
        "stack_trace": record.stack_trace,
        "environment": record.environment,
        "restricted": record.restricted,
        "issue_type": record.issue_type,
        "status": record.status,
        "resolution": record.resolution,
        "severity_id": severity.id if severity else None,
        "severity_rank": severity.rank if severity else NO_SEVERITY,
        "team_id": team,
        "component_id": places.component_id(project, name),
        "priority_rank": priority_rank(record.priority),
        "assignee_id": places.users[record.assignee.login] if record.assignee else None,
        "due_on": _parse_day(record.due_on),
        "story_points": record.story_points,
        "estimated_hours": record.estimated_hours,
        "actual_hours": record.actual_hours,
        "updated_at": record.updated_at,
        "resolved_at": record.resolved_at,
        "closed_at": record.closed_at,
    }


def _parse_day(text: str | None) -> date | None:
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


def issue_labels(record: ImportedIssue) -> list[str]:
    """Return the labels, each once."""
    return sorted({label[:LONGEST_LABEL] for label in record.labels})


def comment_row(number: int, comment: ImportedComment, places: Places) -> dict[str, Any]:
    """Return the columns of a comment."""
    return {
        "issue_id": number,
        "author_id": places.users[comment.author.login],
        "body": comment.body,
        "created_at": comment.created_at,
        "updated_at": comment.updated_at,
    }


def change_row(number: int, change: ImportedChange, places: Places) -> dict[str, Any]:
    """Return the columns of a change in an issue's history."""
    return {
        "issue_id": number,
        "actor_id": places.users[change.author.login] if change.author else None,
        "at": change.at,
        "field": change.field,
        "old": change.old,
        "new": change.new,
    }
