"""One encoder for all threads of a server: recent texts are remembered, those that wait are taken in turn."""

import os
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from hashlib import blake2b
from threading import Condition, Thread
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.contract import Encoder, Vectors
from bugflow.ml.encoder.errors import EncoderBusyError, EncoderClosedError, EncodingFailedError
from bugflow.ml.encoder.statistics import EncoderStatistics, Tally

WARMING = ("Crash when saving", "The server answers 500 when a project has no members. " * 8)

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A text on its way to the encoder."""

    key: bytes
    text: str
    answer: Future[Vector]


class SharedEncoder:
    """Lends one encoder to many threads, and can be used like it.

    A thread of its own takes what waits; while nothing does, a text is encoded at once. It does not outlive `close`,
    and does not follow into a forked process.

    Attributes:
        name: The encoder's.
        n_dims: The encoder's.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        most_kept: int = 2048,
        most_waiting: int = 1000,
        batch_texts: int = 1,
        batch_characters: int = 16_384,
        timeout_seconds: float = 5.0,
    ) -> None:
        """Lend an encoder.

        Args:
            encoder: What turns texts into vectors.
            most_kept: How many vectors are remembered; of 384 dimensions 1,000 take 2 MB.
            most_waiting: With so many texts waiting, further ones are refused at once.
            batch_texts: How many texts the encoder gets at once. More than 1 helps only where it is faster with several
                than with one after the other, since all wait for the last: on a GPU, or with more than one thread.
            batch_characters: A batch is closed when it has so many, however few its texts are.
            timeout_seconds: How long a call waits for its vectors.
        """
        self.name, self.n_dims = encoder.name, encoder.n_dims
        self._encoder = encoder
        self._most_kept, self._most_waiting = most_kept, most_waiting
        self._batch_texts, self._batch_characters = batch_texts, batch_characters
        self._timeout_seconds = timeout_seconds
        self._kept: OrderedDict[bytes, Vector] = OrderedDict()
        self._queue: deque[_Waiting] = deque()
        self._changed = Condition()
        self._tally = Tally()
        self._closed = False
        self._process = os.getpid()
        self._thread = Thread(target=self._work, name="encoder", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Lend it until the block ends."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the texts' vectors, shape (texts, dimensions).

        Raises:
            EncoderBusyError: They are not there in time, or too many texts wait.
            EncodingFailedError: The encoder failed.
            EncoderClosedError: It has been closed, or belongs to the process that this one was forked from.
        """
        return self.encode_within(texts, self._timeout_seconds)

    def encode_within(self, texts: Sequence[str], seconds: float) -> Vectors:
        """Return the texts' vectors, as `encode` does, and wait for them as long as is said."""
        started = time.monotonic()
        vectors = np.empty((len(texts), self.n_dims), dtype=np.float32)
        missing = self._recall_or_queue(texts, vectors)
        try:
            for row, waiting in missing:
                left = seconds - (time.monotonic() - started)
                vectors[row] = waiting.answer.result(max(left, 0))
        except TimeoutError as error:
            self._give_up(missing)
            raise EncoderBusyError(seconds) from error
        except EncodingFailedError as error:  # Several threads get the same one, and each needs its own trace.
            self._give_up(missing)
            raise EncodingFailedError(str(error.__cause__)) from error
        with self._changed:
            self._tally.finish(time.monotonic() - started)
        return vectors

    def warm(self) -> None:
        """Encode something, since the first text takes longer than those after it."""
        self.encode(WARMING)

    def statistics(self) -> EncoderStatistics:
        """Return what has been counted since the start."""
        with self._changed:
            return self._tally.summarise(waiting=len(self._queue), kept=len(self._kept))

    def close(self) -> None:
        """End the thread, after what it is at; whoever still waits is told. Closing again does nothing."""
        if os.getpid() != self._process:
            return
        with self._changed:
            self._closed = True
            left = list(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        for waiting in left:
            if waiting.answer.set_running_or_notify_cancel():
                waiting.answer.set_exception(EncoderClosedError())
        self._thread.join()

    def _recall_or_queue(self, texts: Sequence[str], vectors: Vectors) -> list[tuple[int, _Waiting]]:
        """Fill in the vectors that are remembered; return the others' rows, and what answers them."""
        if os.getpid() != self._process:  # The lock may have been held when the process was forked.
            raise EncoderClosedError
        keys = [_hash(text) for text in texts]
        missing: list[tuple[int, _Waiting]] = []
        with self._changed:
            if self._closed:
                raise EncoderClosedError
            for row, (key, text) in enumerate(zip(keys, texts, strict=True)):
                kept = self._recall(key)
                if kept is None:
                    missing.append((row, _Waiting(key, text, Future())))
                else:
                    vectors[row] = kept
            self._queue_all([waiting for _, waiting in missing])
            self._tally.count(texts=len(texts), hits=len(texts) - len(missing))
        return missing

    def _queue_all(self, missing: list[_Waiting]) -> None:
        if self._queue and len(self._queue) + len(missing) > self._most_waiting:
            self._tally.count(refused=1)
            raise EncoderBusyError(0)
        self._queue.extend(missing)
        if missing:
            self._changed.notify_all()

    def _give_up(self, missing: list[tuple[int, _Waiting]]) -> None:
        """Have nobody work on what nobody waits for."""
        for _, waiting in missing:
            waiting.answer.cancel()
        with self._changed:
            self._tally.count(refused=1)

    def _work(self) -> None:
        while batch := self._take():
            try:
                vectors = self._encoder.encode([waiting.text for waiting in batch])
                rows = [np.array(vectors[row], dtype=np.float32) for row in range(len(batch))]
            except Exception as error:  # noqa: BLE001 -- The thread's edge: whatever it is, those who wait are told.
                failure = EncodingFailedError(str(error))
                failure.__cause__ = error
                for waiting in batch:
                    waiting.answer.set_exception(failure)
                continue
            self._answer(batch, rows)

    def _take(self) -> list[_Waiting]:
        """Wait for texts and return some; none means the end."""
        batch: list[_Waiting] = []
        characters = 0
        with self._changed:
            while not batch:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if self._closed:
                    return []
                while self._queue and len(batch) < self._batch_texts and characters < self._batch_characters:
                    waiting = self._queue.popleft()
                    if waiting.answer.set_running_or_notify_cancel() and not self._answer_from_memory(waiting):
                        batch.append(waiting)
                        characters += len(waiting.text)
            self._tally.count(batches=1)
        return batch

    def _answer_from_memory(self, waiting: _Waiting) -> bool:
        """Answer a text that another call has had encoded in the meantime."""
        kept = self._recall(waiting.key)
        if kept is None:
            return False
        self._tally.count(hits=1)
        waiting.answer.set_result(kept)
        return True

    def _answer(self, batch: list[_Waiting], rows: list[Vector]) -> None:
        with self._changed:
            for waiting, row in zip(batch, rows, strict=True):
                self._kept[waiting.key] = row
                self._kept.move_to_end(waiting.key)
            while len(self._kept) > self._most_kept:
                self._kept.popitem(last=False)
        for waiting, row in zip(batch, rows, strict=True):
            waiting.answer.set_result(row)

    def _recall(self, key: bytes) -> Vector | None:
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
        return kept


def _hash(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
