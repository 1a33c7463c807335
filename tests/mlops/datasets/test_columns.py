import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bugflow.mlops.datasets.columns import read_csv, read_json, read_parquet
from bugflow.mlops.datasets.errors import SourceError
from bugflow.mlops.datasets.rows import RAW_SCHEMA, Account
from bugflow.tracker.imports.text_files import recognise


def parquet(path: Path, columns: dict[str, Any], **names: str) -> pl.DataFrame:
    pl.DataFrame(columns).write_parquet(path)
    return pl.concat([batch.frame for batch in read_parquet(path, names)])


def csv(content: bytes, account: Account | None = None, **names: str) -> list[dict[str, Any]]:
    return [dict(each) for each in read_csv("bugs.csv", recognise(content), names, account or Account())]


def json_of(content: str, account: Account | None = None, **names: str) -> list[dict[str, Any]]:
    file = recognise(content.encode("utf-8", "surrogatepass"))
    return [dict(each) for each in read_json("bugs.json", file, names, account or Account())]


def test_columns_that_a_parquet_file_lacks_are_null_and_other_types_become_text(tmp_path: Path) -> None:
    columns = {"Title": [7, 8], "severity": [1.0, None], "component": [["a", "b"], ["c"]], "other": [None, None]}
    frame = parquet(tmp_path / "x.parquet", columns)
    assert frame.schema == pl.Schema(RAW_SCHEMA)
    assert frame["title"].to_list() == ["7", "8"]
    assert frame["severity"].to_list() == ["1", None]
    assert frame["component"].to_list() == ["a|b", "c"]
    assert frame["created_at"].null_count() == 2


@pytest.mark.parametrize(
    "moments",
    [
        [datetime(2020, 1, 1)],  # noqa: DTZ001 -- Without a zone, as many files have it.
        [datetime(2020, 1, 1, tzinfo=UTC)],
        [date(2020, 1, 1)],
        ["2020-01-01T01:00:00+01:00"],
        ["01.01.2020"],
    ],
)
def test_moments_of_any_type_are_read_as_utc(tmp_path: Path, moments: list[Any]) -> None:
    frame = parquet(tmp_path / "x.parquet", {"title": ["a"], "created_at": moments})
    assert frame["created_at"].to_list() == [datetime(2020, 1, 1, tzinfo=UTC)]


def test_a_column_may_be_called_otherwise(tmp_path: Path) -> None:
    frame = parquet(tmp_path / "x.parquet", {"Summary": ["a"], "title": ["no"]}, title="summary")
    assert frame["title"].to_list() == ["a"]
    assert csv(b"Summary;Sev\nIt breaks;high\n", title="Summary", severity="sev")[0]["severity"] == "high"
    assert json_of('{"summary": "It breaks"}\n{"summary": "Again"}', title="Summary")[1]["title"] == "Again"


def test_a_file_without_titles_is_refused_with_the_columns_it_has(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"has no column 'title'\. It has: name, kind"):
        parquet(tmp_path / "x.parquet", {"name": ["a"], "kind": ["b"]})
    with pytest.raises(SourceError, match="It has: name, kind"):
        csv(b"name,kind\na,b\n")
    with pytest.raises(SourceError, match="It has: name"):
        json_of('{"name": 1}\n{"name": 2}\n')


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.parquet", tmp_path / "cut.parquet"
    pl.DataFrame({"title": ["a"] * 1000}).write_parquet(whole)
    cut.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(SourceError, match=r"cut\.parquet cannot be read"):
        list(read_parquet(cut, {}))


def test_broken_rows_of_a_table_are_counted_and_the_others_read() -> None:
    account = Account()
    rows = csv(b"title,severity\nfirst,low\ntoo,many,cells\ncaf\xe9 \0 door,high\n", account)
    assert [row["title"] for row in rows] == ["first", "café  door"]
    assert account.unread == {"rows with more cells than columns": 1}


def test_broken_lines_of_json_are_counted_and_the_others_read() -> None:
    account = Account()
    lines = ['{"title": "one"}', '{"title": "tw', "[1, 2]", "[" * 50_000, '{"title": "last"}']
    assert [row["title"] for row in json_of("\n".join(lines), account)] == ["one", "last"]
    assert account.unread == {"lines that are no JSON": 2, "lines that are no object": 1}


def test_values_of_wrong_types_never_stop_the_reading() -> None:
    record = {
        "title": 5,
        "description": ["a", None, {"name": "b"}],
        "severity": {"name": "high"},
        "team": True,
        "created_at": 1e300,
        "priority": float("nan"),
        "component": "\ud800\0x",
    }
    [row] = json_of(json.dumps([record]))
    assert (row["title"], row["description"], row["severity"], row["team"]) == ("5", "a|b", "high", "True")
    assert (row["created_at"], row["component"]) == (None, "\N{REPLACEMENT CHARACTER}x")
