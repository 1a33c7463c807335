"""A transaction that stays open beside a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from sqlalchemy import text

from bugflow.core.database import Database

LONGEST_SECONDS = 60.0


@contextmanager
def hold(database: Database, statement: str) -> Iterator[Event]:
    """Run a statement and keep its transaction open until the block ends, or the event that is given is set."""
    held, leave = Event(), Event()

    def work() -> None:
        with database.transaction() as session:
            session.execute(text(statement))
            held.set()
            leave.wait(LONGEST_SECONDS)

    thread = Thread(target=work)
    thread.start()
    try:
        assert held.wait(LONGEST_SECONDS), f"{statement} could not be run."
        yield leave
    finally:
        leave.set()
        thread.join(LONGEST_SECONDS)
