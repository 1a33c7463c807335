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
from bugflow.mlops.promotion.report import save_decision, summarise
from bugflow.mlops.registry.choosing import name_next_version
from bugflow.mlops.registry.store import publish_model
from bugflow.mlops.registry.versions import GLOBAL, ModelType, ModelVersion
from bugflow.mlops.training.candidates import Candidate
from bugflow.mlops.training.contract import Learned


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
) -> ModelVersion:
    """Keep a model that finds a field, with its figures on reports not seen before; it is not used by that.

    Args:
        storage: Where.
        model: One of the evaluation's back-ends.
        found: What came of it.
        now: The moment.
        source: What the reports are from, as a person names it.
        seed: It was trained with.
    """
    return keep_model(
        storage,
        model.target,
        model.save,
        now=now,
        metrics=read_metrics(model, found),
        seed=seed,
        card=write_card(model, found, source=source),
    )


def keep_candidate(storage: Storage, candidate: Candidate) -> ModelVersion:
    """Keep a candidate with the report of its decision, passed or not; it is not used by that."""
    return keep_model(
        storage,
        candidate.model.target,
        lambda folder: save_candidate(candidate, folder),
        now=candidate.order.now,
        metrics=read_metrics(candidate.model, candidate.evaluation),
        seed=candidate.order.wishes.seed,
        card=write_card(candidate.model, candidate.evaluation, source=candidate.dataset),
        scope=candidate.order.scope,
        data_hash=candidate.data_hash,
    )


def save_candidate(candidate: Candidate, folder: Path) -> None:
    """Write a candidate and the report of its decision into a folder."""
    candidate.model.save(folder)
    save_decision(
        candidate.verdict,
        folder,
        field=candidate.order.target,
        champion=candidate.champion,
        dataset=candidate.dataset,
        data_hash=candidate.data_hash,
    )


def describe_candidate(candidate: Candidate) -> Learned:
    """Return what is to be known of a candidate beside its files."""
    return Learned(
        passed=candidate.verdict.passed,
        says=summarise(candidate.verdict),
        metrics=read_metrics(candidate.model, candidate.evaluation),
        card=write_card(candidate.model, candidate.evaluation, source=candidate.dataset),
        seed=candidate.order.wishes.seed,
    )


def read_metrics(model: TriageModel, found: Evaluation) -> dict[str, float]:
    """Return a model's figures on reports not seen before, by name."""
    scores = find_trial(model, found).scores
    figures = {"accuracy": scores.accuracy, "macro_f1": scores.macro_f1, "ece": scores.ece, "coverage": scores.coverage}
    if scores.selective_precision is not None:
        figures["selective_precision"] = scores.selective_precision
    return figures | {"n_train": found.n_train, "n_test": found.n_test}
