"""Which issues never teach a model; the database itself refuses to change or delete a row."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.core.database import Table, UtcDateTime


class GoldSet(Table):
    """The rule of one gold set: what is learned, for all projects or for one, and what was frozen when."""

    __tablename__ = "gold_sets"

    field: Mapped[str] = mapped_column(String(20), primary_key=True)
    scope: Mapped[str] = mapped_column(String(40), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
