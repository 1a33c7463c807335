"""From sources to a finished data set, in two passes: clean and count, then divide and write."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl

from bugflow import __version__
from bugflow.core.database import Database
from bugflow.ml.repeats import RepeatFinder, SeenTexts, Sketch
from bugflow.mlops.datasets.cleaning import Cleaned, clean_all
from bugflow.mlops.datasets.errors import DatasetOptionError, EmptyDatasetError
from bugflow.mlops.datasets.folder import MANIFEST, Spool, open_folder, sync
from bugflow.mlops.datasets.rows import Account, Batch, Options
from bugflow.mlops.datasets.sources import Source, digest_file, read_source
from bugflow.mlops.datasets.writing import ChooseDivider, Written, write_divided
from bugflow.tracker.accounts.actor import Actor

FORMAT = 1
REPEAT, NEAR_REPEAT = "word for word like an earlier one", "nearly like an earlier one"
CLEANED_SHARE = 0.95
"""Of all work, for the progress that is shown."""

Tell = Callable[[float, int], None]
"""Called with the share of the work that is done, in [0, 1], and the number of reports read."""


def prepare_dataset(
    sources: Sequence[Source],
    out: Path,
    options: Options,
    *,
    viewer: Actor,
    database: Database | None = None,
    workers: int = 1,
    force: bool = False,
    choose_divider: ChooseDivider | None = None,
    tell: Tell = lambda _done, _read: None,
) -> dict[str, Any]:
    """Write a data set into a folder and return its manifest.

    The same sources and options give the same reports in the same parts, whatever the number of workers.

    Raises:
        FolderInUseError: The folder holds something.
        DatasetOptionError: An option makes no sense here.
        SourceError: A source cannot be read.
        EmptyDatasetError: No report is left.
        DatasetNotWrittenError: There is no room.
    """
    if options.mask_keywords and options.labels != "keyword":
        raise DatasetOptionError("--mask-keywords goes with --labels keyword: given labels do not come from keywords.")
    if options.as_of is not None and not any(source.kind == "database" for source in sources):
        raise DatasetOptionError("--as-of goes with the source database: files are read as they are.")
    account = Account()
    with open_folder(out, force=force) as staging:
        described = [_describe_source(source) for source in sources]
        spool = Spool(staging / "spool")
        batches = _read_all(sources, options, account, database=database, viewer=viewer)
        for cleaned in _leave_repeats(clean_all(batches, options, workers=workers), account):
            spool.add(cleaned.frame)
            tell(cleaned.done * CLEANED_SHARE, account.read.total())
        spool.flush()
        written = write_divided(spool, staging, options, account, choose_divider=choose_divider)
        if not written.rows:
            raise EmptyDatasetError(account.total, account.describe_dropped())
        manifest = _describe(options, account, written, described)
        (staging / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        sync(staging / MANIFEST)
    tell(1.0, account.read.total())
    return manifest


def _read_all(
    sources: Sequence[Source], options: Options, account: Account, *, database: Database | None, viewer: Actor
) -> Iterator[Batch]:
    """Yield the reports of all sources, each with its source and the share of all that is read by then."""
    weights = [max(1, source.size_bytes) for source in sources]
    for index, source in enumerate(sources):
        before, weight, total = sum(weights[:index]), weights[index], sum(weights)
        for batch in read_source(source, options, account, database=database, viewer=viewer):
            yield replace(batch, source=source.name, done=(before + weight * batch.done) / total)


def _leave_repeats(batches: Iterator[Cleaned], account: Account) -> Iterator[Cleaned]:
    """Yield the batches without what repeats an earlier report, and count what was left out."""
    seen, finder = SeenTexts(), RepeatFinder()
    for cleaned in batches:
        why = [None if sketch is None else _find_repeat(sketch, seen, finder) for sketch in cleaned.sketches]
        account.read[cleaned.source] += cleaned.read
        account.dropped.update(cleaned.dropped)
        account.dropped.update(reason for reason in why if reason is not None)
        for name, counts in cleaned.labels_left.items():
            account.labels_left[name].update(counts)
        is_new = pl.Series([reason is None for reason in why], dtype=pl.Boolean)
        yield replace(cleaned, frame=cleaned.frame.filter(is_new))


def _find_repeat(sketch: Sketch, seen: SeenTexts, finder: RepeatFinder) -> str | None:
    if seen.add(sketch):
        return REPEAT
    return NEAR_REPEAT if finder.add(sketch) else None


def _describe_source(source: Source) -> dict[str, Any]:
    """Return what the manifest says of a source: names of files, never where they are."""
    files = [{"name": path.name, "bytes": path.stat().st_size, "sha256": digest_file(path)} for path in source.paths]
    return {"name": source.name, "kind": source.kind, "files": files}


def _describe(
    options: Options, account: Account, written: Written, sources: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "bugflow": __version__,
        "sources": [source | {"rows": account.read[source["name"]]} for source in sources],
        "options": asdict(options) | {"as_of": None if options.as_of is None else options.as_of.isoformat()},
        "rows": {
            "read": account.total,
            "dropped": account.list_dropped(),
            "kept": written.rows,
            "by_split": written.by_split,
        },
        "not_carried": dict(account.not_carried.most_common()),
        "labels_taken_away": {name: dict(counts.most_common()) for name, counts in account.labels_left.items()},
        "classes": written.classes,
        "split": {"kind": options.split, "cuts": written.cuts},
        "seed": options.seed,
        "data": {"file": written.file, "rows": written.rows, "content_sha256": written.content_sha256},
    }
