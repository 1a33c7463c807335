"""What became of suggested duplicates: what people merged, related and rejected."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.tables import DuplicateVerdict
from bugflow.mlops.predictions.queries import NOT
from bugflow.mlops.predictions.settling import Word, settle_issue
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.registry.versions import DUPLICATES, MODEL_TYPES
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.duplicates import cut_numbers, list_links
from bugflow.tracker.issues.tables import Issue, IssueRelation

REJECTED, WITHDRAWN = "rejected", "withdrawn"


@dataclass(frozen=True, slots=True)
class _Known:
    """What people have said of some issues and of those that were suggested for them.

    Attributes:
        links: By their duplicate.
        numbers: Of issues by their keys, `keys` the other way round.
        rejected: By issue and the other one, what still holds, the oldest first.
        roles: Of those who made links.
    """

    links: Mapping[int, IssueRelation]
    numbers: Mapping[str, int]
    keys: Mapping[int, str]
    rejected: Mapping[tuple[int, int], DuplicateVerdict]
    roles: Mapping[int | None, str]

    def find_canonical(self, number: int) -> int:
        """Return what an issue leads to; never in a circle, since each link leads to an older issue."""
        while number in self.links:
            number = self.links[number].target_id
        return number


def settle_said(session: Session, issue_id: int, fields: Collection[str] = MODEL_TYPES) -> None:
    """Bring the outcomes of an issue's predictions in line with what people say: of its fields, and of duplicates."""
    settle_issue(session, issue_id, fields)
    if DUPLICATES in fields:
        settle_duplicates(session, {issue_id})


def settle_groups(session: Session, issue_ids: Collection[int]) -> None:
    """Settle what was suggested for all issues that hang together with some, and for those that were kept apart.

    It is called where one of the issues was merged, unmerged, related or rejected.
    """
    links = list_links(session, issue_ids)
    members = {*issue_ids, *links, *(link.target_id for link in links.values())}
    apart = {number for pair in _read_rejected(session, members) for number in pair}
    settle_duplicates(session, members | apart)


def settle_duplicates(session: Session, issue_ids: Collection[int]) -> None:
    """Bring the outcome of what was suggested for some issues in line with what people say.

    An issue that a person made a duplicate tells what is right: the suggestion is if it is in the same group now. Where
    there is no such link, it is wrong if a person has said of any issue of its group that it is no duplicate. Links of
    imports and programs say nothing. It reads everything anew, so it may be called in any order and again; of two who
    do so at once the second waits.
    """
    for some in cut_numbers(sorted(issue_ids)):
        rows = session.scalars(
            select(Prediction)
            .where(Prediction.issue_id.in_(some), Prediction.field == DUPLICATES)
            .order_by(Prediction.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()
        if rows:
            _settle(rows, _read_known(session, rows))
    session.flush()


def _settle(rows: Iterable[Prediction], known: _Known) -> None:
    for row in rows:
        said = None if row.label is None else known.numbers.get(row.label)
        group = None if said is None else known.find_canonical(said)
        word = _find_merge(row.issue_id or 0, known) or _find_rejection(row.issue_id or 0, group, known)
        row.truth = row.outcome = row.settled_by = row.settled_at = None
        if word is not None:
            is_right = group is not None and known.keys.get(group) == word.truth
            row.truth, row.outcome = word.truth, "right" if is_right else "wrong"
            row.settled_by, row.settled_at = word.role, word.at


def _find_merge(issue_id: int, known: _Known) -> Word | None:
    """Return what a person made an issue a duplicate of, and when; none where nobody did."""
    link = known.links.get(issue_id)
    role = None if link is None else known.roles.get(link.created_by_id)
    if link is None or role is None:
        return None
    return Word(known.keys[known.find_canonical(issue_id)], role, link.created_at)


def _find_rejection(issue_id: int, group: int | None, known: _Known) -> Word | None:
    """Return what a person said last of an issue and a member of a group: that it is no duplicate of it."""
    found = [
        (verdict, other)
        for (issue, other), verdict in known.rejected.items()
        if issue == issue_id and known.find_canonical(other) == group
    ]
    if not found:
        return None
    verdict, other = max(found, key=lambda each: each[0].id)
    return Word(f"{NOT}{known.keys[other]}", verdict.author_role, verdict.created_at)


def _read_known(session: Session, rows: Sequence[Prediction]) -> _Known:
    asked = {row.issue_id for row in rows if row.issue_id is not None}
    labels = {row.label for row in rows if row.label is not None}
    numbers = dict(session.execute(select(Issue.key, Issue.id).where(Issue.key.in_(labels))).all())
    rejected = {pair: verdict for pair, verdict in _read_rejected(session, asked).items() if pair[0] in asked}
    links = list_links(session, {*asked, *numbers.values(), *(other for _, other in rejected)})
    named = {*numbers.values(), *(link.target_id for link in links.values()), *(other for _, other in rejected)}
    keys: dict[int, str] = {}
    for some in cut_numbers(sorted(named)):
        keys |= dict(session.execute(select(Issue.id, Issue.key).where(Issue.id.in_(some))).all())
    makers = {links[number].created_by_id for number in asked if number in links}
    people = select(User.id, User.role).where(User.id.in_(makers - {None}))
    return _Known(links, numbers, keys, rejected, {row.id: row.role for row in session.execute(people)})


def _read_rejected(session: Session, issue_ids: Collection[int]) -> dict[tuple[int, int], DuplicateVerdict]:
    """Return what was said last of pairs with some issues, in both orders, where they are said to be no duplicates."""
    said: dict[tuple[int, int], DuplicateVerdict] = {}
    for some in cut_numbers(sorted(issue_ids)):
        rows = session.scalars(
            select(DuplicateVerdict)
            .where(or_(DuplicateVerdict.source_id.in_(some), DuplicateVerdict.target_id.in_(some)))
            .where(DuplicateVerdict.verdict.in_((REJECTED, WITHDRAWN)))
            .order_by(DuplicateVerdict.id)
        )
        for row in rows:
            said[row.source_id, row.target_id] = said[row.target_id, row.source_id] = row
    return {pair: row for pair, row in said.items() if row.verdict == REJECTED}
