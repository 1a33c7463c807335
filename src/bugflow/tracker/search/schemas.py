"""What the API takes and gives for saved searches."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class SavedSearchCreate(BaseModel):
    """A query to keep."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    query: Annotated[str, StringConstraints(max_length=1000)]
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
