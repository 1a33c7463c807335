"""From settings to the models of a process."""

import time
from functools import partial

from bugflow.core.settings import Settings
from bugflow.core.storage import Storage
from bugflow.ml.contract import Encoder
from bugflow.ml.encoder import open_encoder
from bugflow.ml.encoder.sharing import SharedEncoder
from bugflow.ml.triage.starter import find_starter
from bugflow.mlops.registry.versions import TRIAGE_TYPES
from bugflow.mlops.serving.host import ModelHost
from bugflow.mlops.serving.options import ServingOptions

PREPARING_AFTER_SECONDS = 20.0
"""Preparing an encoder takes half a minute of a whole core: first a server answers, and shows that it stays."""
TEXTS_AT_ONCE = 2
"""A report has a title and a text: where a core is free, both are read at once."""


def build_models(settings: Settings, storage: Storage) -> ModelHost:
    """Return the models of a process; nothing is loaded before it is started."""
    wanted = settings.predicted_fields if settings.predictions else []
    options = ServingOptions(
        cache_folder=settings.models_folder / "fetched",
        open_encoder=partial(_open_encoder, settings, time.monotonic()),
        find_starter=find_starter if settings.starter_models else lambda _: None,
        targets=tuple(each for each in TRIAGE_TYPES if each in wanted),
        timeout_seconds=settings.prediction_timeout_seconds,
        queue_seconds=settings.prediction_queue_seconds,
        failures=settings.prediction_failures,
        pause_seconds=settings.prediction_pause_seconds,
        cache_seconds=settings.model_cache_seconds,
        poll_seconds=settings.model_poll_seconds,
    )
    return ModelHost(storage, options)


def _open_encoder(settings: Settings, started: float) -> Encoder:
    may_prepare = time.monotonic() - started > PREPARING_AFTER_SECONDS
    encoder = SharedEncoder(
        open_encoder(settings.models_folder, settings.encoder, threads=TEXTS_AT_ONCE, may_prepare=may_prepare),
        batch_texts=TEXTS_AT_ONCE,
        timeout_seconds=settings.prediction_timeout_seconds,
    )
    encoder.warm()
    return encoder
