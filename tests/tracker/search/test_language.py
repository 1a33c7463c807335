from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.tracker.search.errors import QuerySyntaxError
from bugflow.tracker.search.language import Filter, Query, Range, Sort, Words, parse_query

TODAY = date(2026, 3, 10)


def test_the_documented_example_is_understood() -> None:
    query = parse_query('is:open team:Backend severity:high assignee:@me created:>2026-01-01 "null pointer"')
    assert query == Query(
        filters=(
            Filter("is", ("open",)),
            Filter("team", ("Backend",)),
            Filter("severity", ("high",)),
            Filter("assignee", ("@me",)),
        ),
        ranges=(Range("created", date(2026, 1, 2), None),),
        words=(Words("null pointer"),),
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("-is:open", Filter("is", ("open",), negated=True)),
        ("severity:high,critical", Filter("severity", ("high", "critical"))),
        ('team:"Core team",Backend', Filter("team", ("Core team", "Backend"))),
        ("IS:In-Progress", Filter("is", ("in_progress",))),
        ("created:2026-01-01..2026-02-01", Range("created", date(2026, 1, 1), date(2026, 2, 1))),
        ("created:7d", Range("created", date(2026, 3, 3), None)),
        ("due:<today", Range("due", None, date(2026, 3, 9))),
        ("points:3..5", Range("points", 3, 5)),
        ("-crash", Words("crash", negated=True)),
        ("http://example.com/a", Words("http://example.com/a")),
        (r'"say \"no\""', Words('say "no"')),
        ("sort:created-asc", Sort("created", descending=False)),
    ],
)
def test_each_form_has_its_meaning(text: str, part: object) -> None:
    query = parse_query(text, today=TODAY)
    assert part in (*query.filters, *query.ranges, *query.words, query.sort)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sevrity:high", "Did you mean severity"),
        ("is:opne", "Did you mean open"),
        ("created:yesteryear", "is no date"),
        ("points:many", "is no number"),
        ('team:"open', "not closed"),
        ("sort:colour", "Known: updated"),
        ("x" * 1001, "at most 1000"),
        (" ".join(["a"] * 41), "at most 40"),
    ],
)
def test_a_query_that_cannot_be_understood_is_refused_with_help(text: str, message: str) -> None:
    with pytest.raises(QuerySyntaxError, match=message):
        parse_query(text)


@given(st.text(max_size=200))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    try:
        parse_query(text)
    except QuerySyntaxError as error:
        assert str(error)  # noqa: PT017 -- Either outcome is right.
