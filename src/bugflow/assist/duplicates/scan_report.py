"""The report of a scan, for people to settle: as a page, as a table, or for programs."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bugflow.assist.duplicates.scanning import Cluster, Pair
from bugflow.core.tabular import write_rows
from bugflow.web.rendering import render_document

COLUMNS = (
    "cluster",
    "issue",
    "title",
    "status",
    "older",
    "older_title",
    "older_status",
    "probability",
    "flagged",
    "why",
)


def write_html(clusters: Sequence[Cluster], *, public_url: str) -> str:
    """Return a page that stands alone, with links to the issues."""
    return render_document("duplicates/scan.html", clusters=clusters, site=public_url.rstrip("/"))


def write_csv(clusters: Sequence[Cluster], *, public_url: str) -> str:
    """Return a table, a row for each pair; addresses are left out."""
    del public_url
    rows = [_describe(number, pair) for number, cluster in enumerate(clusters, start=1) for pair in cluster.pairs]
    return write_rows([COLUMNS, *([str(row[name]) for name in COLUMNS] for row in rows)])


def write_jsonl(clusters: Sequence[Cluster], *, public_url: str) -> str:
    """Return a JSON object for each pair, one a line."""
    del public_url
    rows = (_describe(number, pair) for number, cluster in enumerate(clusters, start=1) for pair in cluster.pairs)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


FORMS: Mapping[str, Callable[..., str]] = {".html": write_html, ".csv": write_csv, ".jsonl": write_jsonl}
"""By a file's ending."""


def _describe(number: int, pair: Pair) -> dict[str, Any]:
    probability = pair.older.probability
    return {
        "cluster": number,
        "issue": pair.key,
        "title": pair.title,
        "status": pair.status,
        "older": pair.older.key,
        "older_title": pair.older.title,
        "older_status": pair.older.status,
        "probability": "" if probability is None else probability,
        "flagged": pair.older.flagged,
        "why": "; ".join(each.what for each in pair.older.reasons),
    }
