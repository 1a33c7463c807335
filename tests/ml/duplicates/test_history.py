"""A tracker's past out of a file."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bugflow.ml.duplicates.history import History, HistoryError, read_history

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 86_400


def build_rows(links: dict[int, int], count: int = 6, **more: list[Any]) -> dict[str, list[Any]]:
    """Return reports 1, 2, … filed day by day and closed ten days later, with links from one to another."""
    numbers = range(1, count + 1)
    return {
        "issue_id": list(numbers),
        "title": [f"Title {number}" for number in numbers],
        "created_at": [START + timedelta(days=number) for number in numbers],
        "resolved_at": [START + timedelta(days=number + 10) for number in numbers],
        "duplicate_of": [links.get(number) for number in numbers],
        **more,
    }


def write(path: Path, rows: dict[str, list[Any]]) -> Path:
    frame = pl.DataFrame(rows, infer_schema_length=None)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_ndjson(path)
    return path


def read(folder: Path, rows: dict[str, list[Any]], ending: str = "parquet") -> History:
    return read_history(write(folder / f"history.{ending}", rows))


def list_clusters(history: History) -> list[set[str]]:
    clusters: dict[int, set[str]] = {}
    for name, cluster in zip(history.names, history.clusters, strict=True):
        clusters.setdefault(int(cluster), set()).add(name)
    return [each for each in clusters.values() if len(each) > 1]


def count_days(moment: float) -> float:
    return (moment - START.timestamp()) / DAY


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl", "ndjson"])
def test_every_kind_of_file_tells_the_same(tmp_path: Path, ending: str) -> None:
    links = {number: number - 1 for number in range(150, 160)}
    rows = build_rows(links, 160)
    rows["description"] = [None if number % 2 else f"Text {number}" for number in rows["issue_id"]]
    rows["resolved_at"] = [moment if number % 3 else None for number, moment in enumerate(rows["resolved_at"])]
    rows["component"] = [None if number < 120 else "1.10" for number in rows["issue_id"]]
    told = read(tmp_path, rows)
    history = read(tmp_path, rows, ending)
    assert history.names == told.names == tuple(str(number) for number in range(1, 161))
    assert history.reports == told.reports
    assert history.filed == told.filed
    assert history.links == told.links
    assert history.clusters.tolist() == told.clusters.tolist()
    assert list_clusters(history) == [{str(number) for number in range(149, 160)}]
    assert history.filed[130].fields == {"component": "1.10"}
    assert history.queries == tuple(range(149, 159))


@pytest.mark.parametrize(
    "links",
    [{2: 1, 4: 1}, {1: 2, 2: 4}, {1: 4, 2: 4}, {4: 2, 2: 1}, {2: 1, 1: 2, 4: 2}, {4: 1, 1: 2}],
)
def test_links_make_a_cluster_whichever_way_they_point(tmp_path: Path, links: dict[int, int]) -> None:
    history = read(tmp_path, build_rows(links))
    assert list_clusters(history) == [{"1", "2", "4"}]
    assert history.clusters.tolist() == [0, 0, 2, 0, 4, 5]
    assert history.queries == (1, 3)
    assert history.list_older(3).tolist() == [0, 1]
    assert history.list_older(0).tolist() == []


def test_a_link_to_nothing_to_itself_or_unconfirmed_is_none(tmp_path: Path) -> None:
    source = [None, "resolution", "resolution", "link", "link-unresolved", None]
    rows = build_rows({2: 99, 3: 3, 4: 1, 5: 1}, duplicate_source=source)
    history = read(tmp_path, rows)
    assert list_clusters(history) == [{"1", "4"}]
    assert [(link.older, link.newer) for link in history.links] == [(0, 3)]


def test_of_what_is_not_linked_it_is_told_what_is_doubtful_and_what_a_bug_of_its_own(tmp_path: Path) -> None:
    said = ["Fixed", "fixed ", "Duplicate", "Won't fix", None, "DONE"]
    history = read(tmp_path, build_rows({2: 1, 4: 99}, resolution=said))
    assert history.doubtful == {2, 3}  # Called a duplicate, and one of what the file has not.
    assert history.settled == {5}  # The first two are linked.
    assert read(tmp_path, build_rows({2: 1})).settled == frozenset()


def test_the_first_of_several_with_one_name_is_kept_and_nameless_ones_are_not(tmp_path: Path) -> None:
    rows = build_rows({2: 1}, issue_id=["A-1", "A-2", "A-2", None, "", "A-6"])
    rows["duplicate_of"] = [None, "A-1", None, None, None, ""]
    history = read(tmp_path, rows)
    assert history.names == ("A-1", "A-2", "A-6")
    assert history.reports[1].title == "Title 2"
    assert list_clusters(history) == [{"A-1", "A-2"}]


def test_reports_are_in_the_order_of_filing_and_ties_in_that_of_the_file(tmp_path: Path) -> None:
    rows = build_rows({3: 1, 2: 1, 6: 3})
    rows["created_at"] = [START + timedelta(days=days) for days in (5, 5, 5, 1, 2, 9)]
    history = read(tmp_path, rows)
    assert history.names == ("4", "5", "1", "2", "3", "6")
    assert history.queries == (5,)
    assert history.list_older(4).tolist() == []
    assert history.list_older(5).tolist() == [2, 3, 4]


def test_a_link_is_known_when_the_one_that_names_the_other_was_closed(tmp_path: Path) -> None:
    rows = build_rows({2: 1, 3: 4, 6: 5})
    rows["resolved_at"][5] = None
    rows["resolved_at"][2] = START + timedelta(days=3.5)
    links = read(tmp_path, rows).links
    assert [(link.older, link.newer, count_days(link.known)) for link in links] == [
        (2, 3, 4),  # Not before the newer one was filed.
        (0, 1, 12),
        (4, 5, float("inf")),
    ]


def test_columns_that_are_not_required_may_be_missing(tmp_path: Path) -> None:
    rows = build_rows({2: 1})
    del rows["resolved_at"]
    history = read(tmp_path, rows)
    assert history.reports[0].description == ""
    assert history.filed[0].fields == {}
    assert {each.closed for each in history.filed} == {float("inf")}
    assert len(history) == 6


def test_fields_are_those_of_the_index_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    rows = build_rows({2: 1}, 3, component=["ui", "", None], project=["shop"] * 3, colour=["red"] * 3)
    assert [each.fields for each in read(tmp_path, rows).filed] == [
        {"project": "shop", "component": "ui"},
        {"project": "shop"},
        {"project": "shop"},
    ]


def test_a_field_of_several_values_is_read_as_one(tmp_path: Path) -> None:
    rows = build_rows({2: 1}, 2, component=[["ui", "api"], None])
    assert read(tmp_path, rows, "jsonl").filed[0].fields == {"component": "['ui', 'api']"}


@pytest.mark.parametrize("column", ["created_at", "resolved_at"])
def test_moments_may_be_written_in_any_way_of_iso_8601(tmp_path: Path, column: str) -> None:
    texts = [
        *("2026-01-02T03:00:00Z", "2026-01-02T05:00:00+02:00", "2026-01-02 03:00:00", "2026-01-02T03:00:00.000+0000"),
        *("20260102T030000Z", " 2026-01-02T03:00 "),
    ]
    history = read(tmp_path, {**build_rows({2: 1}), column: texts}, "csv")
    moments = {each.created if column == "created_at" else each.closed for each in history.filed}
    assert moments == {datetime(2026, 1, 2, 3, tzinfo=UTC).timestamp()}


def test_moments_of_other_time_zones_and_mere_days_are_understood(tmp_path: Path) -> None:
    zone = timezone(timedelta(hours=9))
    rows = build_rows({2: 1}, created_at=[(START + timedelta(days=day)).astimezone(zone) for day in range(6)])
    assert [count_days(each.created) for each in read(tmp_path, rows).filed] == [0, 1, 2, 3, 4, 5]
    rows["created_at"] = [date(2026, 1, day) for day in range(1, 7)]
    assert [count_days(each.created) for each in read(tmp_path, rows).filed] == [0, 1, 2, 3, 4, 5]


def test_reports_of_which_nobody_knows_when_they_were_filed_are_left_out(tmp_path: Path) -> None:
    rows = build_rows({2: 1}, created_at=["2026-01-01", "2026-01-02", "yesterday", "", None, "2026-13-01"])
    rows["resolved_at"] = ["never"] * 6
    history = read(tmp_path, rows)
    assert history.names == ("1", "2")
    assert history.filed[0].closed == float("inf")


def test_numbers_that_became_floats_are_still_names(tmp_path: Path) -> None:
    rows = build_rows({}, duplicate_of=[None, 1.0, float("nan"), None, None, None])
    assert list_clusters(read(tmp_path, rows)) == [{"1", "2"}]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("See #155.", "See  ."),
        ("See ticket 155", "See  "),
        ("Bug: 155, issue #155, id=155", " ,  ,  "),
        ("Duplicate of 155", " "),
        ("https://bugs.example/show/155", "https://bugs.example/show "),
        ("https://bugs.example/show?id=155", "https://bugs.example/show? "),
        ("Error 155 on line 155", "Error 155 on line 155"),
        ("#1555 and ticket 1155", "#1555 and ticket 1155"),
        ("#99", "#99"),
    ],
)
def test_a_number_is_taken_out_only_where_it_names_a_report(tmp_path: Path, text: str, hidden: str) -> None:
    rows = build_rows({}, 3, issue_id=[155, 99, 7], duplicate_of=[None, None, 155])
    rows["title"][2], rows["description"] = text, [text, None, text]
    history = read(tmp_path, rows)
    assert history.reports[2].title == hidden
    assert history.reports[2].description == hidden
    assert history.reports[0].description == hidden


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Same as HIVE-12!", "Same as  !"),
        ("hive-12", " "),
        ("https://jira.example/browse/HIVE-12?x", "https://jira.example/browse/ ?x"),
        ("HIVE-12.patch, HIVE-12-v2.patch, fix_HIVE-12_b", " .patch,  -v2.patch, fix_ _b"),
        ("HIVE-123 and XHIVE-12", "HIVE-123 and XHIVE-12"),
        ("12 hives", "12 hives"),
        ("HIVE-9", "HIVE-9"),
    ],
)
def test_a_name_is_taken_out_wherever_it_is_whole(tmp_path: Path, text: str, hidden: str) -> None:
    rows = build_rows({}, 3, issue_id=["HIVE-12", "HIVE-9", "HIVE-7"], duplicate_of=[None, None, "HIVE-12"])
    rows["title"] = [text] * 3
    history = read(tmp_path, rows)
    assert [each.title for each in history.reports] == [hidden, text, hidden]


def test_names_of_a_large_cluster_are_taken_out_of_every_report(tmp_path: Path) -> None:
    count = 300
    names = [f"HIVE-{number}" if number % 2 else f"{number}" for number in range(count)]
    rows = build_rows({}, count, issue_id=names, duplicate_of=[None, *names[:-1]])
    rows["title"] = [
        f"{names[count - 1 - number]} and bug {number}, HIVE-{number}0, bug 1000{number}" for number in range(count)
    ]
    history = read(tmp_path, rows)
    assert history.reports[10].title == "  and  , HIVE-100, bug 100010"
    assert history.reports[298].title == "  and  , HIVE-2980, bug 1000298"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xlsx", b"", r"must end in one of \.parquet, \.csv"),
        ("a", b"", "must end in one of"),
        ("a.parquet", b"no parquet", "cannot be read: "),
        ("a.csv", b"", "cannot be read: empty CSV"),
        ("a.csv", b"issue_id,title,created_at,duplicate_of\n1,\xff,2026-01-01,\n", "cannot be read: invalid utf-8"),
        ("a.jsonl", b"{bad", "cannot be read: "),
        ("missing.csv", None, "cannot be read: "),
        ("a.csv", b"issue_id,title\n1,a\n", "has no column created_at, duplicate_of"),
        ("a.csv", b"issue_id,title,created_at,duplicate_of\n", "no report with an issue_id and a created_at"),
        ("a.csv", b"issue_id,title,created_at,duplicate_of\n1,a,today,\n", "created_at in ISO 8601"),
        ("a.csv", b"issue_id,title,created_at,duplicate_of\n1,a,2026-01-01,7\n", "names another one of the file"),
        (
            "a.jsonl",
            b'{"issue_id": 1, "title": "a", "created_at": 1767225600, "duplicate_of": null}\n',
            "created_at must be moments or text in ISO 8601",
        ),
        (
            "a.jsonl",
            b'{"issue_id": [1], "title": "a", "created_at": "2026-01-01", "duplicate_of": null}\n',
            "tells no history of duplicates",
        ),
    ],
)
def test_a_file_that_tells_no_history_is_refused_and_it_is_said_why(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(HistoryError, match=words) as caught:
        read_history(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)
