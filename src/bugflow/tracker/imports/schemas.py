"""Imports over HTTP: what is answered."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from bugflow.tracker.imports.requests import ImportView

SourceName = Literal["github", "jira", "bugzilla", "bugflow"]


class ImportedFileRead(BaseModel):
    """A file that was sent."""

    name: str
    size_bytes: int


class NotCarriedRead(BaseModel):
    """Something that was left behind, how often, and a few examples."""

    what: str
    count: int
    examples: list[str]


class ImportReportRead(BaseModel):
    """What an import did, or on a dry run would do."""

    source: str
    dry_run: bool
    new_projects: list[str]
    new_issues: int
    changed_issues: int
    unchanged_issues: int
    kept_local: int = Field(description="Issues that changed at the source and here; ours are kept.")
    new_comments: int
    new_history: int
    new_users: int
    new_relations: int
    turned_duplicates: int = Field(
        default=0, description="Duplicates that lead the other way than at the source: back to the older issue."
    )
    without_account: list[str] = Field(description="The first of the people who became users that cannot sign in.")
    not_carried: list[NotCarriedRead]


class ImportRead(BaseModel):
    """One import: what was sent, how far it is, and in the end its report or why it failed."""

    id: UUID
    source: SourceName
    project: str | None
    dry_run: bool
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    progress: float = Field(ge=0, le=1)
    job: UUID
    files: list[ImportedFileRead]
    report: ImportReportRead | None
    error: str | None
    requested_by: str
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, view: ImportView, requested_by: str) -> Self:
        """Show an import."""
        run = view.run
        values: dict[str, Any] = {
            "id": run.uuid,
            "project": run.project_key,
            "job": run.job_id,
            "state": view.state,
            "progress": view.progress,
            "error": view.error,
            "requested_by": requested_by,
        }
        same = ("source", "dry_run", "files", "report", "created_at", "finished_at")
        return cls.model_validate(values | {name: getattr(run, name) for name in same})
