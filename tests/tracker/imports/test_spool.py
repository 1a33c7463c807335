import pytest

from bugflow.tracker.imports.errors import ImportFileError, NoRoomForImportError
from bugflow.tracker.imports.spool import open_record_spool, open_spool
from bugflow.tracker.imports.text_files import LARGEST_RECORD


def test_companions_are_taken_once_in_their_order_and_the_others_are_left_over() -> None:
    with open_record_spool("GitHub") as spool:
        for key, text in (("#2", "[1]"), ("#1", "[2]"), ("#2", "[3]"), ("#3", "[4]"), ("#3", "[5]")):
            spool.keep_beside("comments", key, text)
        spool.keep_beside("events", "#1", "[6]")
        assert [str(spool.take("comments", "#2")) for _ in range(2)] == ["[[1], [3]]", "[]"]
        assert spool.take("events", "#2") == []
        assert list(spool.left_over("comments")) == [("#1", 1), ("#3", 2)]
        assert list(spool.left_over("comments", "events")) == [("#1", 2), ("#3", 2)]


def test_what_was_kept_since_a_mark_is_forgotten() -> None:
    with open_record_spool("GitHub") as spool:
        spool.keep("[1]")
        mark = spool.mark()
        spool.keep("[2]")
        spool.keep_beside("comments", "#1", "[3]")
        spool.forget_since(mark)
        spool.keep("[4]")
        assert str(list(spool.records())) == "[[1], [4]]"
        assert list(spool.left_over("comments")) == []


def test_companions_larger_than_a_record_may_be_are_refused() -> None:
    with open_record_spool("GitHub") as spool:
        for _ in range(LARGEST_RECORD // 8_000_000 + 1):
            spool.keep_beside("comments", "#1", f'"{"x" * 8_000_000}"')
        with pytest.raises(ImportFileError, match="the comments of #1 are longer than 64,000,000 characters"):
            spool.take("comments", "#1")


def test_a_spool_that_is_full_says_what_to_do() -> None:
    with open_spool(("PRAGMA max_page_count = 10", "CREATE TABLE t (x TEXT)")) as spool:
        with pytest.raises(NoRoomForImportError, match=r"is full.*SQLITE_TMPDIR"):
            spool.run("INSERT INTO t VALUES (?)", "x" * 100_000)
        with pytest.raises(NoRoomForImportError):
            list(spool.rows("SELECT * FROM missing"))
