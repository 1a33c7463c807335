"""How the words of other trackers are said here: one table each, in lower case."""

import re

SEVERITIES = {
    "blocker": "critical",
    "critical": "critical",
    "s1": "critical",
    "major": "high",
    "high": "high",
    "s2": "high",
    "normal": "medium",
    "medium": "medium",
    "moderate": "medium",
    "s3": "medium",
    "minor": "low",
    "trivial": "low",
    "low": "low",
    "s4": "low",
}

PRIORITIES = {
    "blocker": "highest",
    "highest": "highest",
    "critical": "highest",
    "urgent": "highest",
    "p1": "highest",
    "p0": "highest",
    "high": "high",
    "major": "high",
    "p2": "high",
    "medium": "medium",
    "normal": "medium",
    "p3": "medium",
    "low": "low",
    "minor": "low",
    "p4": "low",
    "lowest": "lowest",
    "trivial": "lowest",
    "p5": "lowest",
}

RESOLUTIONS = {
    "fixed": "fixed",
    "done": "fixed",
    "resolved": "fixed",
    "completed": "fixed",
    "complete": "fixed",
    "implemented": "fixed",
    "duplicate": "duplicate",
    "invalid": "invalid",
    "not a bug": "invalid",
    "not a problem": "invalid",
    "not our bug": "invalid",
    "wontfix": "wontfix",
    "won't fix": "wontfix",
    "won't do": "wontfix",
    "not_planned": "wontfix",
    "declined": "wontfix",
    "hold": "wontfix",
    "later": "wontfix",
    "worksforme": "worksforme",
    "cannot reproduce": "worksforme",
    "incomplete": "incomplete",
    "needs more info": "incomplete",
    "inactive": "incomplete",
}

ISSUE_TYPES = {
    "bug": "bug",
    "defect": "bug",
    "story": "story",
    "new feature": "story",
    "feature": "story",
    "improvement": "story",
    "enhancement": "story",
    "epic": "story",
    "task": "task",
    "sub-task": "task",
    "technical task": "task",
}

_LABEL_PREFIX = re.compile(r"^(severity|sev|priority|prio|p|s|kind|type|c)[\s:/_-]+(.+)$")


def read_label(label: str) -> tuple[str, str] | None:
    """Return which field a label sets, and to what, by the conventions that projects follow: `severity: high`."""
    lowered = label.strip().lower()
    if lowered in {"bug", "enhancement", "feature", "task"}:
        return ("issue_type", ISSUE_TYPES[lowered])
    found = _LABEL_PREFIX.match(lowered)
    if found is None:
        return None
    prefix, word = found.groups()
    field, table = {
        "severity": ("severity", SEVERITIES),
        "sev": ("severity", SEVERITIES),
        "s": ("severity", SEVERITIES),
        "priority": ("priority", PRIORITIES),
        "prio": ("priority", PRIORITIES),
        "p": ("priority", PRIORITIES),
        "kind": ("issue_type", ISSUE_TYPES),
        "type": ("issue_type", ISSUE_TYPES),
        "c": ("issue_type", ISSUE_TYPES),
    }[prefix]
    return (field, table[word]) if word in table else None
