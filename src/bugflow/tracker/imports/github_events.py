"""Reading GitHub's issue events: what happened to an issue, as history."""

from collections.abc import Iterator

from bugflow.tracker.imports.parsing import Record, mapping, parse_moment, text_of
from bugflow.tracker.imports.records import ImportedChange, ImportedUser, NotCarried

UNCOUNTED = frozenset({"mentioned", "subscribed", "unsubscribed", "commented"})
"""Events that only repeat what a text says, or who gets mail."""


def read_changes(events: list[Record], nobody: ImportedUser, key: str, left: NotCarried) -> Iterator[ImportedChange]:
    """Yield the changes of one issue, oldest first; events that are no change of a field are counted."""
    for event in sorted(events, key=lambda each: text_of(each.get("created_at"))):
        kind, at = text_of(event.get("event")), parse_moment(event.get("created_at"))
        change = _read_change(event, kind)
        if change is None or at is None:
            if kind not in UNCOUNTED:
                left.add("events that change no field BugFlow has", f"{key} {kind}")
            continue
        login = text_of(mapping(event.get("actor")).get("login"))
        yield ImportedChange(ImportedUser(login, login) if login else nobody, at, *change)


def _read_change(event: Record, kind: str) -> tuple[str, str | None, str | None] | None:
    assignee = text_of(mapping(event.get("assignee")).get("login")) or None
    label = text_of(mapping(event.get("label")).get("name")) or None
    renamed = mapping(event.get("rename"))
    return {
        "closed": ("status", "open", "closed"),
        "reopened": ("status", "closed", "open"),
        "renamed": ("title", text_of(renamed.get("from")) or None, text_of(renamed.get("to")) or None),
        "assigned": ("assignee", None, assignee),
        "unassigned": ("assignee", assignee, None),
        "labeled": ("labels", None, label),
        "unlabeled": ("labels", label, None),
    }.get(kind)
