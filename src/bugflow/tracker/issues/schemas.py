"""What the API takes and gives for issues."""

from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.queries import IssueView, RelationView
from bugflow.tracker.issues.tables import Attachment, Comment, Issue, IssueChange
from bugflow.tracker.issues.vocabulary import (
    IssueType,
    Priority,
    RelationKind,
    Resolution,
    Status,
    priority_name,
)

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
LongText = Annotated[str, StringConstraints(max_length=1_000_000)]
ShortName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
UserReference = UUID | int | Annotated[str, StringConstraints(max_length=254)]
IssueReference = UUID | int | Annotated[str, StringConstraints(max_length=60)]
Amount = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]


class IssueFields(BaseModel):
    """The fields of an issue that people set."""

    model_config = ConfigDict(extra="forbid")

    description: LongText = Field(default="", description="Markdown.")
    stack_trace: LongText = ""
    environment: LongText = ""
    issue_type: IssueType = "bug"
    severity: ShortName | None = None
    team: ShortName | None = None
    component: ShortName | None = None
    priority: Priority | None = None
    assignee: UserReference | None = Field(default=None, description="UUID, number or e-mail address.")
    labels: list[Label] = Field(default_factory=list, max_length=50)
    due_on: date | None = None
    story_points: Amount | None = None
    estimated_hours: Amount | None = None
    actual_hours: Amount | None = None
    restricted: bool = False


class IssueCreate(IssueFields):
    """A new issue."""

    project: ShortName = Field(description="UUID, key or name of the project.")
    title: Title


class IssuePatch(BaseModel):
    """What to change; what is left out stays, null empties a field."""

    model_config = ConfigDict(extra="forbid")

    version: int | None = Field(
        default=None, ge=1, description="The version that was edited; another one is answered by 409."
    )
    title: Title | None = None
    description: LongText | None = None
    stack_trace: LongText | None = None
    environment: LongText | None = None
    issue_type: IssueType | None = None
    status: Status | None = None
    resolution: Resolution | None = None
    severity: ShortName | None = None
    team: ShortName | None = None
    component: ShortName | None = None
    priority: Priority | None = None
    assignee: UserReference | None = None
    labels: list[Label] | None = Field(default=None, max_length=50)
    due_on: date | None = None
    story_points: Amount | None = None
    estimated_hours: Amount | None = None
    actual_hours: Amount | None = None
    restricted: bool | None = None

    def changes(self) -> dict[str, Any]:
        """Return what was given. Text and fixed words cannot be null: an empty text, or nothing, says it."""
        given = self.model_dump(exclude_unset=True, exclude={"version"})
        for field in ("description", "stack_trace", "environment"):
            if field in given and given[field] is None:
                given[field] = ""
        if "labels" in given and given["labels"] is None:
            given["labels"] = []
        never_null = ("title", "issue_type", "status", "resolution", "restricted")
        return {field: value for field, value in given.items() if value is not None or field not in never_null}


class BulkPatch(BaseModel):
    """One change for many issues: all of them change, or none."""

    issues: list[IssueReference] = Field(min_length=1, max_length=500)
    changes: IssuePatch


class BulkRead(BaseModel):
    """How many issues are different now."""

    changed: int
    unchanged: int


class UserBrief(BaseModel):
    """A user, as other things mention one."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(validation_alias="uuid")
    number: int = Field(validation_alias="id")
    name: str


class SprintBrief(BaseModel):
    """The sprint an issue is in."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(validation_alias="uuid")
    name: str
    state: str


@cache
def _list_plain_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """Return which fields of a model are an issue's own columns."""
    return tuple(name for name in model.model_fields if hasattr(Issue, name))


class IssueRead(BaseModel):
    """An issue."""

    id: int
    uuid: UUID
    key: str
    project: str
    project_id: UUID
    title: str
    description: str
    stack_trace: str
    environment: str
    issue_type: IssueType
    status: Status
    resolution: str | None
    severity: str | None
    team: str | None
    component: str | None
    priority: Priority | None
    assignee: UserBrief | None
    reporter: UserBrief
    labels: list[str]
    sprint: SprintBrief | None
    due_on: date | None
    story_points: float | None
    estimated_hours: float | None
    actual_hours: float | None
    restricted: bool
    source_url: str | None
    comment_count: int
    version: int
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    closed_at: datetime | None

    @classmethod
    def of(cls, view: IssueView) -> Self:
        """Return an issue as the API shows it."""
        issue = view.issue
        plain = {name: getattr(issue, name) for name in _list_plain_fields(cls)}
        return cls.model_validate(
            plain
            | {
                "project": view.project.key,
                "project_id": view.project.uuid,
                "severity": view.severity.name if view.severity else None,
                "team": view.team.name if view.team else None,
                "component": view.component.name if view.component else None,
                "priority": priority_name(issue.priority_rank),
                "assignee": UserBrief.model_validate(view.assignee) if view.assignee else None,
                "reporter": UserBrief.model_validate(view.reporter),
                "labels": list(view.labels),
                "sprint": SprintBrief.model_validate(view.sprint) if view.sprint else None,
            }
        )


class CommentWrite(BaseModel):
    """The text of a comment, in Markdown; `@name` mentions a user by e-mail address."""

    body: Annotated[str, StringConstraints(min_length=1, max_length=200_000)]


class CommentRead(BaseModel):
    """A comment, and the issue it is on."""

    id: int
    issue: str
    issue_id: int
    author: UserBrief
    body: str
    created_at: datetime
    updated_at: datetime
    deleted: bool

    @classmethod
    def of(cls, comment: Comment, author: User, issue: Issue) -> Self:
        """Return a comment as the API shows it."""
        return cls(
            id=comment.id,
            issue=issue.key,
            issue_id=issue.id,
            author=UserBrief.model_validate(author),
            body=comment.body,
            created_at=comment.created_at,
            updated_at=comment.updated_at,
            deleted=comment.deleted_at is not None,
        )


class ChangeRead(BaseModel):
    """One field changed."""

    id: int
    at: datetime
    actor: UserBrief | None
    field: str
    old: str | None
    new: str | None

    @classmethod
    def of(cls, change: IssueChange, actor: User | None) -> Self:
        """Return a change as the API shows it."""
        return cls(
            id=change.id,
            at=change.at,
            actor=UserBrief.model_validate(actor) if actor else None,
            field=change.field,
            old=change.old,
            new=change.new,
        )


class AttachmentRead(BaseModel):
    """A file, and the issue it is on."""

    id: UUID
    issue: str
    issue_id: int
    filename: str
    content_type: str
    size_bytes: int
    sha256: str
    created_at: datetime

    @classmethod
    def of(cls, attachment: Attachment, issue: Issue) -> Self:
        """Return an attachment as the API shows it."""
        return cls(
            id=attachment.uuid,
            issue=issue.key,
            issue_id=issue.id,
            filename=attachment.filename,
            content_type=attachment.content_type,
            size_bytes=attachment.size_bytes,
            sha256=attachment.sha256,
            created_at=attachment.created_at,
        )


class RelationCreate(BaseModel):
    """This issue duplicates, blocks or relates to another one."""

    kind: RelationKind
    target: IssueReference


class RelationRead(BaseModel):
    """A relation, seen from one of its issues; `outgoing` if that issue is the one that duplicates or blocks."""

    id: int
    kind: str
    outgoing: bool
    issue: str
    issue_id: int
    title: str
    status: str

    @classmethod
    def of(cls, view: RelationView) -> Self:
        """Return a relation as the API shows it."""
        return cls(
            id=view.relation.id,
            kind=view.relation.kind,
            outgoing=view.outgoing,
            issue=view.other.key,
            issue_id=view.other.id,
            title=view.other.title,
            status=view.other.status,
        )
