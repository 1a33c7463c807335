"""People who write reports while a server suggests older ones: how they type, and what they wait for.

A person types words at 80 a minute, in bursts of one to four, and then thinks for 0.3 to 1.5 s. After 0.3 s without a
key the page asks about the text as it is, as the report form does. A report that is finished is followed by a new one;
half of them repeat an older one in four of five words, so that there is something to suggest.
The *hurried* stop for 0.3 s after every single word. The *restless* do not wait at all: each asks about a text of one
more word as soon as the last answer is there, which no person does, but shows how much a server can do.
"""

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from statistics import median, quantiles
from typing import Any

from asking import Client, Request
from filling import Draft, ReportProse

WORD_SECONDS, DEBOUNCE_SECONDS = 0.75, 0.3
LONGEST_BURST, THINKING_SECONDS = 4, (0.3, 1.5)
MANNERS = ("typing", "hurried", "restless")


@dataclass(frozen=True)
class Writer:
    """What people write.

    Attributes:
        words: The most frequent first.
        older: Reports to be repeated.
    """

    words: Sequence[str]
    older: Sequence[Draft]

    def write(self, chance: random.Random) -> Iterator[Iterator[tuple[str, str, str]]]:
        """Yield one report after the other, each as it grows."""
        prose = ReportProse(chance, self.words)
        while True:
            yield grow_text(prose.draft(self.older), chance)


@dataclass(frozen=True)
class Waits:
    """How long people waited for answers, in milliseconds; medians over rounds where there were several."""

    p50: float
    p95: float
    p99: float
    requests: int
    rate: float


def ask_alone(client: Client, writer: Writer, *, repeats: int, seed: int) -> tuple[list[float], float]:
    """Ask one after the other, each time about another half-written report; return milliseconds and seconds in all."""
    chance = random.Random(seed)
    texts = [chance.choice(list(report)) for report in islice(writer.write(chance), repeats)]
    started = time.perf_counter()
    return [ask(client, preview(*each)) for each in texts], time.perf_counter() - started


def let_people_type(
    clients: Sequence[Client], writer: Writer, *, manner: str, seconds: float, seed: int
) -> tuple[list[float], float]:
    """Let each client be a person who types; return the milliseconds that each request took, and seconds in all."""
    end = time.perf_counter() + seconds

    def work(place: int) -> list[float]:
        taken = list[float]()
        chance = random.Random(seed * 1000 + place)
        texts = begin_somewhere(chain.from_iterable(writer.write(chance)), chance)
        time.sleep(chance.random() * 2 if manner != "restless" else 0)
        while time.perf_counter() < end:
            words = 1 if manner != "typing" else chance.randint(1, LONGEST_BURST)
            for _ in range(words):
                text = next(texts)
            if manner != "restless":
                time.sleep(words * WORD_SECONDS + DEBOUNCE_SECONDS)
            passed = ask(clients[place], preview(*text))
            taken.append(passed)
            if manner == "typing":
                time.sleep(max(0.0, chance.uniform(*THINKING_SECONDS) - DEBOUNCE_SECONDS - passed / 1000))
        return taken

    started = time.perf_counter()
    with ThreadPoolExecutor(len(clients)) as pool:
        taken = [each for one in pool.map(work, range(len(clients))) for each in one]
    return taken, time.perf_counter() - started


def begin_somewhere(texts: Iterator[tuple[str, str, str]], chance: random.Random) -> Iterator[tuple[str, str, str]]:
    """Leave out some of the first texts, so that not all begin a report at once."""
    return islice(texts, chance.randrange(60), None)


def grow_text(draft: Draft, chance: random.Random) -> Iterator[tuple[str, str, str]]:
    """Yield title, description and stack trace after each word from the third on; a trace is pasted half-way."""
    words = draft.title.split()
    for count in range(min(3, len(words)), len(words) + 1):
        yield " ".join(words[:count]), "", ""
    words = draft.description.split()
    pasted = chance.randrange(max(1, len(words)))
    for count in range(1, len(words) + 1):
        yield draft.title, " ".join(words[:count]), draft.stack_trace if count >= pasted else ""


def preview(title: str, description: str, trace: str) -> Request:
    """Return the request of a preview."""
    body: dict[str, Any] = {"project": "P1", "title": title, "description": description, "stack_trace": trace}
    return "POST", "/api/v1/duplicates/preview", body


def ask(client: Client, request: Request) -> float:
    """Return the milliseconds until the answer was there.

    Raises:
        SystemExit: It was none.
    """
    started = time.perf_counter()
    status, body = client.ask(request)
    passed = (time.perf_counter() - started) * 1000
    if status != 200:  # noqa: PLR2004 -- HTTP.
        raise SystemExit(f"{request[:2]} was answered by {status}: {body[:500]!r}")
    return passed


def summarise(rounds: Sequence[Sequence[float]], seconds: Sequence[float]) -> Waits:
    """Return percentiles, each the median of the rounds'."""
    cuts = [quantiles(taken, n=100) for taken in rounds]
    return Waits(
        p50=median(each[49] for each in cuts),
        p95=median(each[94] for each in cuts),
        p99=median(each[98] for each in cuts),
        requests=sum(map(len, rounds)),
        rate=sum(map(len, rounds)) / sum(seconds),
    )
