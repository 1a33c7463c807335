"""Issues, comments, attachments, relations, watchers, labels and the history of every field."""

from datetime import date, datetime
from uuid import UUID, uuid4

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    func,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.core.database import Table, UtcDateTime

NO_SEVERITY = -1
"""The rank of an issue without severity: below every severity."""

FILTERED = (
    "status",
    "severity_id",
    "team_id",
    "assignee_id",
    "priority_rank",
    "issue_type",
    "component_id",
    "reporter_id",
    "sprint_id",
    "restricted",
)
"""What lists are filtered by: in the two indexes by which most are read, so that a row is read only if it is shown."""


class Issue(Table):
    """A bug, story or task. `id` is its number in the installation, `key` its name in the project.

    `severity_rank` repeats the rank of its severity, which never changes, for an index to order by.
    """

    __tablename__ = "issues"
    __table_args__ = (
        Index("ix_issues_updated", "updated_at", "id", "project_id", *FILTERED),
        Index("ix_issues_created", "created_at", "id", unique=True),  # What relations refer to.
        Index("ix_issues_project_updated", "project_id", "updated_at", "id", *FILTERED),
        Index("ix_issues_project_status_updated", "project_id", "status", "updated_at", "id"),
        Index("ix_issues_status_updated", "status", "updated_at", "id"),
        Index("ix_issues_assignee_status_updated", "assignee_id", "status", "updated_at", "id"),
        Index("ix_issues_reporter_updated", "reporter_id", "updated_at", "id"),
        Index("ix_issues_severity_updated", "severity_id", "updated_at", "id"),
        Index("ix_issues_team_status_updated", "team_id", "status", "updated_at", "id"),
        Index("ix_issues_component_updated", "component_id", "updated_at", "id"),
        Index("ix_issues_severity_rank", "severity_rank", "id"),
        CheckConstraint("status IN ('open', 'in_progress', 'resolved', 'closed')", name="status"),
        CheckConstraint("issue_type IN ('bug', 'story', 'task')", name="issue_type"),
        CheckConstraint("priority_rank BETWEEN 1 AND 5", name="priority_rank"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    key: Mapped[str] = mapped_column(String(60), unique=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    title: Mapped[str] = mapped_column(String(500))
    description: Mapped[str] = mapped_column(default="")
    stack_trace: Mapped[str] = mapped_column(default="")
    environment: Mapped[str] = mapped_column(default="")
    issue_type: Mapped[str] = mapped_column(String(10), default="bug")
    status: Mapped[str] = mapped_column(String(20), default="open")
    resolution: Mapped[str | None] = mapped_column(String(20))
    severity_id: Mapped[int | None] = mapped_column(ForeignKey("severities.id"))
    severity_rank: Mapped[int] = mapped_column(default=NO_SEVERITY)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    component_id: Mapped[int | None] = mapped_column(ForeignKey("components.id"))
    priority_rank: Mapped[int | None]
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reporter_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    sprint_id: Mapped[int | None] = mapped_column(ForeignKey("sprints.id"), index=True)
    due_on: Mapped[date | None]
    story_points: Mapped[float | None]
    estimated_hours: Mapped[float | None]
    actual_hours: Mapped[float | None]
    restricted: Mapped[bool] = mapped_column(default=False)
    source_url: Mapped[str | None] = mapped_column(String(500))
    comment_count: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy's declaration.


PRIORITY_ORDER = func.coalesce(Issue.priority_rank, literal_column("0"))
DUE_ORDER = func.coalesce(Issue.due_on, literal_column("'9999-12-31'"))
"""What lists are ordered by: literally as in the indexes, or these are not used."""

Index("ix_issues_priority_order", PRIORITY_ORDER, Issue.id)
Index("ix_issues_due_order", DUE_ORDER, Issue.id)
Index("ix_issues_due", Issue.due_on)


class Comment(Table):
    """A comment in Markdown. A deleted one keeps its place and loses its text."""

    __tablename__ = "comments"
    __table_args__ = (Index("ix_comments_issue", "issue_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id"))
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Attachment(Table):
    """A file of an issue; its bytes are in storage under `storage_key`."""

    __tablename__ = "attachments"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id"), index=True)
    uploader_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    filename: Mapped[str] = mapped_column(String(255))
    content_type: Mapped[str] = mapped_column(String(100))
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str] = mapped_column(String(300), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IssueRelation(Table):
    """`source` duplicates, blocks or relates to `target`.

    It repeats when both were created, which the database keeps true, so that the database can refuse a duplicate that
    is not newer than its target: every duplicate leads back in time, and so never in a circle.
    """

    __tablename__ = "issue_relations"
    __table_args__ = (
        UniqueConstraint("source_id", "kind", "target_id"),
        ForeignKeyConstraint(
            ["source_id", "source_created_at"], ["issues.id", "issues.created_at"], onupdate="CASCADE"
        ),
        ForeignKeyConstraint(
            ["target_id", "target_created_at"], ["issues.id", "issues.created_at"], onupdate="CASCADE"
        ),
        Index("ix_issue_relations_target", "target_id", "kind"),
        Index(
            "uq_issue_relations_one_duplicate",
            "source_id",
            unique=True,
            sqlite_where=text("kind = 'duplicate_of'"),
            postgresql_where=text("kind = 'duplicate_of'"),
        ),
        CheckConstraint("source_id <> target_id", name="not_itself"),
        CheckConstraint("kind IN ('duplicate_of', 'blocks', 'relates_to')", name="kind"),
        CheckConstraint(
            "kind <> 'duplicate_of' OR target_created_at < source_created_at "
            "OR (target_created_at = source_created_at AND target_id < source_id)",
            name="older_target",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int]
    source_created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    target_id: Mapped[int]
    target_created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(20))
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Watcher(Table):
    """A user who follows an issue."""

    __tablename__ = "watchers"

    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class IssueLabel(Table):
    """A label on an issue."""

    __tablename__ = "issue_labels"
    __table_args__ = (Index("ix_issue_labels_label", text("lower(label)"), "issue_id"),)

    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id"), primary_key=True)
    label: Mapped[str] = mapped_column(String(80), primary_key=True)


class IssueChange(Table):
    """One field of an issue changed; values are as a reader would write them."""

    __tablename__ = "issue_changes"
    __table_args__ = (Index("ix_issue_changes_issue", "issue_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id"))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    field: Mapped[str] = mapped_column(String(30))
    old: Mapped[str | None]
    new: Mapped[str | None]
