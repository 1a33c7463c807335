import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bugflow.ml.triage.examples import read_examples
from bugflow.mlops.datasets.errors import DatasetNotWrittenError, DatasetOptionError, EmptyDatasetError
from bugflow.mlops.datasets.folder import open_folder
from bugflow.mlops.datasets.preparing import prepare_dataset
from bugflow.mlops.datasets.rows import COLUMNS, Options
from bugflow.mlops.datasets.sources import recognise_sources
from bugflow.tracker.accounts.actor import build_system_actor

START = datetime(2020, 1, 1, tzinfo=UTC)
LABELS = ("low", "high", "critical")
WORDS = ("basket", "window", "printer", "ledger", "garden", "engine", "ticket", "camera")


def describe(number: int) -> str:
    words = [WORDS[(number * 7 + place * (number % 5 + 1)) % 8] + str(number * place) for place in range(12)]
    return " ".join(words)


def write_reports(path: Path, count: int = 200, **more: list[Any]) -> Path:
    columns = {
        "issue_id": [f"X-{number}" for number in range(count)],
        "title": [f"The {describe(number)} is wrong" for number in range(count)],
        "severity": [LABELS[number % 3] for number in range(count)],
        "created_at": [START + timedelta(days=number) for number in range(count)],
    }
    pl.DataFrame(columns | more).write_parquet(path)
    return path


def prepare(out: Path, *files: Path, workers: int = 1, **options: Any) -> tuple[pl.DataFrame, dict[str, Any]]:  # noqa: ANN401 -- Any option.
    sources = recognise_sources([str(file) for file in files], {})
    manifest = prepare_dataset(
        sources, out, Options(**options), viewer=build_system_actor("cli"), workers=workers, force=True
    )
    return pl.read_parquet(out / "data.parquet"), manifest


def test_a_data_set_holds_its_columns_parts_and_manifest(tmp_path: Path) -> None:
    frame, manifest = prepare(tmp_path / "set", write_reports(tmp_path / "x.parquet"))
    assert tuple(frame.columns) == COLUMNS
    assert manifest["rows"] == {
        "read": 200, "dropped": {}, "kept": 200, "by_split": {"train": 140, "valid": 30, "test": 30}
    }  # fmt: skip
    assert manifest == json.loads((tmp_path / "set" / "dataset.json").read_text())
    assert sorted(file.name for file in (tmp_path / "set").iterdir()) == ["data.parquet", "dataset.json"]
    assert str(tmp_path) not in json.dumps(manifest)
    assert [file["name"] for file in manifest["sources"][0]["files"]] == ["x.parquet"]
    assert sum(sum(counts.values()) for counts in manifest["classes"]["severity"].values()) == 200


def test_models_are_tried_on_the_parts_it_gives(tmp_path: Path) -> None:
    prepare(tmp_path / "set", write_reports(tmp_path / "x.parquet"))
    examples, parts = read_examples(tmp_path / "set" / "data.parquet", "severity", least_rows=5)
    assert len(examples) == 200
    assert [parts.count(part) for part in ("train", "calibration", "test")] == [140, 30, 30]


def test_what_was_read_is_what_was_kept_and_what_was_left_out(tmp_path: Path) -> None:
    first = f"The {describe(0)} is wrong"
    titles = [first, first.upper(), f"{first} now", "Short", describe(5), describe(6), describe(7)]
    severities = ["low", "low", "low", "low", None, "rare", "low"]
    path = tmp_path / "x.jsonl"
    records = [{"title": title, "severity": label} for title, label in zip(titles, severities, strict=True)]
    path.write_text("\n".join([*map(json.dumps, records), "{broken"]))
    frame, manifest = prepare(tmp_path / "set", path, least=2, split="random")
    assert frame["title"].to_list() == [first, describe(7)]
    assert manifest["rows"]["dropped"] == {
        "without any label": 2,
        "lines that are no JSON": 1,
        "shorter than 20 characters": 1,
        "word for word like an earlier one": 1,
        "nearly like an earlier one": 1,
    }
    assert manifest["rows"]["read"] == 8
    assert manifest["labels_taken_away"]["severity"] == {"of fewer than 2 reports (1 of 2 labels)": 1}


def test_the_same_sources_and_options_give_the_same_data_set_with_any_number_of_workers(tmp_path: Path) -> None:
    path = write_reports(tmp_path / "x.parquet", 5_200)
    options: dict[str, Any] = {"split": "random", "samples": 3_000, "seed": 3}
    alone, manifest = prepare(tmp_path / "a", path, **options)
    together, again = prepare(tmp_path / "b", path, workers=2, **options)
    assert together.equals(alone)
    assert manifest == again
    assert len(alone) == 3_000
    assert prepare(tmp_path / "c", path, **options | {"seed": 4})[1]["data"] != manifest["data"]


def test_a_time_split_goes_over_all_sources(tmp_path: Path) -> None:
    old = write_reports(tmp_path / "old.parquet", 100)
    later = [START + timedelta(days=1000 + number) for number in range(50)]
    titles = [f"Another {describe(number + 500)} breaks" for number in range(50)]
    new = write_reports(tmp_path / "new.parquet", 50, created_at=later, title=titles)
    frame, manifest = prepare(tmp_path / "set", new, old)
    assert set(frame.filter(pl.col("source") == "old.parquet")["split"]) == {"train"}
    assert manifest["split"]["cuts"][0]["sources"] == ["new.parquet", "old.parquet"]


def test_masking_and_a_split_by_a_label_nobody_has_are_refused(tmp_path: Path) -> None:
    path = write_reports(tmp_path / "x.parquet")
    with pytest.raises(DatasetOptionError, match="--mask-keywords goes with --labels keyword"):
        prepare(tmp_path / "set", path, mask_keywords=True)
    with pytest.raises(DatasetOptionError, match="No report has a team"):
        prepare(tmp_path / "set", path, split="random", stratify="team")
    assert [file.name for file in tmp_path.iterdir()] == ["x.parquet"]


def test_no_report_left_is_an_error_that_says_why(tmp_path: Path) -> None:
    path = write_reports(tmp_path / "x.parquet", 3, severity=[None] * 3)
    with pytest.raises(EmptyDatasetError, match=r"None of 3 reports is left \(without any label: 3\)"):
        prepare(tmp_path / "set", path)
    assert [file.name for file in tmp_path.iterdir()] == ["x.parquet"]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(DatasetNotWrittenError, match="File exists"),
        open_folder(tmp_path / "file" / "set", force=False),
    ):
        pass
