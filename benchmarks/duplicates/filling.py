"""Homes full of synthetic issues, the same for the same number: words, stack traces, and vectors that are drawn.

The words are those of the encoder's own vocabulary in its order, which is that of how frequent they are in English, by
Zipf's law; one in fifteen is joined with another into a name in code, so that new ones keep coming. Every fifth issue
has a stack trace of Python or Java. Vectors are drawn, not encoded: see `DrawnVectors`.
"""

import json
import random
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from building import Prose, Size, build_database
from numpy.typing import NDArray
from sqlalchemy import create_engine, make_url, select, text

from bugflow.assist.duplicates.packing import read_kept
from bugflow.assist.duplicates.profiling import profile_backlog
from bugflow.assist.duplicates.tables import IssueProfile
from bugflow.assist.duplicates.vector_filling import keep_vectors
from bugflow.assist.duplicates.vector_search import find_vectors, list_searched
from bugflow.core.database import Database, open_database
from bugflow.core.security.passwords import PasswordHasher
from bugflow.migrations import upgrade_schema
from bugflow.ml.contract import Vectors
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.issues.tables import Issue

VOCABULARY_STARTS = 1_996
"""In a vocabulary of BERT's, before it there are marks, digits and letters."""
JOINED, TRACED, PLACES, THEMES = 1 / 15, 1 / 5, 20_000, 400
REWORDED, OLDER = 1 / 5, 2_000
WARMED_AT_ONCE, WARMING_SEARCHES = 10_000, 1_000
_WARM = text("SELECT max(vector_dims(text)) FROM issue_vectors WHERE issue_id > :first AND issue_id <= :last")
COMMON, THEME, OWN = 0.45, 0.55, 0.7
"""What makes up a drawn vector: texts of one theme have cosines of about .5, others of .2, as with real ones."""


class Draft(NamedTuple):
    """A report that is to be written."""

    title: str
    description: str
    stack_trace: str


class ReportProse(Prose):
    """Text of real words as unevenly frequent as those of a language, with names in code, and stack traces."""

    def draft(self, older: Sequence[Draft] = ()) -> Draft:
        """Return a report to be written: a new one, or, where there are older ones, half the time one of these.

        A fifth of its words are others then, and it has its stack trace.
        """
        if not older or self._chance.random() < 1 / 2:
            return Draft(self.write(5, 11).capitalize(), self.write(30, 90), self.trace())
        title, description, trace = self._chance.choice(older)
        return Draft(self._reword(title), self._reword(description), trace)

    def _reword(self, text: str) -> str:
        return " ".join(word if self._chance.random() > REWORDED else self.write(1, 1) for word in text.split())

    def write(self, least: int, most: int) -> str:
        """Return so many words."""
        words = super().write(least, most).split()
        for place, word in enumerate(words):
            if self._chance.random() < JOINED:
                words[place] = word + self._chance.choice(self._words).capitalize()
        return " ".join(words)

    def trace(self) -> str:
        """Return a stack trace, for most issues none."""
        if self._chance.random() >= TRACED:
            return ""
        places = [self._draw_place() for _ in range(self._chance.randint(4, 14))]
        wrong, message = self._chance.choice(self._words[:300]).capitalize(), super().write(2, 6)
        if self._chance.random() < 1 / 2:
            lines = [f'  File "src/{a}/{b}.py", line {n}, in {b}_{a}\n    return {b}(self)' for a, b, n in places]
            return "\n".join(["Traceback (most recent call last):", *lines, f"{wrong}Error: {message}"])
        lines = [
            f"\tat org.{a}.{b.capitalize()}.{b}(  {b.capitalize()}.java:{n})".replace("(  ", "(") for a, b, n in places
        ]
        return "\n".join([f"java.lang.{wrong}Exception: {message}", *lines])

    def _draw_place(self) -> tuple[str, str, int]:
        place = int(PLACES ** self._chance.random())  # Zipf again: some places are in many traces.
        own = random.Random(place)
        return own.choice(self._words[:2000]), own.choice(self._words[:9000]), own.randint(10, 900)


class DrawnVectors:
    """In the encoder's place: vectors that are drawn in turn, of length 1, and the name of the true encoder.

    A direction that all share, one of 400 themes, which title and text of a report share, and chance, whose directions
    are unevenly strong.

    Attributes:
        name: The true encoder's, so that a server compares its vectors with these.
        n_dims: The true encoder's.
    """

    def __init__(self, name: str, n_dims: int, *, seed: int = 7) -> None:
        self.name, self.n_dims = name, n_dims
        self._chance = np.random.default_rng(seed)
        self._common = _level(self._chance.standard_normal((1, n_dims)))
        self._strengths = np.arange(1, n_dims + 1) ** -0.3
        self._themes = _level(self._chance.standard_normal((THEMES, n_dims)) * self._strengths)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return as many vectors, shape (texts, dimensions)."""
        return self.draw(len(texts))

    def draw(self, count: int) -> Vectors:
        """Return so many vectors; each two that follow one another share a theme. Shape (count, dimensions)."""
        themes = self._chance.integers(0, THEMES, (count + 1) // 2).repeat(2)[:count]
        own = _level(self._chance.standard_normal((count, self.n_dims)) * self._strengths)
        return _level(COMMON * self._common + THEME * self._themes[themes] + OWN * own).astype(np.float32)


def _level(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def read_vocabulary(encoder: Path) -> list[str]:
    """Return the whole words of a prepared encoder's vocabulary, the most frequent first."""
    content = json.loads((encoder / "tokenizer.json").read_text(encoding="utf-8"))
    numbers: dict[str, int] = content["model"]["vocab"]
    words = sorted(numbers, key=numbers.__getitem__)[VOCABULARY_STARTS:]
    return [word for word in words if word.isascii() and word.isalpha() and len(word) > 1]


class Filled(NamedTuple):
    """How long it took to fill a database.

    Attributes:
        seconds: For all of it.
        vectors_seconds: For copying the vectors in the database and building their index, as far as that was done.
    """

    seconds: float
    vectors_seconds: float


def fill_home(home: Path, address: str, issues: int, encoder: Path, vectors: DrawnVectors) -> Filled:
    """Build the database of a home unless a former run has; return the seconds that took."""
    done = home / "built.json"
    if not done.exists():
        home.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        empty_database(address)
        database = open_database(address)
        fill_database(database, issues, encoder, vectors)
        before = time.perf_counter()
        keep_vectors(database, vectors.name)
        database.dispose()
        ended = time.perf_counter()
        done.write_text(json.dumps(Filled(ended - started, ended - before)._asdict()), encoding="utf-8")
    return Filled(**json.loads(done.read_text(encoding="utf-8")))


def empty_database(address: str) -> None:
    """Remove what a former run has left, and where it is PostgreSQL make the database."""
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database))
        for old in file.parent.glob(f"{file.name}*"):
            old.unlink()
        return
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{url.database}"'))
        connection.execute(text(f'CREATE DATABASE "{url.database}"'))
    engine.dispose()


def fill_database(database: Database, issues: int, encoder: Path, vectors: DrawnVectors) -> None:
    """Make the tables, and fill them with issues and their profiles."""
    upgrade_schema(database)
    make_prose = partial(ReportProse, words=read_vocabulary(encoder))
    hasher = PasswordHasher(time_cost=1, memory_kib=1024)
    build_database(database, Size(issues, 0), hasher, make_prose=make_prose)
    profile_backlog(database, vectors)


def warm_vectors(address: str) -> None:
    """Have PostgreSQL read its vectors and their index into its memory; elsewhere there is nothing to be done."""
    database, actor = open_database(address), build_system_actor("cli")
    with database.snapshot() as session:
        names = list_searched(session)
        vectors = find_vectors(session, names[0]) if names else None
        if vectors is not None:
            last = session.scalar(text("SELECT max(issue_id) FROM issue_vectors")) or 0
            for first in range(0, last, WARMED_AT_ONCE):
                session.execute(_WARM, {"first": first, "last": first + WARMED_AT_ONCE})
            numbers = np.random.default_rng(0).integers(1, last + 1, WARMING_SEARCHES).tolist()
            kept = session.scalars(select(IssueProfile.profile).where(IssueProfile.issue_id.in_(numbers)))
            for packed in kept.all():
                vectors.find_nearest(session, read_kept(packed), viewer=actor)
    database.dispose()


def read_older(address: str) -> list[Draft]:
    """Return some issues of a database, for people to report once more."""
    database = open_database(address)
    with database.snapshot() as session:
        found = session.execute(
            select(Issue.title, Issue.description, Issue.stack_trace).order_by(Issue.uuid).limit(OLDER)
        )
        rows = [Draft(*row) for row in found]
    database.dispose()
    return rows
