import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import numpy as np
import pytest

from bugflow.ml.contract import Vectors
from bugflow.ml.encoder.errors import EncoderBusyError, EncoderClosedError, EncodingFailedError
from bugflow.ml.encoder.sharing import WARMING, SharedEncoder
from factories.encoders import HashEncoder


@pytest.fixture
def encoder() -> Iterator[HashEncoder]:
    made = HashEncoder()
    yield made
    made.gate.set()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as opened:
        yield opened


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def occupy(shared: SharedEncoder, encoder: HashEncoder, pool: ThreadPoolExecutor) -> Future[Vectors]:
    """Keep the encoder busy with one text until its gate is opened."""
    encoder.gate.clear()
    busy = pool.submit(shared.encode, ["busy"])
    wait_until(lambda: encoder.batches[-1:] == [["busy"]])
    return busy


def test_it_gives_the_vectors_of_its_encoder_in_the_order_of_the_texts(encoder: HashEncoder) -> None:
    texts = ["a", "b", "", "\ud800", "a"]
    with SharedEncoder(encoder) as shared:
        assert (shared.name, shared.n_dims) == (encoder.name, encoder.n_dims)
        assert np.array_equal(shared.encode(texts), encoder.encode(texts))
        assert np.array_equal(shared.encode(texts[::-1]), encoder.encode(texts)[::-1])
        assert shared.encode([]).shape == (0, encoder.n_dims)


def test_a_recent_text_is_not_encoded_again(encoder: HashEncoder) -> None:
    with SharedEncoder(encoder) as shared:
        first = shared.encode(["a", "b"])
        first[:] = 0  # What a caller does with its vectors concerns nobody else.
        again = shared.encode(["b", "a"])
        assert encoder.batches == [["a"], ["b"]]
        assert np.array_equal(again, HashEncoder().encode(["b", "a"]))


def test_of_the_texts_it_remembers_the_one_not_asked_for_longest_is_forgotten(encoder: HashEncoder) -> None:
    with SharedEncoder(encoder, most_kept=2) as shared:
        for text in ("a", "b", "a", "c", "a", "b"):
            shared.encode([text])
        assert encoder.batches == [["a"], ["b"], ["c"], ["b"]]
        assert shared.statistics().kept == 2


def test_what_waits_while_the_encoder_works_goes_together_up_to_a_limit(
    encoder: HashEncoder, pool: ThreadPoolExecutor
) -> None:
    with SharedEncoder(encoder, batch_texts=3) as shared:
        busy = occupy(shared, encoder, pool)
        calls = [pool.submit(shared.encode, [str(number)]) for number in range(5)]
        wait_until(lambda: shared.statistics().waiting == 5)
        encoder.gate.set()
        found = np.vstack([call.result() for call in calls])
        busy.result()
        assert [len(batch) for batch in encoder.batches] == [1, 3, 2]
        assert np.array_equal(found, HashEncoder().encode([str(number) for number in range(5)]))


def test_a_batch_is_closed_when_it_has_enough_characters(encoder: HashEncoder, pool: ThreadPoolExecutor) -> None:
    with SharedEncoder(encoder, batch_texts=10, batch_characters=100) as shared:
        busy = occupy(shared, encoder, pool)
        call = pool.submit(shared.encode, ["x" * 150, "a" * 60, "b" * 60, "c"])
        wait_until(lambda: shared.statistics().waiting == 4)
        encoder.gate.set()
        call.result()
        busy.result()
        assert [len(batch) for batch in encoder.batches] == [1, 1, 2, 1]


def test_a_text_that_several_ask_for_at_once_is_encoded_once(encoder: HashEncoder, pool: ThreadPoolExecutor) -> None:
    with SharedEncoder(encoder) as shared:
        busy = occupy(shared, encoder, pool)
        calls = [pool.submit(shared.encode, ["same"]) for _ in range(4)]
        wait_until(lambda: shared.statistics().waiting == 4)
        encoder.gate.set()
        assert all(np.array_equal(call.result(), HashEncoder().encode(["same"])) for call in calls)
        busy.result()
        assert encoder.batches == [["busy"], ["same"]]


def test_a_failure_reaches_everybody_who_waits_and_ends_nothing(encoder: HashEncoder, pool: ThreadPoolExecutor) -> None:
    with SharedEncoder(encoder, batch_texts=3) as shared:
        busy = occupy(shared, encoder, pool)
        calls = [pool.submit(shared.encode, [str(number)]) for number in range(3)]
        wait_until(lambda: shared.statistics().waiting == 3)
        encoder.failure = RuntimeError("no memory left")
        encoder.gate.set()
        errors: list[BaseException | None] = [call.exception() for call in (busy, *calls)]
        assert all(isinstance(error, EncodingFailedError) and "no memory left" in str(error) for error in errors)
        assert len({id(error) for error in errors}) == 4
        encoder.failure = None
        assert shared.encode(["0"]).shape == (1, encoder.n_dims)


def test_an_encoder_that_gives_too_few_vectors_has_failed(encoder: HashEncoder) -> None:
    encoder.lost = 1
    with SharedEncoder(encoder) as shared, pytest.raises(EncodingFailedError):
        shared.encode(["a"])


def test_who_waits_too_long_is_told_and_nobody_works_on_it_any_more(
    encoder: HashEncoder, pool: ThreadPoolExecutor
) -> None:
    with SharedEncoder(encoder, timeout_seconds=0.05) as shared:
        busy = occupy(shared, encoder, pool)
        with pytest.raises(EncoderBusyError, match=r"0\.05 s"):
            shared.encode(["late"])
        assert isinstance(busy.exception(), EncoderBusyError)
        encoder.gate.set()
        wait_until(lambda: shared.statistics().kept == 1)
        assert shared.encode(["busy"]).shape == (1, encoder.n_dims)  # What was begun is remembered.
        assert encoder.batches == [["busy"]]


def test_a_call_may_wait_less_long_than_the_others(encoder: HashEncoder, pool: ThreadPoolExecutor) -> None:
    with SharedEncoder(encoder) as shared:
        busy = occupy(shared, encoder, pool)
        with pytest.raises(EncoderBusyError, match=r"0\.01 s"):
            shared.encode_within(["late"], 0.01)
        encoder.gate.set()
        assert busy.result().shape == (1, encoder.n_dims)


def test_too_many_waiting_texts_are_refused_at_once(encoder: HashEncoder, pool: ThreadPoolExecutor) -> None:
    with SharedEncoder(encoder, most_waiting=3) as shared:
        busy = occupy(shared, encoder, pool)
        waiting = pool.submit(shared.encode, ["a", "b"])
        wait_until(lambda: shared.statistics().waiting == 2)
        with pytest.raises(EncoderBusyError, match="too many texts wait"):
            shared.encode(["c", "d"])
        assert shared.statistics().refused == 1
        encoder.gate.set()
        assert (waiting.result().shape, busy.exception()) == ((2, encoder.n_dims), None)


def test_one_call_may_have_more_texts_than_may_wait(encoder: HashEncoder) -> None:
    with SharedEncoder(encoder, most_waiting=2) as shared:
        assert shared.encode([str(number) for number in range(5)]).shape == (5, encoder.n_dims)


def test_closing_ends_the_thread_and_tells_who_waits(encoder: HashEncoder, pool: ThreadPoolExecutor) -> None:
    shared = SharedEncoder(encoder)
    busy = occupy(shared, encoder, pool)
    waiting = pool.submit(shared.encode, ["waits"])
    wait_until(lambda: shared.statistics().waiting == 1)
    closing = pool.submit(shared.close)
    assert isinstance(waiting.exception(), EncoderClosedError)
    assert wait([closing], timeout=0.05).done == set()  # What has been begun is waited for.
    encoder.gate.set()
    closing.result()
    assert busy.exception() is None
    assert not shared._thread.is_alive()
    with pytest.raises(EncoderClosedError):
        shared.encode(["busy"])
    shared.close()


def test_a_forked_process_is_told_to_open_its_own() -> None:
    program = """
import os, sys
from bugflow.ml.contract import Vectors
from bugflow.ml.encoder.errors import EncoderClosedError
from bugflow.ml.encoder.sharing import SharedEncoder
from factories.encoders import HashEncoder
shared = SharedEncoder(HashEncoder())
shared.encode(["a"])
if os.fork() == 0:
    try:
        shared.encode(["a"])
    except EncoderClosedError:
        shared.close()
        os._exit(7)
    os._exit(1)
print(os.waitstatus_to_exitcode(os.wait()[1]), shared.encode(["a"]).shape)
shared.close()
"""
    paths = [path for path in sys.path if path]
    done = subprocess.run(  # noqa: S603 -- Ours.
        [sys.executable, "-W", "ignore", "-c", program],
        env={"PYTHONPATH": ":".join(paths)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "7 (1, 8)\n"


def test_many_threads_each_get_their_own_vectors(pool: ThreadPoolExecutor) -> None:
    texts = [str(number % 40) for number in range(800)]
    with SharedEncoder(HashEncoder(), most_kept=10, batch_texts=4) as shared:
        found = np.vstack(list(pool.map(lambda text: shared.encode([text]), texts)))
    assert np.array_equal(found, HashEncoder().encode(texts))


def test_warming_has_the_encoder_work(encoder: HashEncoder) -> None:
    with SharedEncoder(encoder) as shared:
        shared.warm()
        assert encoder.batches == [[text] for text in WARMING]


def test_the_statistics_say_what_happened(encoder: HashEncoder) -> None:
    with SharedEncoder(encoder) as shared:
        assert set(shared.statistics().to_gauges().values()) == {0.0}
        shared.encode(["a", "b"])
        shared.encode(["a"])
        found = shared.statistics()
    assert (found.texts, found.hits, found.batches, found.refused) == (3, 1, 2, 0)
    assert (found.waiting, found.kept) == (0, 2)
    assert 0 < found.median_ms <= found.p95_ms
    assert found.to_gauges()["hits"] == 1.0
