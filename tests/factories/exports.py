"""Small exports in the shapes that other trackers hand out."""

import json
from typing import Any


def github_issue(number: int = 7, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON.
    """Return an issue of GitHub's REST API."""
    return {
        "url": f"https://api.github.com/repos/acme/rocket/issues/{number}",
        "repository_url": "https://api.github.com/repos/acme/rocket",
        "html_url": f"https://github.com/acme/rocket/issues/{number}",
        "number": number,
        "title": "Engine stalls",
        "body": "It stalls at *full* throttle.",
        "state": "open",
        "user": {"login": "someone"},
        "labels": [{"name": "severity: high"}, {"name": "A-engine"}],
        "assignee": None,
        "created_at": "2024-01-02T03:04:05Z",
        "updated_at": "2024-01-03T03:04:05Z",
    } | changes


def github_comment(issue: int = 7, number: int = 1, body: str = "Same here.") -> dict[str, Any]:
    """Return a comment of GitHub's REST API."""
    return {
        "id": number,
        "issue_url": f"https://api.github.com/repos/acme/rocket/issues/{issue}",
        "user": {"login": "other"},
        "body": body,
        "created_at": "2024-01-02T04:00:00Z",
        "updated_at": "2024-01-02T04:00:00Z",
    }


def jira_issue(key: str = "ROC-5", **fields: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON.
    """Return an issue of Jira's REST search."""
    return {
        "id": "1",
        "key": key,
        "fields": {
            "summary": "Engine stalls",
            "description": "h2. Steps\n# start\n{code:java}\nx();\n{code}",
            "project": {"key": "ROC", "name": "Rocket"},
            "issuetype": {"name": "Bug"},
            "status": {"name": "Closed", "statusCategory": {"key": "done"}},
            "resolution": {"name": "Won't Fix"},
            "resolutiondate": "2024-02-01T00:00:00.000+0200",
            "priority": {"name": "Major"},
            "reporter": {"name": "rep", "displayName": "Reporter"},
            "created": "2024-01-01T00:00:00.000+0000",
            "updated": "2024-02-02T00:00:00.000+0000",
            "components": [{"name": "Engine"}, {"name": "Fuel"}],
            "labels": ["hot"],
            "issuelinks": [],
            "comment": {"comments": []},
        }
        | fields,
    }


def jira_search(*issues: dict[str, Any]) -> bytes:
    """Return the answer of a search."""
    return json.dumps({"startAt": 0, "total": len(issues), "issues": issues}).encode()


def bugzilla_bug(number: int = 12, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON.
    """Return a bug of Bugzilla's REST API."""
    return {
        "id": number,
        "summary": "Engine stalls",
        "product": "Rocket",
        "component": "Engine",
        "status": "RESOLVED",
        "resolution": "WORKSFORME",
        "severity": "major",
        "priority": "P1",
        "type": "defect",
        "creator": "a@example.org",
        "assigned_to": "nobody@example.org",
        "creation_time": "2024-01-01T00:00:00Z",
        "last_change_time": "2024-01-05T00:00:00Z",
        "comments": [
            {"id": 1, "count": 0, "text": "It stalls.", "creator": "a@example.org", "time": "2024-01-01T00:00:00Z"},
            {"id": 2, "count": 1, "text": "Seen too.", "creator": "b@example.org", "time": "2024-01-02T00:00:00Z"},
        ],
        "history": [
            {
                "when": "2024-01-05T00:00:00Z",
                "who": "b@example.org",
                "changes": [{"field_name": "status", "removed": "NEW", "added": "RESOLVED"}],
            }
        ],
    } | changes


def to_bytes(value: object) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value).encode()
