"""Imported issues as text, to be kept outside memory, and back without loss."""

import json
from dataclasses import fields
from datetime import datetime
from typing import Any

from bugflow.tracker.imports.records import (
    ImportedChange,
    ImportedComment,
    ImportedIssue,
    ImportedLink,
    ImportedUser,
)

NAMES = tuple(field.name for field in fields(ImportedIssue))
MOMENTS = ("created_at", "updated_at", "resolved_at", "closed_at")

_ENCODER = json.JSONEncoder(check_circular=False)


def pack(issue: ImportedIssue) -> str:
    """Return an issue as text."""
    values = dict(vars(issue))
    for name in MOMENTS:
        values[name] = None if values[name] is None else values[name].isoformat()
    values |= {
        "reporter": _list_user(issue.reporter),
        "assignee": _list_user(issue.assignee),
        "watchers": [_list_user(user) for user in issue.watchers],
        "comments": [
            (
                each.source_id,
                _list_user(each.author),
                each.body,
                each.created_at.isoformat(),
                each.updated_at.isoformat(),
            )
            for each in issue.comments
        ],
        "changes": [
            (_list_user(each.author), each.at.isoformat(), each.field, each.old, each.new) for each in issue.changes
        ],
        "links": [(link.kind, link.target_key) for link in issue.links],
    }
    return _ENCODER.encode(list(values.values()))


def _list_user(user: ImportedUser | None) -> tuple[str, str, str | None] | None:
    return None if user is None else (user.login, user.name, user.email)


def unpack(text: str) -> ImportedIssue:
    """Return the issue that was packed."""
    values = dict(zip(NAMES, json.loads(text), strict=True))
    for name in MOMENTS:
        values[name] = _read_moment(values[name])
    return ImportedIssue(
        **values
        | {
            "reporter": ImportedUser(*values["reporter"]),
            "assignee": _read_user(values["assignee"]),
            "labels": tuple(values["labels"]),
            "watchers": tuple(ImportedUser(*each) for each in values["watchers"]),
            "comments": tuple(map(_read_comment, values["comments"])),
            "changes": tuple(map(_read_change, values["changes"])),
            "links": tuple(ImportedLink(*each) for each in values["links"]),
        }
    )


def _read_moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _read_user(parts: list[Any] | None) -> ImportedUser | None:
    return None if parts is None else ImportedUser(*parts)


def _read_comment(parts: list[Any]) -> ImportedComment:
    source_id, author, body, created_at, updated_at = parts
    moments = (datetime.fromisoformat(created_at), datetime.fromisoformat(updated_at))
    return ImportedComment(source_id, ImportedUser(*author), body, *moments)


def _read_change(parts: list[Any]) -> ImportedChange:
    author, at, field, old, new = parts
    return ImportedChange(_read_user(author), datetime.fromisoformat(at), field, old, new)
