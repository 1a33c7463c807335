"""What was imported from where, so that a second run changes nothing and a killed one goes on."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.core.database import Json, Table, UtcDateTime


class ImportRun(Table):
    """An import asked for over HTTP: its files are in the storage under `files_key`, its work is the job `job_id`.

    While it is not finished its job tells the state; a finished one has a report or an error. Jobs are forgotten after
    a while, imports are not.
    """

    __tablename__ = "import_runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    source: Mapped[str] = mapped_column(String(20))
    project_key: Mapped[str | None] = mapped_column(String(20))
    dry_run: Mapped[bool] = mapped_column(default=False)
    started_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    job_id: Mapped[UUID]
    files_key: Mapped[str] = mapped_column(String(80), index=True)
    files: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    people: Mapped[dict[str, str]] = mapped_column(Json)
    report: Mapped[dict[str, Any] | None] = mapped_column(Json)
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ImportedRecord(Table):
    """A record of another tracker and what it became here. `namespace` tells two trackers of one kind apart."""

    __tablename__ = "imported_records"

    namespace: Mapped[str] = mapped_column(String(120), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    source_id: Mapped[str] = mapped_column(String(120), primary_key=True)
    target_id: Mapped[int] = mapped_column(index=True)
    content_hash: Mapped[str] = mapped_column(String(64))
