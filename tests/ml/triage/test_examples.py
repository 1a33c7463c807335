"""Which reports of a file are learned from, and which train, calibrate and test."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bugflow.ml.triage.examples import ExamplesError, partition, read_examples

START = datetime(2026, 1, 1, tzinfo=UTC)


def build_rows(count: int = 200, **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- Columns.
    return {
        "title": [f"Report {number}" for number in range(count)],
        "description": [f"Text {number}" for number in range(count)],
        "severity": ["low" if number % 4 else "high" for number in range(count)],
        "created_at": [START + timedelta(hours=number) for number in range(count)],
        **more,
    }


def write(path: Path, rows: dict[str, Any]) -> Path:
    frame = pl.DataFrame(rows)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_ndjson(path)
    return path


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_every_kind_of_file_gives_the_same_examples(tmp_path: Path, ending: str) -> None:
    examples, parts = read_examples(write(tmp_path / f"reports.{ending}", build_rows()), "severity")
    assert len(examples) == 200
    assert examples.reports[7].title == "Report 7"
    assert examples.labels[:5] == ("high", "low", "low", "low", "high")
    assert set(parts) == {None}


def test_the_newest_reports_are_tested(tmp_path: Path) -> None:
    rows = {name: list(reversed(values)) for name, values in build_rows().items()}
    examples, parts = read_examples(write(tmp_path / "reports.parquet", rows), "severity")
    divided = partition(examples, parts)
    assert [len(divided.train), len(divided.calibration), len(divided.test)] == [140, 30, 30]
    assert divided.test.reports[-1].title == "Report 199"
    assert divided.train.reports[0].title == "Report 0"


def test_without_dates_the_number_in_the_id_is_the_order(tmp_path: Path) -> None:
    rows = build_rows(issue_id=[f"BUG-{1000 - number}" for number in range(200)])
    del rows["created_at"]
    examples, _ = read_examples(write(tmp_path / "reports.parquet", rows), "severity")
    assert examples.reports[0].title == "Report 199"


def test_a_random_split_has_every_label_as_often_in_each_part(tmp_path: Path) -> None:
    examples, parts = read_examples(write(tmp_path / "reports.parquet", build_rows(400)), "severity")
    divided = partition(examples, parts, split="random", seed=3)
    for part in (divided.train, divided.calibration, divided.test):
        assert part.labels.count("high") / len(part) == pytest.approx(0.25, abs=0.02)
    everything = [each.title for part in (divided.train, divided.calibration, divided.test) for each in part.reports]
    assert sorted(everything) == sorted(report.title for report in examples.reports)
    again = partition(examples, parts, split="random", seed=3)
    assert again.test.reports == divided.test.reports


def test_parts_that_the_file_gives_are_kept(tmp_path: Path) -> None:
    split = ["train"] * 100 + ["valid"] * 40 + ["test"] * 60
    examples, parts = read_examples(write(tmp_path / "reports.parquet", build_rows(split=split)), "severity")
    divided = partition(examples, parts)
    assert [len(divided.train), len(divided.calibration), len(divided.test)] == [100, 40, 60]
    assert divided.split == "given"


def test_a_held_back_part_is_tested_on_where_there_is_no_other(tmp_path: Path) -> None:
    split = ["train"] * 160 + ["valid"] * 40
    examples, parts = read_examples(write(tmp_path / "reports.parquet", build_rows(split=split)), "severity")
    divided = partition(examples, parts)
    assert [len(divided.train), len(divided.calibration), len(divided.test)] == [136, 24, 40]
    assert divided.test.reports[0].title == "Report 160"


def test_repeats_undecided_and_rare_labels_are_left_out(tmp_path: Path) -> None:
    rows = build_rows()
    rows["title"][1], rows["description"][1] = rows["title"][0], rows["description"][0]
    rows["severity"][2] = "Unspecified"
    rows["severity"][3] = "low|high"
    rows["severity"][5] = "urgent"
    rows["severity"][6] = None
    examples, _ = read_examples(write(tmp_path / "reports.parquet", rows), "severity", least_rows=40)
    assert len(examples) == 195
    assert set(examples.labels) == {"high", "low"}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("reports.xlsx", b"", "end in one of"),
        ("reports.parquet", b"no parquet", "cannot be learned from"),
        ("reports.csv", b"name,severity\na,low\n", "has no column title"),
        ("reports.csv", b"title,severity\na,low\nb,low\n", "fewer than two values"),
        ("missing.csv", None, "cannot be learned from"),
    ],
)
def test_a_file_that_cannot_be_learned_from_is_refused(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ExamplesError, match=words):
        read_examples(tmp_path / name, "severity")
