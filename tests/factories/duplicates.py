"""Suggested duplicates in a test: an application's issues in memory, and rankings that are learned in a second."""

from typing import Any

import lightgbm
import numpy as np

from bugflow.assist.duplicates.hosting import DuplicateHost, HostingOptions
from bugflow.assist.duplicates.rankers import LoadedRanker, Rankers
from bugflow.ml.contract import Encoder
from bugflow.ml.duplicates.features import list_features
from bugflow.ml.duplicates.ranker import JUDGED, Ranker, show_best
from bugflow.mlops.predictions.entries import RANKING
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.predictions.writing import PredictionLog
from factories.app import Installation
from factories.predictions import read_ledger

RANKER = "duplicates/1.0.0/20260101_000000"


def host_issues(
    installation: Installation,
    encoder: Encoder | None = None,
    *,
    rankers: Rankers | None = None,
    loaded: bool = True,
    **options: Any,  # noqa: ANN401 -- Any option.
) -> DuplicateHost:
    """Give the application issues in memory that are looked at anew each time, without a thread."""
    made = DuplicateHost(
        installation.database,
        HostingOptions(**({"refresh_seconds": 0} | options)),
        rankers=rankers,
        find_encoder=lambda: encoder,
    )
    if loaded:
        made.load()
    installation.client.app.state.duplicates.stop()  # type: ignore[attr-defined]
    installation.client.app.state.duplicates = made  # type: ignore[attr-defined]
    return made


def train_ranker(*, lowest: float = 0.2, threshold: float = 0.8, is_contrary: bool = False) -> Ranker:
    """Return a ranker for which reports that share many words are the same bug; a contrary one, those that do not."""
    generator = np.random.default_rng(3)
    names = list_features()
    features = generator.random((600, len(names))).astype(np.float32)
    right = ((features[:, names.index("shared")] > lowest) != is_contrary).astype(int)
    options = {"verbose": -1, "num_threads": 1, "seed": 1, "min_data_in_leaf": 20}
    data = lightgbm.Dataset(features, right, group=[20] * 30)
    ranking = lightgbm.train({**options, "objective": "lambdarank", "label_gain": [0, 1]}, data, 20)
    in_order = np.arange(JUDGED)
    shown = [show_best(each, generator.random(JUDGED), in_order) for each in np.split(features, 600 // JUDGED)]
    judging = lightgbm.train({**options, "objective": "binary"}, lightgbm.Dataset(np.concatenate(shown), right), 40)
    return Ranker(ranking, judging, threshold=threshold)


def load_ranker(ranker: Ranker, name: str = RANKER, *, method: str = RANKING) -> LoadedRanker:
    """Return a ranker as a process has it in memory."""
    return LoadedRanker(name, method, ranker)


def read_suggested(installation: Installation) -> list[Prediction]:
    """Return what the ledger of predictions has about duplicates, oldest first, once all that waits is written."""
    log: PredictionLog = installation.client.app.state.prediction_log  # type: ignore[attr-defined]
    assert log.write()
    return [row for row in read_ledger(installation.database) if row.field == "duplicates"]
