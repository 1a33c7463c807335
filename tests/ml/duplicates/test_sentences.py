"""Which two sentences of two reports say the same."""

from bugflow.ml.duplicates.sentences import SentencePair, find_nearest, list_sentences
from bugflow.ml.sentences import split_sentences
from bugflow.ml.text import clean_report

MINE = list_sentences(
    clean_report("Login broken", "I went to the page. After the update the login form says 500! Please help.\nThanks")
)
WEIGHTS = {term: 1.0 for sentence in MINE for term in sentence.terms}


def test_a_line_or_a_full_stop_ends_a_sentence() -> None:
    assert list(split_sentences("It fails.  Always!\n\n Version 3.11 too \n")) == [
        "It fails.",
        "Always!",
        "Version 3.11 too",
    ]


def test_the_title_is_the_first_sentence() -> None:
    assert [each.text for each in MINE][:2] == ["Login broken", "I went to the page."]


def test_what_says_nothing_or_far_too_much_is_no_sentence() -> None:
    assert list_sentences(clean_report("", "It is.\n" + "word " * 100)) == []


def test_the_two_sentences_that_share_most_are_found() -> None:
    theirs = list_sentences(
        clean_report("Cannot sign in", "The login form says 500 since the update.\nThanks for the page")
    )
    assert find_nearest(MINE, theirs, WEIGHTS) == SentencePair(
        "After the update the login form says 500!", "The login form says 500 since the update."
    )


def test_rare_words_count_more() -> None:
    theirs = list_sentences(clean_report("", "I went to the page.\nThe login form works"))
    assert find_nearest(MINE, theirs, WEIGHTS) == SentencePair("I went to the page.", "I went to the page.")
    telling = WEIGHTS | dict.fromkeys(("login", "form"), 9.0)
    assert find_nearest(MINE, theirs, telling) == SentencePair(
        "After the update the login form says 500!", "The login form works"
    )


def test_two_sentences_that_share_too_little_are_no_reason() -> None:
    assert (
        find_nearest(MINE, list_sentences(clean_report("The login", "An update of everything else")), WEIGHTS) is None
    )
    assert find_nearest([], MINE, WEIGHTS) is None
