import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.assist.intake.titles import LONGEST_TITLE, derive_title


@pytest.mark.parametrize(
    ("description", "title"),
    [
        ("Login fails. Then it crashes.", "Login fails"),
        ("# Crash on start\n\nSteps:", "Crash on start"),
        ("\n\n---\nVersion 1.2.3 is broken", "Version 1.2.3 is broken"),
        ("!!!", "!!!"),
    ],
)
def test_the_title_is_the_first_sentence_that_says_anything(description: str, title: str) -> None:
    assert derive_title(description) == title


@given(st.text(min_size=1).filter(lambda text: text.strip()))
def test_a_title_is_never_longer_than_the_limit_and_never_empty(description: str) -> None:
    assert 0 < len(derive_title(description)) <= LONGEST_TITLE
