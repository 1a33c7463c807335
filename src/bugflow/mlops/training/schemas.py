"""Trainings over HTTP: what the API takes and gives."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bugflow.mlops.registry.versions import ModelType

Then = Literal["stages", "at once", "keep"]


class TrainingAsk(BaseModel):
    """What is to be trained, and what becomes of the model."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"task": "severity", "reason": "The teams were cut anew.", "then": "stages"}]}
    )

    task: ModelType
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""
    project: Annotated[str, StringConstraints(min_length=1, max_length=120)] | None = Field(
        default=None, description="For this project's own model: key, name or UUID; without it for all projects."
    )
    query: Annotated[str, StringConstraints(max_length=2000)] = Field(
        default="", description="Only issues that this asks for teach and judge, in the language of the search."
    )
    backend: Annotated[str, StringConstraints(max_length=20)] | None = Field(
        default=None, description="One of those of `bugflow train`; without it what is best for the data."
    )
    least: int | None = Field(default=None, ge=2, le=10_000, description="Labels of fewer issues are left out.")
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Of all that is random.")
    then: Then = Field(
        default="stages",
        description="What becomes of a model that passed its checks: `stages`, tried as the settings say; `at once`, "
        "used; `keep`, neither.",
    )
    trigger: Literal["person", "pipeline"] = Field(default="person", description="Who asks.")


class TrainingRead(BaseModel):
    """A training: why it began, how far it is, and what came of it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(validation_alias="uuid")
    task: str
    scope: str = Field(description="`global`, or the UUID of the project it is for.")
    state: Literal["queued", "running", "succeeded", "failed"]
    trigger: str = Field(
        description="`person`, `pipeline`, `corrections`, `age`, `growth`, `drift` or `weekly`: what asked for it."
    )
    reason: str
    requested_by: str = Field(validation_alias="requested_by_name")
    as_of: datetime = Field(description="The moment whose issues teach.")
    step: str = Field(description="What was finished last: `ordered`, `prepared`, `learned`, `kept` or `done`.")
    progress: float = Field(ge=0, le=1)
    n_labelled: int | None = Field(description="How many examples there were.")
    dataset: str | None = Field(description="The data it learned from, as the storage names them.")
    version: str | None
    passed: bool | None = Field(description="Whether the model passed its checks.")
    then: str | None = Field(description="What became of the model: `used`, `shadow`, `ab` or `kept`.")
    outcome: str | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class TrainingLog(TrainingRead):
    """A training with its log."""

    log: str = Field(description="A line for each step, with the moment in UTC.")
