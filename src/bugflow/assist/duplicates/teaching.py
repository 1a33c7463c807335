"""Teaching the ranking of duplicates what people said: the past as data, a ranker of it, and how good that is."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bugflow import __version__
from bugflow.assist.duplicates.errors import NoEncoderToTeachError, NotForSomeError, TooLittleToLearnError
from bugflow.assist.duplicates.learning_task import LEAST_KNOWN
from bugflow.assist.duplicates.past import read_past
from bugflow.assist.duplicates.rankers import RankerPlace, find_ranker
from bugflow.assist.duplicates.retelling import profile_past, tell_history
from bugflow.ml.artifacts import ArtifactError
from bugflow.ml.contract import Encoder
from bugflow.ml.duplicates.adapting import (
    ADAPTING,
    LEAST_DUPLICATES,
    TooFewDuplicatesError,
    count_useful,
    teach_ranker,
)
from bugflow.ml.duplicates.history import History
from bugflow.ml.duplicates.lessons import Lesson, build_lesson
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.ml.duplicates.starter import FOLDER
from bugflow.ml.duplicates.trying import Items, collect_items, try_bm25, try_ranker
from bugflow.ml.duplicates.withholding import leave_out, list_unseen
from bugflow.mlops.datasets.folder import DATA, MANIFEST, open_folder, sync
from bugflow.mlops.datasets.gold import TEST, GoldDivider, find_or_freeze_gold
from bugflow.mlops.datasets.publishing import publish_dataset
from bugflow.mlops.promotion.gate import CANDIDATE, CHAMPION
from bugflow.mlops.promotion.ranking import RankingVerdict, judge_ranking
from bugflow.mlops.promotion.report import save_decision, summarise
from bugflow.mlops.registry.versions import GLOBAL
from bugflow.mlops.serving.opinions import STARTER
from bugflow.mlops.training.contract import Learned, Order, Prepared, Surroundings, Tell

FORMAT = 1
OWN = "The own issues"
OWN_TRIED = 1_000
"""So many gold reports that are bugs of their own are asked about at most, chosen by chance."""
READ, PROFILED, COMPARED, TAUGHT = 0.1, 0.4, 0.6, 0.8
"""Of all work, for the progress that is told."""


@dataclass(frozen=True)
class Material:
    """What a prepared folder gives.

    Attributes:
        history: All reports.
        profiles: Of each of them.
        apart: Which reports are gold and teach nothing; shape (reports,).
    """

    history: History
    profiles: list[Profile]
    apart: NDArray[np.bool_]


def prepare_duplicates(order: Order, around: Surroundings, folder: Path, *, tell: Tell) -> Prepared:
    """Write the past as of the order's moment into a folder, and keep it; a folder that is whole is taken as it is.

    Raises:
        NotForSomeError: It is ordered for some issues only.
        NoEncoderToTeachError: There is no encoder.
        TooLittleToLearnError: Too few duplicates are known.
        StorageUnavailableError: The storage is full or does not answer.
    """
    if order.scope != GLOBAL or order.query:
        raise NotForSomeError
    if around.encoder is None:
        raise NoEncoderToTeachError
    if not (folder / MANIFEST).is_file():
        tell(0.0, "Reading issues")
        past = read_past(around.database, as_of=order.now)
        history = tell_history(past)
        if len(history.queries) < LEAST_KNOWN:
            raise TooLittleToLearnError(OWN, len(history.queries), LEAST_KNOWN)
        write_past(past, folder, order=order, history=history, divider=_choose_gold(order, around, past, history))
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    return Prepared(
        dataset=publish_dataset(around.storage, folder, scope=order.scope, now=order.now),
        data_hash=manifest["data"]["content_sha256"],
        n_labelled=manifest["rows"]["duplicates"],
    )


def _choose_gold(order: Order, around: Surroundings, past: pl.DataFrame, history: History) -> GoldDivider:
    moments = past["created_at"].gather(list(history.queries)).to_list()
    with around.database.transaction() as session:
        rule = find_or_freeze_gold(session, order.target, order.scope, moments, now=order.now, least=LEAST_KNOWN)
    return GoldDivider(rule)


def write_past(past: pl.DataFrame, folder: Path, *, order: Order, history: History, divider: GoldDivider) -> None:
    """Write a past into a folder, each report with its part; its manifest comes last.

    Raises:
        DatasetNotWrittenError: There is no room.
    """
    whole = past.with_columns(split=pl.Series(divider.divide(past), dtype=pl.String))
    manifest = {
        "format": FORMAT,
        "bugflow": __version__,
        "kind": order.target,
        "as_of": order.now.isoformat(),
        "rows": {
            "kept": len(whole),
            "duplicates": len(history.queries),
            "by_split": dict(sorted(whole["split"].value_counts().iter_rows())),
        },
        "split": {"kind": "gold", "cuts": divider.describe()},
        "data": {
            "file": DATA,
            "rows": len(whole),
            "content_sha256": hashlib.sha256(whole.write_ndjson().encode()).hexdigest(),
        },
    }
    with open_folder(folder, force=False) as staging:
        whole.write_parquet(staging / DATA, compression="zstd")
        sync(staging / DATA)
        (staging / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        sync(staging / MANIFEST)


def learn_duplicates(
    order: Order, around: Surroundings, data: Path, prepared: Prepared, *, out: Path, tell: Tell
) -> Learned:
    """Teach the starter ranker from a prepared folder, judge it beside the one in use, and write it into `out`.

    Raises:
        NoEncoderToTeachError: There is no encoder.
        TooLittleToLearnError: Too few duplicates are left to learn from.
    """
    if around.encoder is None:
        raise NoEncoderToTeachError
    seed = order.wishes.seed
    material = read_material(data, around, around.encoder, tell=tell)
    tell(PROFILED, "Comparing duplicates with what was older")
    lesson = build_teaching(material, around.encoder, seed=seed)
    tell(COMPARED, "Teaching")
    try:
        ranker = teach_ranker(Ranker.load(FOLDER), lesson, replace(ADAPTING, seed=seed))
    except TooFewDuplicatesError as error:
        raise TooLittleToLearnError(OWN, error.found, LEAST_DUPLICATES) from error
    tell(TAUGHT, "Judging")
    items = list_items(material, seed=seed)
    champion, used = open_champion(around)
    verdict = judge_ranking(try_ranker(items, ranker), try_ranker(items, used), try_bm25(items), order.demands)
    ranker.save(out)
    about = {"field": order.target, "champion": champion, "dataset": prepared.dataset}
    save_decision(verdict, out, data_hash=prepared.data_hash, **about)
    tell(1.0, "Done")
    learned = count_useful(lesson)
    return Learned(
        passed=verdict.passed,
        says=summarise(verdict),
        metrics=read_metrics(verdict, ranker, learned),
        card=write_card(verdict, ranker, learned, source=prepared.dataset),
        seed=seed,
    )


def read_material(data: Path, around: Surroundings, encoder: Encoder, *, tell: Tell) -> Material:
    """Return what a prepared folder gives; its profiles are those that are kept, or made anew.

    Raises:
        BugFlowError: The encoder failed.
    """
    past = pl.read_parquet(data / DATA)
    history = tell_history(past)

    def tell_share(done: int, total: int) -> None:
        tell(READ + (PROFILED - READ) * done / total, f"Reading issues: {done:,} of {total:,}")

    profiles = profile_past(around.database, encoder, past, history, tell=tell_share)
    return Material(history, profiles, (past["split"] == TEST).to_numpy())


def build_teaching(material: Material, encoder: Encoder, *, seed: int) -> Lesson:
    """Return what a ranker learns from: the past without any gold report, as if none had been filed."""
    taught = np.flatnonzero(~material.apart)
    history = leave_out(material.history, np.flatnonzero(material.apart).tolist())
    return build_lesson(history, [material.profiles[row] for row in taught], encoder, seed=seed)


def list_items(material: Material, *, seed: int) -> Items:
    """Return what rankers are judged on: gold duplicates of bugs that have taught nothing, and bugs of their own."""
    history = material.history
    own = np.array([row for row in sorted(history.settled) if material.apart[row]], dtype=np.int64)
    if len(own) > OWN_TRIED:
        own = np.random.default_rng(seed).choice(own, OWN_TRIED, replace=False)
    unseen = list_unseen(history, material.apart)
    return collect_items(history, material.profiles, duplicates=unseen, own=own.tolist())


def open_champion(around: Surroundings) -> tuple[str, Ranker]:
    """Return the name of the ranker in use, and it; where it cannot be loaded, as servers do, what BugFlow has."""
    starter = RankerPlace(STARTER, FOLDER)
    place = find_ranker(around.storage, around.cache_folder, starter=starter) or starter
    try:
        return place.name, Ranker.load(place.folder)
    except ArtifactError:  # It was trained on other features, by an older BugFlow.
        return STARTER, Ranker.load(FOLDER)


def read_metrics(verdict: RankingVerdict, ranker: Ranker, learned: int) -> dict[str, float]:
    """Return a ranker's figures on gold duplicates by name, and beside them the MRR of the others."""
    found: dict[str, float] = {"n_train": learned, "n_test": verdict.n_items, "threshold": ranker.threshold}
    for contestant, figures in verdict.figures.items():
        described = figures.describe()
        if contestant == CANDIDATE:
            found |= _flatten(described)
        else:
            found[f"mrr_of_{'model_in_use' if contestant == CHAMPION else contestant}"] = described["mrr"]
    return found


def _flatten(described: dict[str, Any]) -> dict[str, float]:
    """Return figures as numbers; an interval becomes two."""
    found: dict[str, float] = {}
    for name, value in described.items():
        if isinstance(value, list):
            start = name.removesuffix("_interval")
            found |= {f"{start}_low": value[0], f"{start}_high": value[1]}
        elif value is not None:
            found[name] = value
    return found


def write_card(verdict: RankingVerdict, ranker: Ranker, learned: int, *, source: str) -> str:
    """Return what is to be known of a ranker, in Markdown."""
    return "\n".join(
        (
            "# Ranking of duplicates",
            "",
            f"The ranker that comes with BugFlow, taught by {learned:,} duplicates of `{source}`: what people merged,",
            "unmerged and rejected. It puts older reports in order by how near they are to a new one, and says of the",
            f"first whether it is the same bug: from a probability of {ranker.threshold:.3f} on.",
            "",
            f"It was judged on {verdict.n_items:,} duplicates of bugs of which it has seen none; `decision.md` has the",
            "figures. It knows how this tracker's people write and what they call the same bug, and nothing of others.",
            "Reports without vectors are ranked by the ranker of words that comes with BugFlow.",
            "",
        )
    )
