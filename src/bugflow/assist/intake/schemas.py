"""The documented short verbs: what they take and give."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bugflow.tracker.issues.vocabulary import Status

Description = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000_000)]
ShortName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]


class BugReport(BaseModel):
    """A bug, as a tester reports it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "description": "The login button crashes the app on every click.",
                    "project": "WebApp",
                    "severity": "high",
                    "team": "Frontend",
                    "assigned_to_id": 2,
                }
            ]
        }
    )

    description: Description
    project: ShortName | None = Field(
        default=None, description="Key, name or UUID; may be left out where you see only one project."
    )
    severity: ShortName | None = None
    team: ShortName | None = None
    assigned_to_id: int | UUID | None = Field(default=None, description="Number or UUID of a user.")


class BugReported(BaseModel):
    """The new bug's number, and more names for it."""

    id: int
    message: Literal["Bug reported"] = "Bug reported"
    uuid: UUID
    key: str


class BugUpdate(BaseModel):
    """A new status, or a project manager's corrections, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"bug_id": 1, "status": "in_progress"},
                {"bug_id": 1, "correction_severity": "critical", "correction_team": "Backend"},
            ]
        }
    )

    bug_id: int | UUID | Annotated[str, StringConstraints(max_length=60)]
    status: Status | None = None
    correction_severity: ShortName | None = None
    correction_team: ShortName | None = None


class BugUpdated(BaseModel):
    """What was done, and how many corrections there are in all."""

    message: Literal["Bug updated (AI Feedback Recorded)", "Bug updated"]
    feedback_count: int
