"""Divides what was cleaned and writes it as one Parquet file with a column that names the part."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bugflow.mlops.datasets.cleaning import UNLABELLED
from bugflow.mlops.datasets.dividing import Divider, RandomDivider, TimeDivider, choose_rows, walk_chosen
from bugflow.mlops.datasets.errors import DatasetOptionError
from bugflow.mlops.datasets.folder import DATA, Spool, sync
from bugflow.mlops.datasets.rows import COLUMNS, LABELS, PARTS, Account, Options

ROW_GROUP = 20_000
NOT_CHOSEN = "more than were asked for"
TORN = "gold, while another report of the same bug teaches"


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        file: Its name.
        classes: How often each label is in each part, by column.
        cuts: Where a split by time ends its parts.
        content_sha256: Of the rows as JSON lines, whatever the compression.
        torn: How many belong to no part.
    """

    file: str
    rows: int
    torn: int
    by_split: dict[str, int]
    classes: dict[str, dict[str, dict[str, int]]]
    cuts: list[dict[str, object]]
    content_sha256: str


@dataclass(frozen=True)
class _Selection:
    """Which of the cleaned reports are taken, and with which labels."""

    paths: Sequence[Path]
    chosen: NDArray[np.bool_] | None
    kept_labels: Mapping[str, frozenset[str]]
    keep_unlabelled: bool

    def frames(self, *columns: str) -> Iterator[pl.DataFrame]:
        """Yield the reports with these columns, of which the labels are some; rare labels are null."""
        frames = (pl.read_parquet(path, columns=list(columns)) for path in self.paths)
        for frame in walk_chosen(frames, self.chosen):
            limited = frame.with_columns(
                pl.when(pl.col(name).is_in(list(kept))).then(pl.col(name)).alias(name)
                for name, kept in self.kept_labels.items()
            )
            if not self.keep_unlabelled:
                limited = limited.filter(pl.any_horizontal(pl.col(*LABELS).is_not_null()))
            yield limited


ChooseDivider = Callable[[Iterator[pl.DataFrame]], Divider]
"""Called with the reports' moments, numbers and labels; returns what divides them."""


def write_divided(
    spool: Spool, staging: Path, options: Options, account: Account, *, choose_divider: ChooseDivider | None = None
) -> Written:
    """Write the reports that are asked for, each with its part; the spool is empty afterwards.

    Args:
        spool: What was cleaned.
        staging: Where it is written.
        options: What is asked for.
        account: Where what is left out is counted.
        choose_divider: Chooses what divides them; none takes that of the options.

    Raises:
        DatasetOptionError: No report has the label whose shares are to be kept.
    """
    chosen = choose_rows(spool.total, options.samples, seed=options.seed)
    total = spool.total if chosen is None else int(chosen.sum())
    account.dropped.update({NOT_CHOSEN: spool.total - total} if total < spool.total else {})
    counts = _count_labels(_Selection(spool.paths(), chosen, {}, keep_unlabelled=True))
    kept = _find_kept(counts, options.least, account)
    selection = _Selection(spool.paths(), chosen, kept, options.keep_unlabelled)
    if options.split == "random" and not any(count >= options.least for count in counts[options.stratify].values()):
        raise DatasetOptionError(f"No report has a {options.stratify}. Choose another label by --stratify.")
    divider = (choose_divider or _choose_divider(options))(selection.frames("source", "created_at", "number", *LABELS))
    written = _write(selection, divider, staging)
    account.dropped.update(+Counter({TORN: written.torn, UNLABELLED: total - written.torn - written.rows}))
    spool.remove()
    return written


def _choose_divider(options: Options) -> ChooseDivider:
    if options.split == "time":
        return lambda frames: TimeDivider().fit(frames)
    return lambda _: RandomDivider(options.stratify, seed=options.seed)


def _count_labels(selection: _Selection) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {name: Counter() for name in LABELS}
    for frame in selection.frames(*LABELS):
        _add_counts(frame, counts)
    return counts


def _add_counts(frame: pl.DataFrame, counts: Mapping[str, Counter[str]]) -> None:
    for name in LABELS:
        counts[name].update(dict(frame[name].drop_nulls().value_counts().iter_rows()))


def _find_kept(counts: Mapping[str, Counter[str]], least: int, account: Account) -> dict[str, frozenset[str]]:
    """Return the labels frequent enough, of each column that has others; these are counted."""
    kept = {}
    for name, of in counts.items():
        rare = {label: count for label, count in of.items() if count < least}
        if rare:
            reason = f"of fewer than {least} reports ({len(rare)} of {len(of)} labels)"
            account.labels_left[name][reason] += sum(rare.values())
            kept[name] = frozenset(of.keys() - rare.keys())
    return kept


def _write(selection: _Selection, divider: Divider, staging: Path) -> Written:
    digest, by_split = hashlib.sha256(), Counter[str]()
    classes: dict[str, dict[str, Counter[str]]] = {part: {name: Counter() for name in LABELS} for part in PARTS}
    divided, torn = Spool(staging / "divided"), 0
    for frame in selection.frames(*(name for name in COLUMNS if name != "split"), "number"):
        marked = frame.with_columns(split=pl.Series(divider.divide(frame), dtype=pl.String))
        whole = marked.filter(pl.col("split").is_not_null()).select(COLUMNS)
        torn += len(frame) - len(whole)
        digest.update(whole.write_ndjson().encode())
        for part in whole.partition_by("split"):
            by_split[part["split"][0]] += len(part)
            _add_counts(part, classes[part["split"][0]])
        divided.add(whole)
    divided.flush()
    if divided.total:
        lazy = pl.scan_parquet(divided.paths())
        lazy.sink_parquet(staging / DATA, compression="zstd", row_group_size=ROW_GROUP, maintain_order=True)
        sync(staging / DATA)
    divided.remove()
    return Written(
        file=DATA,
        rows=divided.total,
        torn=torn,
        by_split={part: by_split[part] for part in PARTS},
        classes={name: {part: _sort(classes[part][name]) for part in PARTS} for name in LABELS},
        cuts=divider.describe(),
        content_sha256=digest.hexdigest(),
    )


def _sort(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
