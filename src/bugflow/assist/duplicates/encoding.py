"""The encoder of a process that profiles issues: opened when it is first needed, and again where it was not there.

And whether a training would find one, without opening it.
"""

import threading
import time
from collections.abc import Callable

import structlog

from bugflow.core.errors import BugFlowError
from bugflow.core.settings import Settings
from bugflow.ml.contract import Encoder

log = structlog.get_logger()

AGAIN_SECONDS = 60.0
THREADS = 1


class EncoderOnDemand:
    """Opens the encoder of the settings once; nothing is prepared, which a server or `bugflow encoder prepare` does."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._encoder: Encoder | None = None
        self._again_at = float("-inf")

    def find(self) -> Encoder | None:
        """Return the encoder; none where there is none yet."""
        with self._lock:
            if self._encoder is None and self._clock() >= self._again_at:
                self._again_at = self._clock() + AGAIN_SECONDS
                self._encoder = self._open()
            return self._encoder

    def _open(self) -> Encoder | None:
        from bugflow.ml.encoder.opening import open_encoder  # noqa: PLC0415 -- Most jobs need none of it.

        folder, wanted = self._settings.models_folder, self._settings.encoder
        try:
            return open_encoder(folder, wanted, threads=THREADS, may_prepare=False)
        except BugFlowError as error:
            log.info("profiles_without_encoder", reason=str(error))
            return None


class EncoderSight:
    """Sees whether a training on this machine would have the encoder of the settings; it looks once a minute at most.

    A training may prepare weights, and so they are enough where what that needs is installed.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._is_there = False
        self._again_at = float("-inf")

    def is_there(self) -> bool:
        """Return whether it would."""
        with self._lock:
            if self._clock() >= self._again_at:
                self._is_there = self._look()
                self._again_at = self._clock() + AGAIN_SECONDS
            return self._is_there

    def _look(self) -> bool:
        from bugflow.ml.encoder.opening import require_encoder  # noqa: PLC0415 -- Most processes need none of it.

        try:
            require_encoder(self._settings.models_folder, self._settings.encoder)
        except BugFlowError as error:
            log.info("training_without_encoder", reason=str(error))
            return False
        return True
