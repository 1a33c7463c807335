"""From the database to the issues in memory: all at the start, later what has changed."""

from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.known import IssueState, Known, KnownIssues, make_key
from bugflow.assist.duplicates.packing import ProfileDamagedError, read_kept
from bugflow.assist.duplicates.profiling import IssueText, read_texts
from bugflow.assist.duplicates.reading import (
    Found,
    KeptProfile,
    find_latest,
    forget_pages,
    is_certain,
    list_all_links,
    read_batch,
)
from bugflow.assist.duplicates.vector_search import find_vectors
from bugflow.assist.duplicates.vector_tables import VectorPlace
from bugflow.core.database import Database
from bugflow.ml.contract import Encoder
from bugflow.ml.duplicates.profiles import Profile, profile_reports

log = structlog.get_logger()

LOADED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class News:
    """What is to be taken into memory.

    Attributes:
        added: New issues, and those with another profile.
        changed: Those of which something beside the text has changed.
        links: Of each what it is a duplicate of now; none where it is no duplicate.
        gone: Which are no more.
        left: Which have no profile and must wait, since reading the words of many texts takes long.
    """

    added: list[Known]
    changed: list[IssueState]
    links: dict[int, int | None]
    gone: frozenset[int]
    left: frozenset[int]

    def put_into(self, known: KnownIssues) -> None:
        """Take it over."""
        known.add(self.added)
        for state in self.changed:
            known.change(state)
        for issue_id in self.gone:
            known.remove(issue_id)
        known.link({source: target for source, target in self.links.items() if source not in self.gone})


def open_known(database: Database, encoder: Encoder | None, *, place: VectorPlace = "auto") -> KnownIssues:
    """Return an empty memory for the vectors of an encoder; without one, for those that were written last.

    Where the database searches these, it is a memory without vectors.
    """
    with database.snapshot() as session:
        name, n_dims = (encoder.name, encoder.n_dims) if encoder is not None else _find_encoder(session)
        vectors = find_vectors(session, name) if place == "auto" else None
    return KnownIssues(name, n_dims) if vectors is None else KnownIssues(name, vectors=vectors)


def _find_encoder(session: Session) -> tuple[str, int]:
    latest = find_latest(session)
    if latest is None:
        return "", 0
    try:
        profile = read_kept(latest[0])
    except ProfileDamagedError:
        return "", 0
    return ("", 0) if profile.text is None else (latest[1], len(profile.text))


def load_known(database: Database, known: KnownIssues) -> Iterator[frozenset[int]]:
    """Load all profiles that the database keeps, in the order of the issues' numbers.

    Yields after each thousand issues those of them that have no profile.
    """
    after = 0
    while True:
        with database.snapshot() as session:
            issues = read_batch(session, after, most=LOADED_AT_ONCE)
            texts = read_texts(session, [state.issue_id for state, kept in issues if not is_certain(state, kept)])
            forget_pages(session)
        if not issues:
            break
        news = sort_out(known, Found(issues, texts), most_read=0)
        news.put_into(known)
        after = issues[-1][0].issue_id
        yield news.left
    with database.snapshot() as session:
        links = list_all_links(session)
    known.link(dict(links))


def sort_out(known: KnownIssues, found: Found, *, most_read: int) -> News:
    """Return what of the issues that were read is new; of at most so many the words are read here, newest first."""
    added, changed = list[Known](), list[IssueState]()
    wordless: list[tuple[IssueState, IssueText]] = []
    for state, kept in found.issues:
        text = found.texts.get(state.issue_id)
        if text is not None and text.updated_at != state.updated_at:  # Cannot be within one snapshot.
            continue
        digest = kept.digest if kept is not None and is_certain(state, kept) else text.digest if text else None
        if digest is None:
            continue
        present = known.find_key(state.issue_id)
        profile = _read_kept(known, kept, digest) if _may_serve(known, kept, digest, present) else None
        if profile is not None:
            added.append(Known(state, profile, make_key(digest, has_vectors=profile.text is not None)))
        elif present is not None and present >> 1 == make_key(digest, has_vectors=False) >> 1:
            changed.append(state)
        else:
            wordless.append((state, text or IssueText(state.issue_id, state.updated_at, "", "", "")))
    wordless.sort(key=lambda each: -each[0].issue_id)
    read = [each for each in wordless if each[0].issue_id in found.texts][:most_read]
    for (state, text), profile in zip(read, profile_reports([text.report for _, text in read], None), strict=True):
        added.append(Known(state, profile, make_key(text.digest, has_vectors=False)))
    done = {state.issue_id for state, _ in read}
    left = frozenset(state.issue_id for state, _ in wordless) - done
    return News(added, changed, found.links, found.gone, left)


def _may_serve(known: KnownIssues, kept: KeptProfile | None, digest: str, present: int | None) -> bool:
    """Whether a kept profile is of the text, and tells more than what is known."""
    if kept is None or kept.digest != digest:
        return False
    has_vectors = known.holds_vectors_of(kept.encoder)
    is_same_text = present is not None and present >> 1 == make_key(digest, has_vectors=False) >> 1
    return not is_same_text or (has_vectors and present != make_key(digest, has_vectors=True))


def _read_kept(known: KnownIssues, kept: KeptProfile | None, digest: str) -> Profile | None:
    """Return a kept profile, with vectors only where they are of the encoder in use; none where it is damaged."""
    if kept is None or kept.digest != digest:
        return None
    try:
        profile = read_kept(kept.packed)
    except ProfileDamagedError as error:
        log.warning("profile_damaged", error=str(error))
        return None
    if known.holds_vectors_of(kept.encoder) and profile.text is not None and len(profile.text) == known.index.n_dims:
        return profile
    return Profile(profile.words)
