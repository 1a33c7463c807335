from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bugflow.tracker.imports.packing import pack, unpack
from bugflow.tracker.imports.records import (
    ImportedChange,
    ImportedComment,
    ImportedIssue,
    ImportedLink,
    ImportedUser,
)
from bugflow.tracker.imports.writing import content_hash

texts = st.text(max_size=10)
moments = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(fold=0))
users = st.builds(ImportedUser, texts, texts, st.none() | texts)
issues = st.builds(
    ImportedIssue,
    source_id=texts,
    key=texts,
    project_key=texts,
    project_name=texts,
    title=texts,
    description=texts,
    restricted=st.booleans(),
    reporter=users,
    assignee=st.none() | users,
    created_at=moments,
    updated_at=moments,
    resolved_at=st.none() | moments,
    closed_at=st.none() | moments,
    labels=st.lists(texts, max_size=3).map(tuple),
    story_points=st.none() | st.floats(0, 100_000),
    actual_hours=st.none() | st.floats(0, 100_000),
    watchers=st.lists(users, max_size=2).map(tuple),
    comments=st.lists(st.builds(ImportedComment, texts, users, texts, moments, moments), max_size=2).map(tuple),
    changes=st.lists(
        st.builds(ImportedChange, st.none() | users, moments, texts, st.none() | texts, st.none() | texts), max_size=2
    ).map(tuple),
    links=st.lists(st.builds(ImportedLink, texts, texts), max_size=2).map(tuple),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(issues)
def test_an_issue_that_was_packed_comes_back_the_same_and_with_the_same_digest(issue: ImportedIssue) -> None:
    back = unpack(pack(issue))
    assert back == issue
    assert content_hash(back) == content_hash(issue)


def test_a_moment_of_the_first_year_comes_back() -> None:
    first, nobody = datetime(1, 1, 1, tzinfo=UTC), ImportedUser("a", "A")
    words = dict.fromkeys(("source_id", "key", "project_key", "project_name", "title", "description"), "x")
    issue = ImportedIssue(**words, reporter=nobody, created_at=first, updated_at=first)  # type: ignore[arg-type]
    assert unpack(pack(issue)) == issue
