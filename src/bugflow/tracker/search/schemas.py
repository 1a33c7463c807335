"""What the API takes and gives for saved searches."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bugflow.tracker.accounts.schemas import PRINTABLE
from bugflow.tracker.issues.schemas import IssueRead
from bugflow.tracker.issues.vocabulary import Status


class BoardColumnRead(BaseModel):
    """A column of the board. Its `next_cursor` continues `GET /issues` with `status:` added to the query."""

    status: Status
    count: int = Field(description="How many issues the column has, as far as they were counted.")
    count_is_exact: bool
    issues: list[IssueRead]
    next_cursor: str | None


class SavedSearchCreate(BaseModel):
    """A query to keep."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=PRINTABLE)]
    query: Annotated[str, StringConstraints(max_length=1000, pattern=PRINTABLE)]
    project: Annotated[str, StringConstraints(max_length=120)] | None = Field(
        default=None, description="Share it with everyone who sees this project."
    )


class SavedSearchRead(BaseModel):
    """A kept query."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(validation_alias="uuid")
    name: str
    query: str
    created_at: datetime
