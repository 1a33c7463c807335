"""Keeping a trained model as the next version of its kind."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bugflow import __version__
from bugflow.core.storage import Storage
from bugflow.ml.triage.cards import find_trial, write_card
from bugflow.ml.triage.evaluating import Evaluation
from bugflow.ml.triage.model import TriageModel
from bugflow.mlops.registry.choosing import name_next_version
from bugflow.mlops.registry.store import publish_model
from bugflow.mlops.registry.versions import GLOBAL, ModelType, ModelVersion


def keep_model(
    storage: Storage,
    model_type: ModelType,
    save: Callable[[Path], None],
    *,
    now: datetime,
    metrics: Mapping[str, float],
    seed: int,
    card: str,
    scope: str = GLOBAL,
    data_hash: str = "",
) -> ModelVersion:
    """Keep what is saved into a folder as the next version; it is not used by that.

    Raises:
        ModelExistsError: Another one was kept under this version in the same second.
        StorageUnavailableError: The storage is full or does not answer.
    """
    with TemporaryDirectory() as folder:
        save(Path(folder))
        return publish_model(
            storage,
            Path(folder),
            model_type=model_type,
            version=name_next_version(storage, model_type, scope),
            now=now,
            scope=scope,
            metrics=metrics,
            seed=seed,
            code_version=__version__,
            data_hash=data_hash,
            card=card,
        )


def keep_triage(
    storage: Storage,
    model: TriageModel,
    found: Evaluation,
    *,
    now: datetime,
    source: str,
    seed: int,
    scope: str = GLOBAL,
    data_hash: str = "",
) -> ModelVersion:
    """Keep a model that finds a field, with its figures on reports not seen before; it is not used by that.

    Args:
        storage: Where.
        model: One of the evaluation's back-ends.
        found: What came of it.
        now: The moment.
        source: What the reports are from, as a person names it.
        seed: It was trained with.
        scope: For all projects, or the UUID of one.
        data_hash: SHA-256 of what it was trained on.
    """
    scores = find_trial(model, found).scores
    figures = {"accuracy": scores.accuracy, "macro_f1": scores.macro_f1, "ece": scores.ece, "coverage": scores.coverage}
    if scores.selective_precision is not None:
        figures["selective_precision"] = scores.selective_precision
    return keep_model(
        storage,
        model.target,
        model.save,
        now=now,
        metrics=figures | {"n_train": found.n_train, "n_test": found.n_test},
        seed=seed,
        card=write_card(model, found, source=source),
        scope=scope,
        data_hash=data_hash,
    )
