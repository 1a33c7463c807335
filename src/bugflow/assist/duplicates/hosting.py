"""The issues of a process in memory: loaded in the background, brought up to date before they are asked."""

import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nlargest
from typing import TypeVar

import numpy as np
import structlog

from bugflow.assist.duplicates.known import KnownIssues, make_key
from bugflow.assist.duplicates.loading import load_known, open_known, sort_out
from bugflow.assist.duplicates.locking import ReadersAndWriter
from bugflow.assist.duplicates.rankers import Rankers
from bugflow.assist.duplicates.reading import (
    Highest,
    forget_pages,
    iterate_stamps,
    list_all_links,
    list_changed,
    list_new_links,
    list_written,
    read_highest,
    read_some,
)
from bugflow.assist.duplicates.vector_search import find_vectors
from bugflow.assist.duplicates.vector_tables import VectorPlace
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.memory import give_back_memory
from bugflow.ml.contract import Encoder
from bugflow.ml.duplicates.profiles import Profile, ReadReport
from bugflow.mlops.serving.breaker import Breaker

log = structlog.get_logger()

Result = TypeVar("Result")

OVERLAP = timedelta(seconds=30)
"""So long a transaction may take to commit what it says happened at its beginning; what takes longer is found when all
is compared."""
STOPPING_SECONDS, ALL = 5.0, 2**31
NO_ENCODER = "The encoder is not there or not loaded yet, so reports are compared by their words alone."
OTHER_ENCODER = "Profiles are being loaded for another encoder; until then reports are compared by their words alone."
ENCODER_PAUSED = "The encoder has failed several times, so for a while reports are compared by their words alone."
ENCODER_FAILED = "The encoder failed or is busy, so this report is compared by its words alone."


@dataclass(frozen=True, kw_only=True)
class HostingOptions:
    """How issues are kept in memory.

    Attributes:
        enabled: Whether at all.
        least_probability: What is less probable is not suggested.
        at_once: So many reports are compared at once, the others wait: more than a few keep each other busy.
        refresh_seconds: How often it is looked at most what has changed.
        background_seconds: How often it is looked without being asked.
        compare_seconds: How often everything is compared.
        most_taken: Changed issues that are taken over at once while somebody waits, and four times in the background.
        most_written: Of so many profiles that were written lately the issues are taken over while somebody waits.
        most_read: Of how many issues without a profile the words are read at once, and four times in the background.
        failures: After so many failures in a row the encoder is left alone.
        pause_seconds: For how long.
        vectors: Where vectors are searched.
    """

    enabled: bool = True
    least_probability: float = 0.01
    at_once: int = 2
    refresh_seconds: float = 0.5
    background_seconds: float = 5.0
    compare_seconds: float = 300.0
    most_taken: int = 500
    most_written: int = 20
    most_read: int = 50
    failures: int = 5
    pause_seconds: float = 30.0
    vectors: VectorPlace = "auto"


class DuplicateHost:
    """The issues of a process, ready to be searched for duplicates.

    Attributes:
        asking: Says whether the database is asked where it has the vectors: not for a while after several failures.
    """

    def __init__(
        self,
        database: Database,
        options: HostingOptions,
        *,
        rankers: Rankers | None = None,
        find_encoder: Callable[[], Encoder | None] = lambda: None,
        ask_for_profiles: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what is asked.

        Args:
            database: Whose issues.
            options: How they are kept.
            rankers: Put candidates in order; without them the order is that of the search.
            find_encoder: Makes the vectors of what is asked.
            ask_for_profiles: Is called with the encoder's name where issues were loaded that have no vectors of it.
            clock: In seconds.
        """
        self.options = options
        self.rankers = rankers or Rankers(lambda: None)
        self._database = database
        self._find_encoder = find_encoder
        self._ask_for_profiles = ask_for_profiles
        self._clock = clock
        self._breaker = Breaker(failures=options.failures, pause_seconds=options.pause_seconds, clock=clock)
        self.asking = Breaker(failures=options.failures, pause_seconds=options.pause_seconds, clock=clock)
        self._known: KnownIssues | None = None
        self._lock = ReadersAndWriter()
        self._searchers = ThreadPoolExecutor(options.at_once, thread_name_prefix="bugflow-searching")
        self._refreshing = threading.Lock()
        self._refreshed_at = float("-inf")
        self._since: datetime = utc_now()
        self._written_since: datetime = self._since
        self._marks: deque[tuple[float, Highest]] = deque()
        self._noted: set[int] = set()
        self._pending: set[int] = set()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to load."""
        if self.options.enabled and self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="bugflow-duplicates", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Let the thread end."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOPPING_SECONDS)
            self._thread = None

    @property
    def is_ready(self) -> bool:
        """Whether the issues are loaded."""
        return self._known is not None

    @contextmanager
    def read(self) -> Iterator[KnownIssues | None]:
        """Give the issues to be searched, which do not change until the block ends; none while they are loading."""
        with self._lock.reading():
            yield self._known

    def search(self, look: Callable[[KnownIssues], Result]) -> Result | None:
        """Return what a look at the issues finds, none while they are loading; waits for its turn."""
        return self.begin_search(look).result()

    def begin_search(self, look: Callable[[KnownIssues], Result]) -> Future[Result | None]:
        """Return what will hold what a look at the issues finds, none while they are loading.

        It is done by one of a few threads: more would keep each other busy, and each thread that handles arrays of
        all issues keeps memory for them.
        """

        def work() -> Result | None:
            with self.read() as known:
                return None if known is None else look(known)

        return self._searchers.submit(copy_context().run, work)

    def add_vectors(self, report: ReadReport) -> tuple[Profile, str | None]:
        """Return a report's profile, and why it has no vectors where it has none; may wait for the encoder."""
        encoder, known = self._find_encoder(), self._known
        plain = Profile(report.words)
        if encoder is None:
            return plain, NO_ENCODER
        if known is None or known.encoder_name != encoder.name:
            return plain, OTHER_ENCODER
        if not self._breaker.allows():
            return plain, ENCODER_PAUSED
        try:
            profile = report.add_vectors(encoder)
        except Exception as error:  # noqa: BLE001 -- The edge to the encoder: words answer, too.
            self._breaker.note_failure()
            log.warning("duplicates_encoder_failed", error=str(error), kind=type(error).__name__)
            return plain, ENCODER_FAILED
        self._breaker.note_success()
        return profile, None

    def refresh(self, *, effort: int = 1) -> None:
        """Take over what has changed, unless that was done a moment ago; call it without a connection in hand.

        Who waits for an answer does not wait for another one who is at it.

        Args:
            effort: More than 1 takes over more at once, and all profiles that were written instead of the latest few:
                there may be very many, and an issue is known by its words until then.
        """
        if self._known is None or not self._is_due(effort):
            return
        if not self._refreshing.acquire(blocking=effort > 1):
            return
        try:
            known = self._known
            if known is not None and self._is_due(effort):
                self._take_over(known, effort)
                self._refreshed_at = self._clock()
        finally:
            self._refreshing.release()

    def _is_due(self, effort: int) -> bool:
        return effort > 1 or self._clock() - self._refreshed_at >= self.options.refresh_seconds

    def load(self) -> None:
        """Load all issues, and only then forget those from before; until the first time nothing is suggested."""
        started, since = self._clock(), utc_now() - OVERLAP
        known = open_known(self._database, self._find_encoder(), place=self.options.vectors)
        with self._database.snapshot() as session:
            highest = read_highest(session)
        pending = set[int]()
        for left in load_known(self._database, known):
            pending |= left
            if self._stopping.is_set():
                return
        with self._refreshing, self._lock.writing():
            self._known, self._pending, self._since = known, pending, since
            self._noted, self._written_since = set(), since
            self._marks = deque([(started, highest)])
        give_back_memory()

    def compare(self) -> None:
        """Note everything that differs from the database, however that came about.

        What changes while that is read counts as different, too, and is read once more.
        """
        numbers, stamps = array("q"), array("d")
        with self._database.snapshot() as session:
            for number, moment in iterate_stamps(session):
                numbers.append(number)
                stamps.append(moment.timestamp())
            links = list_all_links(session)
            forget_pages(session)
        with self._refreshing:
            known = self._known
            if known is None:
                return
            present = known.list_links()
            self._noted |= known.list_differing(np.array(numbers, dtype=np.int64), np.array(stamps, dtype=np.float64))
            self._noted |= {each for each in links if present.get(each) != links[each]} | (set(present) - set(links))
            self._noted -= self._pending
        give_back_memory()

    def _run(self) -> None:
        compare_at = self._clock() + 2 * OVERLAP.total_seconds()
        while not self._stopping.is_set():
            try:
                self.rankers.look()
                if self._known is None or self._is_outdated(self._known):
                    self._load_aloud()
                elif self._clock() >= compare_at:
                    self.compare()
                    compare_at = self._clock() + self.options.compare_seconds
                self.refresh(effort=4)
            except Exception as error:  # noqa: BLE001 -- The thread's edge: whatever it is, it is tried again.
                if not self._stopping.is_set():
                    log.warning("duplicates_not_loaded", error=str(error), kind=type(error).__name__)
            self._stopping.wait(self.options.background_seconds)

    def _load_aloud(self) -> None:
        started = self._clock()
        self.load()
        known = self._known
        if known is not None:
            log.info(
                "duplicates_loaded",
                issues=len(known),
                without_profile=len(self._pending),
                encoder=known.encoder_name,
                vectors="memory" if known.vectors is None else "database",
                seconds=round(self._clock() - started, 2),
            )
            if known.encoder_name and (self._pending or known.count_without_vectors()):
                self._ask_for_profiles(known.encoder_name)

    def _is_outdated(self, known: KnownIssues) -> bool:
        """Whether there is another encoder, or more rows are of texts from before than of those that are.

        Also where the database can search vectors by now, or no longer can.
        """
        encoder = self._find_encoder()
        if (encoder is not None and encoder.name != known.encoder_name) or known.replaced > len(known) + 1_000:
            return True
        if self._database.is_embedded or self.options.vectors == "memory":
            return False
        with self._database.snapshot() as session:
            return (find_vectors(session, known.encoder_name) is None) != (known.vectors is None)

    def _take_over(self, known: KnownIssues, effort: int) -> None:
        began, now = utc_now(), self._clock()
        above = self._find_mark(now)
        with self._database.snapshot() as session:
            highest = read_highest(session)
            wanted = set(self._noted)
            changed = list_changed(session, self._since, above)
            wanted |= {number for number, moment in changed.items() if not known.has(number, moment)}
            most = ALL if effort > 1 else self.options.most_written
            for each in list_written(session, self._written_since, most=most):
                key = make_key(each.digest, has_vectors=known.holds_vectors_of(each.encoder))
                if known.find_key(each.issue_id) != key:
                    wanted.add(each.issue_id)
            links = known.list_links()
            wanted |= {source for source, to in list_new_links(session, above).items() if links.get(source) != to}
            waiting = nlargest(self.options.most_read * effort, self._pending - wanted)
            taken = [*nlargest(self.options.most_taken * effort, wanted), *waiting]
            found = read_some(session, taken, with_text=self._pending)
        if not taken:
            self._advance(now, began, highest, effort)
            return
        news = sort_out(known, found, most_read=self.options.most_read * effort)
        with self._lock.writing():
            news.put_into(known)
        self._noted = wanted - set(taken)
        self._pending = (self._pending - set(taken)) | news.left
        self._advance(now, began, highest, effort)

    def _advance(self, now: float, began: datetime, highest: Highest, effort: int) -> None:
        """Look next time only at what came later; what is left is known by name."""
        self._since = began - OVERLAP
        if effort > 1:
            self._written_since = self._since
        self._marks.append((now, highest))

    def _find_mark(self, now: float) -> Highest:
        """Return the largest numbers of a while ago: what got smaller ones may be committed only now."""
        while len(self._marks) > 1 and self._marks[1][0] <= now - OVERLAP.total_seconds():
            self._marks.popleft()
        return self._marks[0][1] if self._marks else Highest()
