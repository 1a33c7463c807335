"""Suggestions where PostgreSQL has the vectors: as from memory, for whoever may see what, and by words if it fails."""

from collections.abc import Sequence
from threading import Event
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text, update

from bugflow.assist.duplicates import vector_asking, vector_search
from bugflow.assist.duplicates.hosting import DuplicateHost, HostingOptions
from bugflow.assist.duplicates.profiling import profile_backlog, profile_issue
from bugflow.assist.duplicates.suggesting import read_draft, read_issue, suggest
from bugflow.assist.duplicates.suggestion_schemas import PreviewAsk, SuggestionsRead
from bugflow.assist.duplicates.vector_asking import DATABASE_FAILED
from bugflow.assist.duplicates.vector_filling import keep_vectors
from bugflow.assist.duplicates.vector_search import NEAREST, find_vectors
from bugflow.core.database import Database
from bugflow.ml.contract import Vectors
from bugflow.ml.duplicates.shortlisting import Shortlist, find_shortlist
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.issues.tables import Issue
from factories.encoders import BagEncoder
from factories.locks import hold
from factories.runners import wait_until
from factories.workplace import Workplace, build_workplace
from ml.duplicates.building import build_profile

CRASH = "Exporting the quarterly spreadsheet crashes with zlib underflow"
ENCODER = BagEncoder()


@pytest.fixture
def workplace(vector_database: Database) -> Workplace:
    generator = np.random.default_rng(5)
    words = [f"word{number}" for number in range(40)]
    with vector_database.transaction() as session:
        made = build_workplace(session)
        for _ in range(40):
            title, description = (" ".join(generator.choice(words, amount)) for amount in (4, 12))
            made.report(session, title=title, description=description, by=Role.PROJECT_MANAGER)
    profile_backlog(vector_database, ENCODER)
    keep_vectors(vector_database, ENCODER.name)
    return made


def load(database: Database, **options: Any) -> DuplicateHost:  # noqa: ANN401 -- Any option.
    host = DuplicateHost(database, HostingOptions(**({"refresh_seconds": 0} | options)), find_encoder=lambda: ENCODER)
    host.load()
    return host


def is_in_database(host: DuplicateHost) -> bool:
    with host.read() as known:
        return known is not None and known.vectors is not None


def report(database: Database, workplace: Workplace, **fields: Any) -> int:  # noqa: ANN401 -- Any field.
    with database.transaction() as session:
        number = workplace.report(session, **({"title": CRASH, "by": Role.PROJECT_MANAGER} | fields)).id
    profile_issue(database, number, ENCODER)
    return number


def ask(host: DuplicateHost, database: Database, viewer: Actor, title: str = CRASH) -> SuggestionsRead:
    with database.snapshot() as session:
        sought = read_draft(session, viewer, PreviewAsk(project="B", title=title))
    return suggest(host, database, viewer, sought, most=20)


def list_ids(answer: SuggestionsRead) -> list[int]:
    return [each.issue_id for each in answer.suggestions]


def test_the_answers_are_those_of_vectors_in_memory(vector_database: Database, workplace: Workplace) -> None:
    own, other = load(vector_database), load(vector_database, vectors="memory")
    assert (is_in_database(own), is_in_database(other)) == (True, False)
    with own.read() as known:
        assert known is not None
        assert (len(known.index.texts), known.count_without_vectors()) == (0, 0)
    with vector_database.snapshot() as session:
        issues = session.query(Issue).order_by(Issue.id).all()
        asked = [read_issue(session, workplace.manager, each) for each in issues]
    found = 0
    for sought in asked:
        answers = [suggest(host, vector_database, workplace.manager, sought, most=20) for host in (own, other)]
        assert answers[0] == answers[1]
        found += len(answers[0].suggestions)
    assert found > 0


def test_what_shares_no_word_is_found_by_its_meaning(
    vector_database: Database, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = report(vector_database, workplace, title="Tabellenausgabe stürzt ab")
    host = load(vector_database)
    [title, words] = ENCODER.encode(["Tabellenausgabe stürzt ab", "Tabellenausgabe stürzt ab\n"])
    monkeypatch.setattr(ENCODER, "encode", lambda _: np.stack([title, words]))
    assert list_ids(ask(host, vector_database, workplace.manager, "Spreadsheet crashes")) == [number]


def test_only_what_the_viewer_may_see_is_among_the_nearest(vector_database: Database, workplace: Workplace) -> None:
    open_one = report(vector_database, workplace, title=f"{CRASH} one")
    hidden = report(vector_database, workplace, title=f"{CRASH} two")
    with vector_database.transaction() as session:
        session.execute(update(Issue).where(Issue.id == hidden).values(restricted=True))
    host = load(vector_database)
    tester, manager = workplace.people[Role.TESTER], workplace.manager
    assert list_ids(ask(host, vector_database, tester)) == [open_one]
    assert set(list_ids(ask(host, vector_database, manager))) == {open_one, hidden}
    profile = build_profile(CRASH, encoder=ENCODER)
    with vector_database.snapshot() as session:
        vectors = find_vectors(session, ENCODER.name)
        assert vectors is not None
        assert hidden in vectors.find_nearest(session, profile, viewer=manager).identities
        seen = vectors.find_nearest(session, profile, viewer=tester).identities
        assert hidden not in seen
        assert open_one in seen
        created = session.get_one(Issue, open_one).created_at
        older = vectors.find_nearest(session, profile, viewer=manager, before=created).identities
        assert not {open_one, hidden} & set(older.tolist())
        assert len(older) > 0


def test_the_nearest_are_searched_by_the_index_and_searched_on_where_most_are_hidden(
    vector_database: Database, workplace: Workplace
) -> None:
    with vector_database.transaction() as session:
        for number in range(900):
            workplace.report(session, title=f"A number {number}", by=Role.PROJECT_MANAGER)
        session.execute(update(Issue).where(Issue.id % 3 != 0).values(restricted=True))
    profile_backlog(vector_database, ENCODER)
    tester = workplace.people[Role.TESTER]
    profile = build_profile("A number 7", encoder=ENCODER)
    with vector_database.snapshot() as session:
        vectors = find_vectors(session, ENCODER.name)
        assert vectors is not None
        session.execute(text("SET LOCAL enable_seqscan = off"))
        session.execute(text("SET LOCAL enable_sort = off"))
        assert len(vectors.find_nearest(session, profile, viewer=workplace.manager).identities) == NEAREST
        assert len(vectors.find_nearest(session, profile, viewer=tester).identities) == NEAREST
        for statement in (
            vector_search._build_nearest(vectors.encoder_id, vectors.n_dims),
            vector_search._build_nearest_visible(vectors.encoder_id, vectors.n_dims, tester, is_dated=False),
        ):
            vector = str(np.zeros(ENCODER.n_dims).tolist())
            values = {"text": vector, "title": vector, "mean": vector}
            compiled = statement.compile(session.get_bind(), compile_kwargs={"render_postcompile": True})
            plan = session.execute(text(f"EXPLAIN {statement_text(compiled, values)}")).scalars().all()
            assert "ix_issue_vectors_text_1" in "".join(plan)


def statement_text(compiled: Any, values: dict[str, str]) -> str:  # noqa: ANN401 -- SQLAlchemy's.
    """Return a statement with its values written out."""
    found = str(compiled)
    for name, value in (compiled.params | values).items():
        quoted = f"'{value}'" if isinstance(value, str) else str(value)
        for form in (f"%({name})s", f"%({name})s::INTEGER"):
            found = found.replace(form, quoted)
    return found


@pytest.mark.parametrize("breaking", ["DROP TABLE issue_vectors", "ALTER TABLE issue_vectors RENAME title TO t"])
def test_where_the_database_fails_words_answer_and_the_answer_says_so(
    vector_database: Database, workplace: Workplace, breaking: str
) -> None:
    number = report(vector_database, workplace)
    host = load(vector_database)
    assert ask(host, vector_database, workplace.manager).note is None
    with vector_database.transaction() as session:
        session.execute(text(breaking))
    answer = ask(host, vector_database, workplace.manager)
    assert (list_ids(answer), answer.note) == ([number], DATABASE_FAILED)


def test_a_database_that_takes_too_long_is_not_waited_for_and_after_some_times_left_alone(
    vector_database: Database, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = report(vector_database, workplace)
    host = load(vector_database, failures=2, pause_seconds=300)
    monkeypatch.setattr(vector_search, "MOST_MILLISECONDS", 50)
    with hold(vector_database, "LOCK TABLE issue_vectors IN ACCESS EXCLUSIVE MODE"):
        for _ in range(2):
            answer = ask(host, vector_database, workplace.manager)
            assert (list_ids(answer), answer.note) == ([number], DATABASE_FAILED)
        assert host.asking.state == "open"
    assert ask(host, vector_database, workplace.manager).note == DATABASE_FAILED
    assert ask(load(vector_database), vector_database, workplace.manager).note is None


def test_a_process_changes_over_when_the_database_can_search_and_back_when_it_no_longer_can(
    vector_database: Database, workplace: Workplace
) -> None:
    number = report(vector_database, workplace)
    with vector_database.transaction() as session:
        session.execute(text("DROP TABLE issue_vectors, vector_encoders"))
    host = load(vector_database, background_seconds=0.05)
    assert not is_in_database(host)
    host.start()
    try:
        keep_vectors(vector_database, ENCODER.name)
        wait_until(lambda: is_in_database(host), 20)
        assert list_ids(ask(host, vector_database, workplace.manager)) == [number]
        with vector_database.transaction() as session:
            session.execute(text("DROP EXTENSION vector CASCADE"))
        wait_until(lambda: not is_in_database(host), 20)
    finally:
        host.stop()
    answer = ask(host, vector_database, workplace.manager)
    assert (list_ids(answer), answer.note) == ([number], None)


def test_an_issue_is_known_anew_when_its_text_changes_but_not_when_its_vectors_are_written(
    vector_database: Database, workplace: Workplace
) -> None:
    host = load(vector_database)
    with vector_database.transaction() as session:
        number = workplace.report(session, title=CRASH, by=Role.PROJECT_MANAGER).id
    answer = ask(host, vector_database, workplace.manager)
    assert list_ids(answer) == [number]
    with host.read() as known:
        assert known is not None
        before = len(known.index)
    profile_issue(vector_database, number, ENCODER)
    host.refresh(effort=4)
    with host.read() as known:
        assert known is not None
        assert len(known.index) == before
    assert ask(host, vector_database, workplace.manager).note is None


def test_issues_that_are_loaded_anew_while_the_database_is_asked_are_asked_once_more(
    vector_database: Database, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = report(vector_database, workplace)
    host = load(vector_database)
    measure = vector_search.DatabaseVectors.measure

    def load_meanwhile(self: vector_search.DatabaseVectors, *arguments: Any) -> vector_search.Measured:  # noqa: ANN401 -- Whatever it takes.
        host.load()
        return measure(self, *arguments)

    monkeypatch.setattr(vector_search.DatabaseVectors, "measure", load_meanwhile)
    answer = ask(host, vector_database, workplace.manager)
    assert (list_ids(answer), answer.note) == ([number], None)


def test_issues_with_the_same_words_are_looked_for_while_the_vectors_are_made(
    vector_database: Database, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = report(vector_database, workplace)
    host, begun, encode = load(vector_database), Event(), ENCODER.encode

    def draw(*arguments: Any) -> Shortlist:  # noqa: ANN401 -- Whatever it takes.
        begun.set()
        return find_shortlist(*arguments)

    def encode_late(texts: Sequence[str]) -> Vectors:
        assert begun.wait(20)
        return encode(texts)

    monkeypatch.setattr(vector_asking, "find_shortlist", draw)
    monkeypatch.setattr(ENCODER, "encode", encode_late)
    answer = ask(host, vector_database, workplace.manager)
    assert (list_ids(answer), answer.note) == ([number], None)
