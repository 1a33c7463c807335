from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.tracker.search.errors import QuerySyntaxError
from bugflow.tracker.search.language import Filter, Group, Query, Range, Sort, Words, parse_query

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
    ("text", "same"),
    [
        ("a OR b", "(a OR b)"),
        ("(a)", "((a))"),
        ("a OR b c", "(a OR (b c))"),
        ("( a OR b )", "(a OR b)"),
        ("(a OR b)(c OR d)", "(a OR b) (c OR d)"),
        ("-(a b)", "-( a  b )"),
        ("(sort:id a)", "(a) sort:id"),
    ],
)
def test_two_ways_to_write_the_same_are_the_same(text: str, same: str) -> None:
    assert _flat(parse_query(text)) == _flat(parse_query(same))


def _flat(query: Query) -> Query:
    """Return the query without groups that group nothing."""
    while len(query.groups) == 1 and query == Query(groups=query.groups, sort=query.sort):
        [group] = query.groups
        if group.negated or len(group.alternatives) > 1:
            break
        query = replace(group.alternatives[0], sort=query.sort)
    groups = tuple(Group(tuple(map(_flat, group.alternatives)), group.negated) for group in query.groups)
    return replace(query, groups=groups)


def test_either_side_of_or_is_enough() -> None:
    [group] = parse_query("team:Backend OR crash -flaky").groups
    assert group.alternatives == (
        Query(filters=(Filter("team", ("Backend",)),)),
        Query(words=(Words("crash"), Words("flaky", negated=True))),
    )


@pytest.mark.parametrize("text", ["main()", "f(x)", "a)", "or", "ORDER", '"a OR b"', '"(a"', "foo(bar)baz"])
def test_what_is_no_group_stays_a_word(text: str) -> None:
    assert parse_query(text) == Query(words=(Words(text.strip('"')),))


def test_a_closing_parenthesis_is_no_part_of_the_last_word() -> None:
    [group] = parse_query("(main() OR title:x)".replace("title:x", "exit(1)")).groups
    assert [each.words[0].text for each in group.alternatives] == ["main()", "exit(1)"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(a OR b", "not closed"),
        ("OR a", "stands between"),
        ("a OR", "stands between"),
        ("(a OR )", "stands between"),
        ("a OR OR b", "stands between"),
        ("(" * 9 + "a" + ")" * 9, "nested more than 8"),
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
