"""A small tracker's past with duplicates, made up anew from a seed."""

from pathlib import Path

import numpy as np
import polars as pl

SYLLABLES = [first + second for first in "bdfgklmnrstv" for second in "aeio"]
COMPONENTS = ("core", "ui", "db")


def write_tracker(path: Path, *, issues: int = 400, share: float = 0.3, seed: int = 0) -> Path:
    """Write a Parquet file of reports, of which a share repeats an older one in other words, some of them the same."""
    random = np.random.default_rng(seed)
    vocabulary = sorted({"".join(random.choice(SYLLABLES, 3)) for _ in range(900)})
    rows: list[dict[str, object]] = []
    topics: list[list[str]] = []
    for number in range(issues):
        older = int(random.integers(0, number)) if number > 20 and random.random() < share else None
        topic = list(random.choice(vocabulary, 12)) if older is None else list(topics[older])
        if older is not None:
            topic[8:] = list(random.choice(vocabulary, 4))
        topics.append(topic)
        told = [str(each) for each in random.permutation(topic)]
        component = number % 3 if older is None else COMPONENTS.index(str(rows[older]["component"]))
        rows.append(
            {
                "issue_id": f"T-{number}",
                "title": " ".join(told[:4]),
                "description": " ".join(told[4:]),
                "component": COMPONENTS[component],
                "created_at": f"2024-01-01T{number // 60:02}:{number % 60:02}:00",
                "resolved_at": f"2024-02-01T{number // 60:02}:{number % 60:02}:00",
                "duplicate_of": None if older is None else f"T-{older}",
            }
        )
    pl.DataFrame(rows, schema_overrides={"duplicate_of": pl.String}).write_parquet(path)
    return path
