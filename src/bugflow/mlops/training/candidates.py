"""Making a candidate: the issues as they are now, a model of them, and what it says beside the model in use."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bugflow.core.database import Database
from bugflow.ml.contract import Encoder, Report
from bugflow.ml.encoder.errors import NoEncoderError
from bugflow.ml.triage.backends import MAJORITY
from bugflow.ml.triage.evaluating import Evaluation
from bugflow.ml.triage.examples import Target, read_examples
from bugflow.ml.triage.model import TriageModel
from bugflow.mlops.datasets.folder import DATA, MANIFEST
from bugflow.mlops.datasets.gold import GoldDivider, find_or_freeze_gold
from bugflow.mlops.datasets.groups import list_torn
from bugflow.mlops.datasets.preparing import prepare_dataset
from bugflow.mlops.datasets.publishing import publish_dataset
from bugflow.mlops.datasets.rows import Options
from bugflow.mlops.datasets.sources import DATABASE, Source
from bugflow.mlops.promotion.answers import ask_model, ask_rules
from bugflow.mlops.promotion.gate import Answers, Verdict, judge
from bugflow.mlops.promotion.report import NOBODY
from bugflow.mlops.registry.errors import ModelNameError
from bugflow.mlops.registry.fetching import fetch_model
from bugflow.mlops.registry.store import find_current
from bugflow.mlops.registry.versions import GLOBAL, TRIAGE_TYPES
from bugflow.mlops.serving.loading import load_model
from bugflow.mlops.serving.opinions import KEYWORD, STARTER
from bugflow.mlops.serving.rules import RULES
from bugflow.mlops.training.contract import Order, Prepared, Surroundings, Tell
from bugflow.mlops.training.triage import train_triage
from bugflow.tracker.accounts.actor import build_system_actor

PREPARED, TRAINED = 0.4, 0.8
"""Of all work, for the progress that is told."""


@dataclass(frozen=True)
class GoldItems:
    """What the gold set holds: reports as they were filed, and what people said of them."""

    reports: tuple[Report, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A trained model, and what came of it beside the one in use.

    Attributes:
        champion: The name of the model in use; `keyword` where rules answer, `none` where nothing does.
        dataset: The prefix of the data it learned from, in the storage.
        data_hash: SHA-256 of these.
    """

    order: Order
    model: TriageModel
    evaluation: Evaluation
    verdict: Verdict
    champion: str
    dataset: str
    data_hash: str


def make_candidate(order: Order, around: Surroundings, *, tell: Tell = lambda _done, _note: None) -> Candidate:
    """Train a model on the issues of the database and judge it beside the model in use; nothing is changed by that.

    But for what is kept: the data it learned from, and when it is the first, which issues never teach.

    Raises:
        EmptyDatasetError: No issue has a label.
        TooFewLabelledError: Too few issues have this one.
        ExamplesError: Too few labels are frequent enough.
        NoEncoderError: The model in use needs an encoder, and there is none.
        StorageUnavailableError: The storage is full or does not answer.
    """
    with TemporaryDirectory(prefix="bugflow-training-") as name:
        folder = Path(name) / "data"
        return learn_field(order, around, folder, prepare_field(order, around, folder, tell=tell), tell=tell)


def prepare_field(order: Order, around: Surroundings, folder: Path, *, tell: Tell) -> Prepared:
    """Write the issues that teach into a folder and keep them in the storage; a folder that is whole is taken as it is.

    Raises:
        EmptyDatasetError: No issue has a label.
        TooFewLabelledError: Too few issues have this one.
        StorageUnavailableError: The storage is full or does not answer.
    """
    if not (folder / MANIFEST).is_file():
        prepare_dataset(
            [Source(DATABASE, "database")],
            folder,
            Options(query=order.query, as_of=order.now),
            viewer=build_system_actor("job"),
            database=around.database,
            choose_divider=partial(choose_gold, order, around.database),
            tell=lambda done, read: tell(done * PREPARED, f"Reading issues: {read:,}"),
        )
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    labelled = pl.scan_parquet(folder / DATA).select(pl.col(order.target).count()).collect().item()
    return Prepared(
        dataset=publish_dataset(around.storage, folder, scope=order.scope, now=order.now),
        data_hash=manifest["data"]["content_sha256"],
        n_labelled=int(labelled),
    )


def learn_field(order: Order, around: Surroundings, folder: Path, prepared: Prepared, *, tell: Tell) -> Candidate:
    """Train a model on a prepared folder and judge it beside the model in use.

    Raises:
        ExamplesError: Too few labels are frequent enough.
        NoEncoderError: The model in use needs an encoder, and there is none.
    """
    target, data = require_target(order.target), folder / DATA
    evaluation, model = train_triage(
        target, data, order.wishes, encoder=around.encoder, tell=lambda note: tell(PREPARED, note)
    )
    items = read_gold(data, target)
    tell(TRAINED, "Judging")
    champion, verdict = _judge(order, around, model, evaluation, items)
    tell(1.0, "Done")
    return Candidate(
        order=order,
        model=model,
        evaluation=evaluation,
        verdict=verdict,
        champion=champion,
        dataset=prepared.dataset,
        data_hash=prepared.data_hash,
    )


def require_target(name: str) -> Target:
    """Return the field of a report that is named so.

    Raises:
        ModelNameError: There is none.
    """
    for known in TRIAGE_TYPES:
        if known == name:
            return known
    raise ModelNameError("field", name, ", ".join(TRIAGE_TYPES))


def choose_gold(order: Order, database: Database, frames: Iterable[pl.DataFrame]) -> GoldDivider:
    """Return what divides issues by the gold set of what is ordered, which is frozen where there is none.

    Of a bug of which any report is not gold, no gold report tests.

    Args:
        order: What is to be trained.
        database: Where gold sets are kept.
        frames: The moments and labels of all issues.
    """
    labelled = (frame.filter(pl.col(order.target).is_not_null())["created_at"].to_list() for frame in frames)
    moments = list(chain.from_iterable(labelled))
    with database.transaction() as session:
        rule = find_or_freeze_gold(session, order.target, order.scope, moments, now=order.now)
    with database.snapshot() as session:
        return GoldDivider(rule, list_torn(session, rule, as_of=order.now))


def read_gold(data: Path, target: Target) -> GoldItems:
    """Return the items that test, those with a rare label, too."""
    examples, parts = read_examples(data, target, least_rows=1)
    tested: NDArray[np.int_] = np.flatnonzero(np.array([part == "test" for part in parts]))
    chosen = examples.take(tested)
    return GoldItems(chosen.reports, chosen.labels)


def _judge(
    order: Order, around: Surroundings, model: TriageModel, evaluation: Evaluation, items: GoldItems
) -> tuple[str, Verdict]:
    possible = sorted({*items.labels, *model.classes})
    champion, its = _ask_champion(order, around, items, possible)
    majority = next(trial for trial in evaluation.trials if trial.backend == MAJORITY)
    baselines: Mapping[str, Answers | None] = {
        MAJORITY: Answers.always(evaluation.classes[int(majority.said[0])], len(items.labels)),
        KEYWORD: ask_rules(model.target, items.reports, possible),
    }
    verdict = judge(
        items.labels,
        ask_model(model, items.reports, possible),
        champion=its,
        baselines={name: said for name, said in baselines.items() if said is not None},
        demands=order.demands,
    )
    return champion, verdict


def _ask_champion(
    order: Order, around: Surroundings, items: GoldItems, possible: list[str]
) -> tuple[str, Answers | None]:
    """Return the name of the model in use, and what it says; nothing where rules answer.

    They do, too, where what comes with BugFlow needs an encoder that is not there.
    """
    current = find_current(around.storage, order.target, order.scope)
    folder = None if order.scope != GLOBAL else around.find_starter(order.target)
    if current is not None:
        folder = fetch_model(around.storage, current, around.cache_folder)
    rules = KEYWORD if order.target in RULES else NOBODY
    if folder is None:
        return rules, None
    name = STARTER if current is None else current.name
    try:
        served = load_model(
            folder, require_target(order.target), version=name, open_encoder=lambda: _require(around.encoder)
        )
    except NoEncoderError:
        if current is not None:
            raise
        return rules, None
    return name, ask_model(served.model, items.reports, possible)


def _require(encoder: Encoder | None) -> Encoder:
    if encoder is None:
        raise NoEncoderError("")
    return encoder
