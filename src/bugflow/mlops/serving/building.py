"""From settings to the models of a process."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from bugflow.core.settings import Settings
from bugflow.core.storage import Storage
from bugflow.ml.contract import Encoder
from bugflow.ml.encoder import open_encoder
from bugflow.ml.encoder.errors import NoEncoderError
from bugflow.ml.encoder.sharing import SharedEncoder
from bugflow.ml.triage.starter import find_starter
from bugflow.mlops.registry.versions import TRIAGE_TYPES
from bugflow.mlops.serving.host import ModelHost
from bugflow.mlops.serving.options import OpenEncoder, ServingOptions

PREPARING_AFTER_SECONDS = 20.0
"""Preparing an encoder takes half a minute of a whole core: first a server answers, and shows that it stays."""
TEXTS_AT_ONCE = 2
"""A report has a title and a text: where a core is free, both are read at once."""
PATIENCE_SECONDS = 60.0
"""A background job waits so long for a model: nobody waits for the job."""


def build_models(settings: Settings, storage: Storage) -> ModelHost:
    """Return the models of a server; nothing is loaded before they are started."""
    return ModelHost(storage, _build_options(settings, partial(_open_encoder, settings, time.monotonic())))


def build_patient_models(settings: Settings, storage: Storage, find_encoder: Callable[[], Encoder | None]) -> ModelHost:
    """Return the models of a background process, which loads what it needs by `load_now`.

    Args:
        settings: Of the process.
        storage: Where the models are.
        find_encoder: Returns the encoder of the process, where there is one.
    """
    options = _build_options(settings, partial(_require_encoder, settings, find_encoder))
    return ModelHost(storage, replace(options, timeout_seconds=PATIENCE_SECONDS, queue_seconds=PATIENCE_SECONDS))


def _build_options(settings: Settings, opening: OpenEncoder) -> ServingOptions:
    wanted = settings.predicted_fields if settings.predictions else []
    return ServingOptions(
        cache_folder=settings.models_folder / "fetched",
        open_encoder=opening,
        find_starter=find_starter if settings.starter_models else lambda _: None,
        targets=tuple(each for each in TRIAGE_TYPES if each in wanted),
        timeout_seconds=settings.prediction_timeout_seconds,
        queue_seconds=settings.prediction_queue_seconds,
        failures=settings.prediction_failures,
        pause_seconds=settings.prediction_pause_seconds,
        cache_seconds=settings.model_cache_seconds,
        poll_seconds=settings.model_poll_seconds,
    )


def _require_encoder(settings: Settings, find_encoder: Callable[[], Encoder | None]) -> Encoder:
    encoder = find_encoder()
    if encoder is None:
        raise NoEncoderError(settings.encoder)
    return encoder


def _open_encoder(settings: Settings, started: float) -> Encoder:
    may_prepare = time.monotonic() - started > PREPARING_AFTER_SECONDS
    encoder = SharedEncoder(
        open_encoder(settings.models_folder, settings.encoder, threads=TEXTS_AT_ONCE, may_prepare=may_prepare),
        batch_texts=TEXTS_AT_ONCE,
        timeout_seconds=settings.prediction_timeout_seconds,
    )
    encoder.warm()
    return encoder
