"""What the API takes and gives for projects."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bugflow.tracker.accounts.schemas import NO_NUL, PRINTABLE

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=PRINTABLE)]
ProjectName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120, pattern=PRINTABLE)]
ProjectKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{1,19}$")]


class ProjectCreate(BaseModel):
    """A new project."""

    key: ProjectKey = Field(description="Short name in issue keys, e.g. WEB.")
    name: ProjectName
    description: str = Field(default="", max_length=10_000, pattern=NO_NUL)
    visibility: Literal["internal", "private"] = "internal"


class ProjectPatch(BaseModel):
    """What to change of a project; what is left out stays."""

    name: ProjectName | None = None
    description: str | None = Field(default=None, max_length=10_000, pattern=NO_NUL)
    visibility: Literal["internal", "private"] | None = None
    predictions: bool | None = Field(default=None, description="Whether models say something about its reports.")
    archived: bool | None = None


class ProjectRead(BaseModel):
    """A project."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(validation_alias="uuid")
    key: str
    name: str
    description: str
    visibility: str
    predictions: bool
    created_at: datetime
    archived_at: datetime | None


class MemberRead(BaseModel):
    """A member of a project."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(validation_alias="uuid")
    name: str
    role: str


class EntryCreate(BaseModel):
    """A new team or component."""

    name: Name


class SeverityCreate(BaseModel):
    """A new severity; a higher rank is worse."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40, pattern=PRINTABLE)]
    rank: int = Field(ge=0, le=1000)


class EntryPatch(BaseModel):
    """Rename, archive or restore."""

    name: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40, pattern=PRINTABLE)] | None
    ) = None
    archived: bool | None = None


class EntryRead(BaseModel):
    """A team or component."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    archived_at: datetime | None


class SeverityRead(EntryRead):
    """A severity."""

    rank: int
