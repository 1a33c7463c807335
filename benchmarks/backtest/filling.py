"""Reports of a Parquet file as an export in Jira's form, which `bugflow import jira` brings into a tracker.

    python benchmarks/backtest/filling.py --data ../shared/data/issues/titanium_jira.parquet --project TIMOB \
        --leave-day 2011-04-15 --out /tmp/timob.json
    bugflow import jira /tmp/timob.json --project TIMOB

Columns are those of the data's README: `issue_id, project, title, description, severity, priority, component,
issue_type, duplicate_of, resolution, created_at, resolved_at, duplicate_source`. Several components in one cell are
left out, and so are links that nobody has confirmed.
"""

import argparse
import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

UNRESOLVED = "link-unresolved"
UNDECIDED = {"undecided", "unfiled"}


def main() -> None:
    """Write the export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--project", required=True, help="The key that issues get where their names have none.")
    parser.add_argument("--leave-day", type=date.fromisoformat, help="Reports of this day have a wrong date.")
    parser.add_argument("--all-types", action="store_true", help="Not only bugs.")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    frame = pl.read_parquet(given.data).filter(pl.col("created_at").is_not_null() & pl.col("title").is_not_null())
    if "project" in frame.columns and given.project in frame["project"].unique().to_list():
        frame = frame.filter(pl.col("project") == given.project)
    if not given.all_types:
        frame = frame.filter(pl.col("issue_type").fill_null("bug").str.to_lowercase() == "bug")
    if given.leave_day is not None:
        frame = frame.filter(pl.col("created_at").dt.date() != given.leave_day)
    rows = list(frame.sort("created_at", maintain_order=True).iter_rows(named=True))
    keys = {row["issue_id"]: _name(row["issue_id"], given.project, place) for place, row in enumerate(rows, start=1)}
    content = {"issues": [_write(row, keys, given.project) for row in rows]}
    given.out.write_text(json.dumps(content), encoding="utf-8")
    print(f"{len(rows):,} reports, {sum('issuelinks' in each['fields'] for each in content['issues']):,} links")


def _name(issue_id: str, project: str, place: int) -> str:
    if issue_id.startswith(f"{project}-"):
        return issue_id
    return f"{project}-{issue_id if issue_id.isdigit() else place}"


def _write(row: dict[str, Any], keys: dict[str, str], project: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "summary": row["title"],
        "description": row["description"] or "",
        "created": row["created_at"].isoformat(),
        "project": {"key": project, "name": project},
        "issuetype": {"name": row["issue_type"] or "bug"},
        "status": {"name": "Closed" if row["resolved_at"] is not None else "Open"},
    }
    if row["resolved_at"] is not None:
        fields["resolutiondate"] = row["resolved_at"].isoformat()
        fields["resolution"] = {"name": row["resolution"] or "Fixed"}
    if row.get("reporter"):
        fields["reporter"] = {"name": row["reporter"]}
    for name in ("priority", "severity"):
        if row[name] and str(row[name]).lower() not in UNDECIDED:
            fields[name] = {"name": str(row[name])}
    if row["component"] and "|" not in row["component"] and row["component"].lower() not in UNDECIDED:
        fields["components"] = [{"name": row["component"]}]
    older = keys.get(row["duplicate_of"] or "")
    if older is not None and older != keys[row["issue_id"]] and row["duplicate_source"] != UNRESOLVED:
        fields["issuelinks"] = [{"type": {"name": "Duplicate"}, "outwardIssue": {"key": older}}]
    return {"key": keys[row["issue_id"]], "fields": fields}


if __name__ == "__main__":
    main()
