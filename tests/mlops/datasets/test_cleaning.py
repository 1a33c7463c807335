import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing import active_children
from typing import Any

import polars as pl
import pytest

from bugflow.mlops.datasets.cleaning import ALONE, Cleaned, clean_all, clean_batch
from bugflow.mlops.datasets.errors import CleaningStoppedError
from bugflow.mlops.datasets.rows import BATCH_ROWS, Batch, Options, gather_batches

TITLE = "The basket forgets what was put into it"


def clean(*records: dict[str, Any], **options: Any) -> Cleaned:  # noqa: ANN401 -- Any option.
    [batch] = gather_batches(records)
    return clean_batch(batch, Options(**options))


def test_words_code_and_traces_stand_apart_and_a_kept_trace_is_added() -> None:
    description = "<p>It <b>breaks</b></p>\n```\nx = 1\n```\nTypeError: no\n    at f (a.js:1:2)"
    cleaned = clean({"title": TITLE, "description": description, "stack_trace": "at b.c(D.java:5)", "team": "Web"})
    [row] = cleaned.frame.to_dicts()
    assert row["description"] == "It breaks\nTypeError: no"
    assert (row["code"], row["traces"]) == ("x = 1", "TypeError: no\nat f (a.js:1:2)\nat b.c(D.java:5)")


def test_short_reports_and_unlabelled_ones_are_left_out_and_counted() -> None:
    records: list[dict[str, Any]] = [{"title": "Short", "team": "Web"}, {"title": TITLE}, {"title": None}, {}]
    cleaned = clean(*records, {"title": TITLE, "severity": "low"})
    assert (len(cleaned.frame), len(cleaned.sketches), cleaned.read) == (1, 1, 5)
    assert cleaned.dropped == {"shorter than 20 characters": 1, "without any label": 3}
    assert len(clean(*records, keep_unlabelled=True).frame) == 1


def test_labels_that_say_nothing_or_several_things_are_taken_away() -> None:
    labels = ["core", " core ", "unfiled", "a|b", "x" * 201, "---"]
    cleaned = clean(*({"title": TITLE, "component": label, "priority": "p"} for label in labels))
    assert cleaned.frame["component"].to_list() == ["core", "core", None, None, None, None]
    assert cleaned.labels_left == {"component": {"undecided": 2, "several values": 1, "too long": 1}}


def test_dates_that_cannot_be_are_no_dates() -> None:
    now = datetime.now(UTC)
    moments = [now, now + timedelta(days=400), datetime(1, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)]
    cleaned = clean(*({"title": TITLE, "severity": "low", "created_at": moment} for moment in moments))
    assert cleaned.frame["created_at"].to_list() == [now, None, None, None]


@pytest.mark.parametrize(
    ("name", "number"), [("HIVE-12", 12), ("o/r#7", 7), ("X-3-b", 3), ("none", None), ("9" * 40, int("9" * 18))]
)
def test_the_number_is_the_last_one_in_the_id(name: str, number: int | None) -> None:
    assert clean({"title": TITLE, "team": "Web", "issue_id": name}).frame["number"].to_list() == [number]


def test_labels_by_keyword_replace_severity_and_team_only() -> None:
    given = {"severity": "low", "team": "Web", "component": "core"}
    [row] = clean({"title": "The server crash is back", **given}, labels="keyword").frame.to_dicts()
    assert (row["severity"], row["team"], row["component"]) == ("critical", "Backend", "core")


def test_masked_keywords_are_in_no_text_and_what_is_left_must_be_long_enough() -> None:
    description = "The server says so again and again\n```\nserver.crash()\n```"
    records = [{"title": "A crash after a while", "description": description}, {"title": "server crash server crash"}]
    cleaned = clean(*records, labels="keyword", mask_keywords=True)
    [row] = cleaned.frame.to_dicts()
    assert (row["severity"], row["team"]) == ("critical", "Backend")
    assert not {"server", "crash"} & set(f"{row['title']} {row['description']} {row['code']}".lower().split())
    assert cleaned.dropped == {"shorter than 20 characters": 1}


def test_hostile_texts_are_cleaned_or_left_out() -> None:
    texts = ["\x00\x07\x1b[31m" * 50, "a\u0301" * 60_000, "<" * 200_000, "word " * 200_000, "\u202e" * 100 + TITLE]
    cleaned = clean(*({"title": text, "description": text, "team": "Web"} for text in texts))
    assert len(cleaned.frame) + cleaned.dropped.total() == len(texts)
    assert "\x00" not in "".join(cleaned.frame["description"])


def batches(count: int) -> Iterator[Batch]:
    records = ({"title": f"{TITLE} {number}", "team": "Web"} for number in range(count * BATCH_ROWS // 50))
    whole = next(gather_batches(records)).frame
    return (Batch(whole[start : start + 20], 0.0) for start in range(0, len(whole), 20))


def test_several_processes_give_what_one_gives_in_the_same_order() -> None:
    alone = [cleaned.frame for cleaned in clean_all(batches(12), Options(), workers=1)]
    together = [cleaned.frame for cleaned in clean_all(batches(12), Options(), workers=2)]
    assert len(together) > ALONE + 2
    assert pl.concat(together).equals(pl.concat(alone))
    assert active_children() == []


def test_a_worker_that_is_killed_ends_the_work_with_an_error() -> None:
    def kill_one() -> Iterator[Batch]:
        for number, batch in enumerate(batches(50)):
            if number == ALONE + 8:
                os.kill(active_children()[0].pid or 0, signal.SIGKILL)
                time.sleep(0.5)
            yield batch

    with pytest.raises(CleaningStoppedError, match="ended from outside"):
        list(clean_all(kill_one(), Options(), workers=1 + 1))
