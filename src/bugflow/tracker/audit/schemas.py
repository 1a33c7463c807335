"""What the API shows of the audit log."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class AuditEntryRead(BaseModel):
    """One change: who did what to which thing, what it was before and after, and from where."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    actor_number: int | None = Field(
        validation_alias="actor_id", description="The user's number; null for the installation itself."
    )
    actor_name: str
    origin: str = Field(description="web, api, cli, import or job.")
    address: str | None
    action: str
    subject_type: str
    subject_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
