"""Forms of issues: what a page shows in its fields, and what somebody changed of it."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bugflow.core.errors import BugFlowError, FieldProblem, InvalidError
from bugflow.core.http.validation import describe_kind
from bugflow.tracker.issues.queries import IssueView
from bugflow.tracker.issues.schemas import IssuePatch
from bugflow.tracker.issues.vocabulary import priority_name

TEXT_FIELDS = ("title", "description", "stack_trace", "environment", "issue_type")
SIDE_FIELDS = (
    "status",
    "resolution",
    "severity",
    "team",
    "component",
    "priority",
    "assignee",
    "labels",
    "due_on",
    "story_points",
    "estimated_hours",
    "actual_hours",
)


Body = TypeVar("Body", bound=BaseModel)


class FormError(InvalidError):
    """A field of a form has an impossible value."""


def show_fields(view: IssueView) -> dict[str, str]:
    """Return the fields of an issue as a form shows them; empty where there is nothing."""
    issue = view.issue
    shown: dict[str, Any] = {name: getattr(issue, name) for name in (*TEXT_FIELDS, "status", "resolution", "due_on")}
    for name in ("story_points", "estimated_hours", "actual_hours"):
        value = getattr(issue, name)
        shown[name] = None if value is None else f"{value:g}"
    shown |= {name: getattr(getattr(view, name), "name", None) for name in ("severity", "team", "component")}
    shown["priority"] = priority_name(issue.priority_rank)
    shown["assignee"] = str(view.assignee.uuid) if view.assignee else None
    shown["labels"] = ", ".join(view.labels)
    return {name: "" if value is None else str(value) for name, value in shown.items()}


def read_changes(typed: Mapping[str, str], shown: Mapping[str, str]) -> dict[str, Any]:
    """Return what somebody changed in a form, as values for `change_issue`.

    Browsers send line ends as CR LF; a text that differs in nothing else was not changed.

    Raises:
        FormError: A value cannot be read.
    """
    changed = {
        name: text.replace("\r\n", "\n")
        for name, text in typed.items()
        if text.replace("\r\n", "\n") != shown[name].replace("\r\n", "\n")
    }
    values: dict[str, Any] = {name: text.strip() or None for name, text in changed.items() if name not in TEXT_FIELDS}
    values |= {name: text for name, text in changed.items() if name in TEXT_FIELDS}
    if "labels" in changed:
        values["labels"] = split_labels(changed["labels"])
    return read_body(IssuePatch, values).changes()


def split_labels(text: str) -> list[str]:
    """Return labels that are separated by commas."""
    return [label.strip() for label in text.split(",") if label.strip()]


def is_number(text: str) -> bool:
    """Whether a text is a number that the database can hold."""
    return text.isascii() and text.isdigit() and len(text) < 10  # noqa: PLR2004 -- Digits of a 32-bit number.


def read_body(body: type[Body], values: Mapping[str, Any]) -> Body:
    """Return what a form says as the body that the API takes, with the same limits.

    Raises:
        FormError: A value cannot be read.
    """
    try:
        return body.model_validate(values)
    except ValidationError as error:
        problems = [FieldProblem(str(each["loc"][0]), _describe(each), each["type"]) for each in error.errors()]
        first = problems[0]
        raise FormError(f"{first.field.replace('_', ' ').capitalize()}: {first.problem}", fields=problems) from error


def _describe(error: ErrorDetails) -> str:
    """Return what is wrong; of several values in one field, such as labels, also with which."""
    number = next((part + 1 for part in error["loc"][1:] if isinstance(part, int)), None)
    return describe_kind(error) if number is None else f"No. {number}: {describe_kind(error)}"


def problems_by_field(error: BugFlowError | None) -> dict[str, str]:
    """Return what is wrong with each field of a form, where an error says so."""
    return {each.field: each.problem for each in error.fields} if isinstance(error, InvalidError) else {}
