"""What the API takes and gives for sprints."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from bugflow.tracker.issues.schemas import IssueReference
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.tables import Project
from bugflow.tracker.sprints.tables import Sprint, SprintMembership

State = Literal["planned", "active", "completed"]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Goal = Annotated[str, StringConstraints(max_length=10_000)]
Capacity = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
Version = Annotated[int, Field(ge=1, description="The version that was edited; another one is answered by 409.")]


class SprintCreate(BaseModel):
    """A new sprint."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    goal: Goal = ""
    starts_on: date
    ends_on: date
    capacity_hours: Capacity | None = None


class SprintPatch(BaseModel):
    """What to change; what is left out stays. Only the capacity can be null."""

    model_config = ConfigDict(extra="forbid")

    version: Version | None = None
    name: Name | None = None
    goal: Goal | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    capacity_hours: Capacity | None = None

    def changes(self) -> dict[str, Any]:
        """Return what was given."""
        given = self.model_dump(exclude_unset=True, exclude={"version"})
        return {field: value for field, value in given.items() if value is not None or field == "capacity_hours"}


class SprintStart(BaseModel):
    """The sprint as it was seen."""

    model_config = ConfigDict(extra="forbid")

    version: Version | None = None


class SprintComplete(BaseModel):
    """Where unfinished issues go: to the next planned sprint, to the one named by `sprint`, or to the backlog."""

    model_config = ConfigDict(extra="forbid")

    unfinished: Literal["next", "sprint", "backlog"]
    sprint: UUID | None = None
    version: Version | None = None

    @model_validator(mode="after")
    def require_one_target(self) -> Self:
        """Refuse a target that is missing, or that is not asked for."""
        if (self.unfinished == "sprint") != (self.sprint is not None):
            raise ValueError("Give `sprint` where `unfinished` is 'sprint', and only there.")
        return self


class SprintIssues(BaseModel):
    """Issues to move: all of them, or none."""

    model_config = ConfigDict(extra="forbid")

    issues: list[IssueReference] = Field(min_length=1, max_length=500)


class MovedRead(BaseModel):
    """How many issues were moved; the others were there already."""

    moved: int


class SprintRead(BaseModel):
    """A sprint."""

    id: UUID
    project: str
    name: str
    goal: str
    state: State
    starts_on: date
    ends_on: date
    capacity_hours: float | None
    issue_count: int
    version: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None

    @classmethod
    def of(cls, sprint: Sprint, project: Project, *, issue_count: int) -> Self:
        """Return a sprint as the API shows it."""
        plain = {name: getattr(sprint, name) for name in cls.model_fields if hasattr(sprint, name)}
        return cls.model_validate(plain | {"id": sprint.uuid, "project": project.key, "issue_count": issue_count})


class MembershipRead(BaseModel):
    """An issue's stay in the sprint; `after_start` if it joined a running one."""

    issue: str
    title: str
    added_at: datetime
    removed_at: datetime | None
    after_start: bool
    outcome: Literal["completed", "carried_over"] | None
    points: float | None

    @classmethod
    def of(cls, sprint: Sprint, membership: SprintMembership, issue: Issue) -> Self:
        """Return a stay as the API shows it."""
        ended = membership.removed_at is not None or membership.outcome is not None
        return cls.model_validate(
            {
                "issue": issue.key,
                "title": issue.title,
                "added_at": membership.added_at,
                "removed_at": membership.removed_at,
                "after_start": sprint.started_at is not None and membership.added_at > sprint.started_at,
                "outcome": membership.outcome,
                "points": membership.final_points if ended else issue.story_points,
            }
        )


class AmountRead(BaseModel):
    """A number of issues and their size."""

    model_config = ConfigDict(from_attributes=True)

    issues: int
    points: float
    hours: float


class RemainingRead(BaseModel):
    """What was unfinished at the end of a day (UTC)."""

    model_config = ConfigDict(from_attributes=True)

    day: date
    remaining: AmountRead


class ReportRead(BaseModel):
    """A sprint in numbers; `completed` points of completed sprints are the team's velocity."""

    model_config = ConfigDict(from_attributes=True)

    committed: AmountRead
    added: AmountRead
    removed: AmountRead
    completed: AmountRead
    carried_over: AmountRead
    days: list[RemainingRead]
