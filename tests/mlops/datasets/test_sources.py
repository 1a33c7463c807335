import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from bugflow.mlops.datasets.errors import SourceError
from bugflow.mlops.datasets.rows import Account, Options
from bugflow.mlops.datasets.sources import Source, read_source, recognise_sources
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.imports.errors import UnreadableFileError

JIRA = {"issues": [{"key": "X-1", "fields": {"summary": "It breaks", "created": "2020-01-01T00:00:00Z"}}]}
GITHUB = [
    {
        "number": 1,
        "title": "It breaks",
        "url": "https://api.github.com/repos/o/r/issues/1",
        "repository_url": "https://api.github.com/repos/o/r",
        "created_at": "2020-01-01T00:00:00Z",
        "labels": [{"name": "severity: high"}],
        "user": {"login": "ann"},
    }
]
BUGZILLA = {"bugs": [{"id": 1, "summary": "It breaks", "creation_time": "2020-01-01T00:00:00Z", "product": "P"}]}
OURS = {"key": "WEB-1", "title": "It breaks", "uuid": "u", "project_id": "p", "created_at": "2020-01-01T00:00:00Z"}
EVENT = {"type": "IssuesEvent", "payload": {}}


def write(path: Path, content: object) -> str:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (JIRA, "jira"),
        (GITHUB, "github"),
        (GITHUB[0], "github"),
        ({"12": [{"body": "Me too"}], "7": []}, "github"),
        (BUGZILLA, "bugzilla"),
        ([OURS], "bugflow"),
        (f"{json.dumps(EVENT)}\n{json.dumps(EVENT)}\n", "archive"),
        ([{"title": "It breaks"}], "json"),
        ('{"title": "It breaks"}\n{"title": "Again"}\n', "json"),
        ('{"title": "It breaks"}', "json"),
        ("title,severity\nIt breaks,high\n", "csv"),
        ("Issue key;Summary\nX-1;It breaks\n", "jira"),
        ('"Bug ID","Summary"\n1,It breaks\n', "bugzilla"),
    ],
)
def test_a_file_is_told_by_what_it_holds_whatever_its_name(tmp_path: Path, content: object, kind: str) -> None:
    assert [source.kind for source in recognise_sources([write(tmp_path / "file.data", content)], {})] == [kind]


def test_a_table_stays_one_where_an_option_names_its_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "Issue key;Summary\nX-1;It breaks\n")
    assert recognise_sources([path], {"title": "summary"})[0].kind == "csv"


def test_files_of_one_tracker_are_read_together_and_other_files_apart(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    names = [
        write(tmp_path / "issues.json", GITHUB),
        write(tmp_path / "table.csv", "title\nIt breaks\n"),
        write(tmp_path / "more.json", GITHUB),
        write(tmp_path / "b" / "table.csv", "title\nIt breaks again\n"),
        "database",
    ]
    found = recognise_sources(names, {})
    assert [source.name for source in found] == ["github", "table.csv", "table.csv (2)", "database"]
    assert [path.name for path in found[0].paths] == ["issues.json", "more.json"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (b" \n\n ", "it is empty"),
        (bytes(range(256)) * 20, "neither Parquet nor text"),
        (b'{"title": "It br', "not JSON"),
    ],
)
def test_a_file_that_holds_nothing_readable_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "reports.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=problem):
        recognise_sources([str(path)], {})


def test_a_missing_file_a_folder_and_a_cut_packed_file_are_refused(tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(b'{"title": "It breaks"}\n' * 100)[:40])
    for name in (tmp_path / "missing.csv", tmp_path, cut):
        with pytest.raises(UnreadableFileError, match=name.name):
            recognise_sources([str(name)], {})


def read(*names: str) -> pl.DataFrame:
    viewer = build_system_actor("cli")
    sources: list[Source] = recognise_sources(names, {})
    batches = [read_source(each, Options(), Account(), database=None, viewer=viewer) for each in sources]
    return pl.concat([batch.frame for some in batches for batch in some])


def test_a_packed_file_is_read_like_an_unpacked_one(tmp_path: Path) -> None:
    lines = '{"title": "It breaks", "severity": "high"}\n{"title": "Again"}\n'
    plain, packed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"
    write(plain, lines)
    packed.write_bytes(gzip.compress(lines.encode()))
    assert read(str(packed)).equals(read(str(plain)))


def test_an_export_is_read_by_the_readers_of_the_import(tmp_path: Path) -> None:
    event = {
        "event": "renamed",
        "created_at": "2020-01-02T00:00:00Z",
        "rename": {"from": "As filed", "to": "It breaks"},
    }
    event |= {"issue": {"url": GITHUB[0]["url"]}, "actor": {"login": "bob"}}
    frame = read(write(tmp_path / "issues.json", GITHUB), write(tmp_path / "events.json", [event]))
    [row] = frame.to_dicts()
    assert (row["issue_id"], row["title"], row["severity"]) == ("o/r#1", "As filed", "high")
    assert row["reporter"].startswith("u-")
