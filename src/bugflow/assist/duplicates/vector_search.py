"""Asking PostgreSQL for the nearest issues by meaning, and for the cosines of some."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Executable, Select, TextClause, bindparam, column, literal_column, select, table, text
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.vector_tables import INDEX, HalfVector, has_tables, take_vectors
from bugflow.ml.duplicates.meanings import GivenMeanings, Nearness
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.vectors import Vector
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.issues.queries import KEPT_CONDITIONS, visible_to
from bugflow.tracker.issues.tables import Issue

NEAREST = 200
MOST_MILLISECONDS = 2_000
"""So long a query may take; after that the words answer."""
PRODUCTS = (("text", "text"), ("title", "title"), ("text", "title"), ("title", "text"), ("text", "mean"))
"""Of which of an issue's vectors with which of a report's; the mean is that of all texts."""
_PACKED = " || ".join(
    [
        "int4send(issue_vectors.issue_id)",
        *(
            f"float4send(CAST(issue_vectors.{theirs} <#> CAST(:{mine} AS halfvec) AS real))"
            for theirs, mine in PRODUCTS
        ),
    ]
)
"""An issue's number and products as bytes: hundreds of rows with a value each cost a process more than the search.

pgvector gives the negative of each product.
"""
_ROW = np.dtype([("issue", ">i4"), ("products", ">f4", len(PRODUCTS))])

# `hnsw.ef_search`: how many are kept in sight; pgvector searches on where conditions leave fewer than are wanted.
_PREPARE = text(
    "SELECT set_config('hnsw.ef_search', :sight, true), set_config('hnsw.iterative_scan', 'relaxed_order', true), "
    "set_config('statement_timeout', :most, true)"
)
_SEARCHED = text(
    "SELECT id, name, n_dims, mean FROM vector_encoders WHERE filled_at IS NOT NULL AND mean IS NOT NULL "
    "AND EXISTS (SELECT FROM pg_index WHERE indisvalid AND indexrelid = to_regclass(:index || id)) "
    "AND name = coalesce(:name, name) ORDER BY name"
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the database computed about some issues.

    Attributes:
        identities: The issues' numbers, ascending.
        values: Their `PRODUCTS`, shape (issues, products): the four of `Nearness`, and that with the mean of all.
        own: Product of the report's text with that mean, `length` the mean's with itself.
    """

    identities: NDArray[np.int64]
    values: NDArray[np.float32]
    own: float
    length: float

    def join(self, other: "Measured") -> "Measured":
        """Return this and what was computed about other issues."""
        identities = np.concatenate([self.identities, other.identities])
        order = np.argsort(identities)
        return replace(self, identities=identities[order], values=np.concatenate([self.values, other.values])[order])

    def place(self, rows: NDArray[np.int64], identities: NDArray[np.int64]) -> GivenMeanings:
        """Return this for rows, ascending, of an index; 0 for issues that the database has no vectors of."""
        values = np.zeros((len(rows), len(PRODUCTS)), dtype=np.float32)
        if len(self.identities):
            places = np.minimum(np.searchsorted(self.identities, identities), len(self.identities) - 1)
            found = self.identities[places] == identities
            values[found] = self.values[places[found]]
        *near, common = values.T
        return GivenMeanings.build(rows, Nearness(*near), common, own=self.own, length=self.length)


@dataclass(frozen=True, slots=True, eq=False)
class DatabaseVectors:
    """The vectors of one encoder, all of them in the database, and searched by its index.

    Attributes:
        encoder_id: The encoder's number there.
        mean: Of all texts, as it was when the index was built or the number of issues had changed by a tenth.
    """

    encoder_id: int
    n_dims: int
    mean: Vector

    def find_nearest(
        self, session: Session, profile: Profile, *, viewer: Actor, before: datetime | None = None
    ) -> Measured:
        """Return about 200 issues whose texts are nearest, that the viewer may see.

        Args:
            session: Its next statements are ended after two seconds.
            profile: Of a report that has vectors.
            viewer: Who asks.
            before: Only issues that were created before.
        """
        if before is None and viewer.may(Permission.SEE_ALL_PROJECTS) and viewer.may(Permission.SEE_RESTRICTED):
            return self._ask(session, _build_nearest(self.encoder_id, self.n_dims), profile, {})
        statement = _build_nearest_visible(self.encoder_id, self.n_dims, viewer, is_dated=before is not None)
        return self._ask(session, statement, profile, {} if before is None else {"before": before})

    def measure(self, session: Session, profile: Profile, identities: NDArray[np.int64]) -> Measured:
        """Return how near some issues are to a report that has vectors."""
        return self._ask(session, _build_measures(self.encoder_id), profile, {"issues": identities.tolist()})

    def _ask(self, session: Session, statement: Executable, profile: Profile, values: Mapping[str, object]) -> Measured:
        if profile.title is None or profile.text is None:
            raise ValueError("A report without vectors cannot be compared by its meaning.")
        take_vectors(session)
        session.execute(_PREPARE, {"sight": str(NEAREST), "most": str(MOST_MILLISECONDS)})
        vectors = {"text": profile.text, "title": profile.title, "mean": self.mean}
        mine = {name: HalfVector(vector) for name, vector in vectors.items()}
        rows = np.frombuffer(session.scalar(statement, {**mine, **values}) or b"", dtype=_ROW)
        rows = rows[np.argsort(rows["issue"])]
        return Measured(
            rows["issue"].astype(np.int64),
            -rows["products"].astype(np.float32),
            own=float(profile.text @ self.mean),
            length=float(self.mean @ self.mean),
        )


def find_vectors(session: Session, encoder_name: str) -> DatabaseVectors | None:
    """Return the vectors of an encoder; none where the database cannot search them, or not yet."""
    if not encoder_name or not has_tables(session):
        return None
    found = session.execute(_SEARCHED, {"name": encoder_name, "index": INDEX}).first()
    if found is None:
        return None
    return DatabaseVectors(found.id, found.n_dims, np.array(found.mean, dtype=np.float32))


def list_searched(session: Session) -> list[str]:
    """Return the encoders whose vectors the database can search."""
    return (
        [row.name for row in session.execute(_SEARCHED, {"name": None, "index": INDEX})] if has_tables(session) else []
    )


# The encoder's number stands in the statements: only so PostgreSQL sees that the index of that encoder serves.
@lru_cache(16)
def _build_nearest(encoder_id: int, n_dims: int) -> TextClause:
    return text(
        f"SELECT string_agg(packed, '') FROM (SELECT {_PACKED} AS packed FROM issue_vectors "  # noqa: S608 -- Numbers, names of ours.
        f"WHERE encoder_id = {encoder_id:d} "
        f"ORDER BY text::halfvec({n_dims:d}) <=> CAST(:text AS halfvec({n_dims:d})) LIMIT {NEAREST}) AS nearest"
    )


@lru_cache(KEPT_CONDITIONS)
def _build_nearest_visible(encoder_id: int, n_dims: int, viewer: Actor, *, is_dated: bool) -> Select[Any]:
    vectors = table("issue_vectors", column("issue_id"))
    distance = literal_column(f"issue_vectors.text::halfvec({n_dims:d})").op("<=>")(
        text(f"CAST(:text AS halfvec({n_dims:d}))")
    )
    nearest = (
        select(text(f"{_PACKED} AS packed"))
        .join_from(vectors, Issue, Issue.id == vectors.c.issue_id)
        .where(literal_column(f"issue_vectors.encoder_id = {encoder_id:d}"), visible_to(viewer))
        .where(*([Issue.created_at < bindparam("before")] if is_dated else []))
        .order_by(distance)
        .limit(NEAREST)
    ).subquery("nearest")
    return select(literal_column("string_agg(packed, '')")).select_from(nearest)


@lru_cache(16)
def _build_measures(encoder_id: int) -> TextClause:
    return text(
        f"SELECT string_agg({_PACKED}, '') FROM issue_vectors "  # noqa: S608 -- A number and names of ours.
        f"WHERE issue_id = ANY(:issues) AND encoder_id = {encoder_id:d}"
    )
