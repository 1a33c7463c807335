from collections.abc import Iterator
from itertools import count, islice

from bugflow.ml.repeats import SeenTexts, find_near_duplicates, sketch_text

REPORT = (
    "The import of a large file stops after a few minutes with a message about memory. I chose the file in the dialog, "
    "pressed the button, and waited. The bar went up to forty percent, then the window turned grey and nothing else "
    "happened until I closed it by hand. With the release before this one the same file was read within ten seconds."
)
OTHER = (
    "The export of a small table writes the columns in the wrong order. I marked three columns, chose the menu, and "
    "opened the file in a spreadsheet. The names stand above the wrong numbers, and the last column is not there at "
    "all. It is the same with each format that I tried, and on two machines."
)


def test_a_text_repeated_word_for_word_is_found_whatever_its_case_and_punctuation() -> None:
    assert list(find_near_duplicates(["It hangs.", "it HANGS!", "It works."])) == [False, True, False]


def test_a_text_with_small_edits_is_found() -> None:
    edits = [
        REPORT.replace("forty", "fifty"),
        REPORT + " Please help.",
        REPORT.replace("large file", "big file").replace("by hand", ""),
    ]

    assert list(find_near_duplicates([REPORT, *edits])) == [False, True, True, True]


def test_different_texts_stay() -> None:
    assert list(find_near_duplicates([REPORT, OTHER, "Crash on open", "Crash on close"])) == [False] * 4


def test_texts_without_words_stay() -> None:
    assert list(find_near_duplicates(["", "", "???"])) == [False] * 3


def test_the_answer_is_the_same_each_time() -> None:
    texts = [f"{REPORT} {OTHER[: 12 * number]}" for number in range(20)]

    assert list(find_near_duplicates(texts)) == list(find_near_duplicates(iter(texts)))


def test_texts_are_read_one_by_one() -> None:
    endless: Iterator[str] = (f"Report {number} of many" for number in count())

    assert list(islice(find_near_duplicates(endless), 3)) == [False] * 3


def test_what_came_long_before_is_forgotten() -> None:
    texts = ["one first text", "a second report", "some third issue", "the fourth entry", "one first text"]

    assert list(find_near_duplicates(texts, remembered=2))[-1] is False
    assert list(find_near_duplicates(texts))[-1] is True


def test_words_seen_long_ago_are_still_known() -> None:
    seen = SeenTexts()
    sketches = [sketch_text(f"Report {number} of many") for number in range(2_000)]

    assert [seen.add(sketch) for sketch in sketches if sketch is not None] == [False] * 2_000
    assert [seen.add(sketch) for sketch in sketches if sketch is not None] == [True] * 2_000
    assert sketch_text("?!") is None
