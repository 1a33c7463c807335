from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.issues.clusters import list_duplicate_ids
from bugflow.tracker.issues.duplicates import build_relation, find_canonical, link_duplicate, list_links
from bugflow.tracker.issues.errors import (
    AlreadyDuplicateError,
    DuplicateOfItselfError,
    HiddenCanonicalError,
    MayNotChangeIssueError,
    NewerTargetError,
    RelationExistsError,
)
from bugflow.tracker.issues.queries import list_changes
from bugflow.tracker.issues.relations import relate_issues, unrelate_issues
from bugflow.tracker.issues.tables import Issue, IssueRelation
from factories.workplace import Workplace, build_workplace


@pytest.fixture
def workplace(session: Session) -> Workplace:
    return build_workplace(session)


@pytest.fixture
def relate(session: Session, workplace: Workplace) -> Callable[[Issue, Issue], IssueRelation]:
    def relate(source: Issue, target: Issue) -> IssueRelation:
        return relate_issues(
            session, source, target, kind="duplicate_of", actor=workplace.manager, now=workplace.tick()
        )

    return relate


def targets(session: Session) -> dict[str, str]:
    source, target = select(Issue.id, Issue.key).subquery(), select(Issue.id, Issue.key).subquery()
    rows = session.execute(
        select(source.c.key, target.c.key)
        .join(IssueRelation, IssueRelation.source_id == source.c.id)
        .join(target, target.c.id == IssueRelation.target_id)
        .where(IssueRelation.kind == "duplicate_of")
    )
    return {row[0]: row[1] for row in rows}


def test_a_duplicate_of_a_duplicate_leads_to_the_canonical_issue(
    session: Session, workplace: Workplace, relate: Callable[[Issue, Issue], IssueRelation]
) -> None:
    oldest, middle, newest = (workplace.report(session) for _ in range(3))
    relate(middle, oldest)
    assert relate(newest, middle).target_id == oldest.id
    assert targets(session) == {"B-2": "B-1", "B-3": "B-1"}


def test_what_pointed_at_a_new_duplicate_is_pointed_at_the_canonical_issue_and_its_history_says_so(
    session: Session, workplace: Workplace, relate: Callable[[Issue, Issue], IssueRelation]
) -> None:
    oldest, middle, newest = (workplace.report(session) for _ in range(3))
    relate(newest, middle)
    relate(middle, oldest)
    assert targets(session) == {"B-2": "B-1", "B-3": "B-1"}
    history = [(each.field, each.old, each.new) for each, _ in list_changes(session, newest)]
    assert history == [("duplicate_of", None, "B-2"), ("duplicate_of", "B-2", "B-1")]


def test_the_canonical_issue_is_found_over_a_chain_of_any_length(session: Session, workplace: Workplace) -> None:
    chain = [workplace.report(session) for _ in range(60)]
    for older, newer in pairwise(chain):
        session.add(build_relation(newer, older, kind="duplicate_of", created_by_id=None, now=workplace.tick()))
    session.flush()
    assert find_canonical(session, chain[-1].id) == find_canonical(session, chain[0].id) == chain[0].id
    assert list_duplicate_ids(session, chain[0].id) == {each.id for each in chain[1:]}
    assert len(list_links(session, {chain[30].id})) == 59


def test_a_newer_target_is_refused_with_the_way_round_that_works(
    session: Session, workplace: Workplace, relate: Callable[[Issue, Issue], IssueRelation]
) -> None:
    older, newer = workplace.report(session), workplace.report(session)
    with pytest.raises(NewerTargetError, match=r"^B-2 is newer than B-1\. Merge B-2 into B-1 instead\.$"):
        relate(older, newer)


def test_of_two_issues_of_one_moment_the_smaller_number_is_the_older(
    session: Session, workplace: Workplace, relate: Callable[[Issue, Issue], IssueRelation]
) -> None:
    first, second = workplace.report(session), workplace.report(session)
    second.created_at = first.created_at
    session.flush()
    with pytest.raises(NewerTargetError):
        relate(first, second)
    relate(second, first)
    assert targets(session) == {"B-2": "B-1"}


def test_an_issue_that_leads_back_or_is_a_duplicate_already_is_refused(
    session: Session, workplace: Workplace, relate: Callable[[Issue, Issue], IssueRelation]
) -> None:
    first, second, third = (workplace.report(session) for _ in range(3))
    relate(third, second)
    with pytest.raises(RelationExistsError):
        relate(third, second)
    with pytest.raises(AlreadyDuplicateError, match=r"B-3 is already a duplicate of B-2\. Unmerge it first"):
        relate(third, first)
    with pytest.raises(DuplicateOfItselfError, match="B-3 leads back to B-2"):
        relate(second, third)


def test_nobody_makes_an_issue_a_duplicate_of_one_that_is_hidden_from_them(
    session: Session, workplace: Workplace, relate: Callable[[Issue, Issue], IssueRelation]
) -> None:
    hidden = workplace.report(session, by=Role.PROJECT_MANAGER, restricted=True, title="Secret")
    middle, newest = workplace.report(session), workplace.report(session)
    relate(middle, hidden)
    developer = workplace.people[Role.DEVELOPER]
    with pytest.raises(HiddenCanonicalError, match="B-2 is itself a duplicate") as refused:
        link_duplicate(session, newest, middle, actor=developer, now=workplace.tick())
    with pytest.raises(AlreadyDuplicateError, match="an issue that you may not see") as second:
        link_duplicate(session, middle, workplace.report(session), actor=developer, now=workplace.tick())
    assert "B-1" not in str(refused.value) + str(second.value)


def test_a_tester_relates_nothing(session: Session, workplace: Workplace) -> None:
    older, newer = workplace.report(session), workplace.report(session)
    with pytest.raises(MayNotChangeIssueError):
        relate_issues(
            session, newer, older, kind="duplicate_of", actor=workplace.people[Role.TESTER], now=workplace.tick()
        )


def test_taking_a_relation_back_leaves_the_status_as_it_is(
    session: Session, workplace: Workplace, relate: Callable[[Issue, Issue], IssueRelation]
) -> None:
    older, newer = workplace.report(session), workplace.report(session)
    relation = relate(newer, older)
    unrelate_issues(session, older, relation.id, actor=workplace.manager, now=workplace.tick())
    assert (targets(session), newer.status) == ({}, "open")


@pytest.mark.parametrize("same_moment", [False, True])
def test_the_database_itself_refuses_a_duplicate_of_a_newer_issue(
    session: Session, workplace: Workplace, *, same_moment: bool
) -> None:
    older, newer = workplace.report(session), workplace.report(session)
    if same_moment:
        newer.created_at = older.created_at
    session.flush()
    session.add(build_relation(older, newer, kind="duplicate_of", created_by_id=None, now=workplace.tick()))
    with pytest.raises(IntegrityError, match="older_target"):
        session.flush()


def test_the_database_itself_refuses_a_moment_that_is_not_the_issues_own(
    session: Session, workplace: Workplace
) -> None:
    older, newer = workplace.report(session), workplace.report(session)
    relation = build_relation(older, newer, kind="duplicate_of", created_by_id=None, now=workplace.tick())
    relation.source_created_at += timedelta(days=1)
    session.add(relation)
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        session.flush()


def test_the_database_itself_keeps_the_moments_of_a_relation_true(
    session: Session, workplace: Workplace, relate: Callable[[Issue, Issue], IssueRelation]
) -> None:
    older, newer = workplace.report(session), workplace.report(session)
    relation = relate(newer, older)
    older.created_at -= timedelta(days=3)
    session.flush()
    session.refresh(relation)
    assert relation.target_created_at == older.created_at
    with pytest.raises(IntegrityError, match="older_target"):
        session.execute(text("UPDATE issues SET created_at = '2020-01-01 00:00:00.000000' WHERE key = 'B-2'"))


def test_other_relations_lead_either_way(session: Session, workplace: Workplace) -> None:
    older, newer = workplace.report(session), workplace.report(session)
    for kind in ("blocks", "relates_to"):
        relate_issues(session, older, newer, kind=kind, actor=workplace.manager, now=workplace.tick())
    relate_issues(session, newer, older, kind="blocks", actor=workplace.manager, now=workplace.tick())
    assert len(session.scalars(select(IssueRelation)).all()) == 3
