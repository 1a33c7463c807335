"""The trackers that can be imported from."""

from bugflow.tracker.imports.bugflow import read_bugflow
from bugflow.tracker.imports.bugzilla import read_bugzilla
from bugflow.tracker.imports.github import read_github
from bugflow.tracker.imports.jira import read_jira
from bugflow.tracker.imports.records import Reader

READERS: dict[str, Reader] = {
    "github": read_github,
    "jira": read_jira,
    "bugzilla": read_bugzilla,
    "bugflow": read_bugflow,
}

NAMES = {"github": "GitHub", "jira": "Jira", "bugzilla": "Bugzilla", "bugflow": "BugFlow"}
"""How errors call them."""
