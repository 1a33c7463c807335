"""Data sets to learn from: `bugflow dataset`."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from bugflow.cli.context import AsJson, console, errors, print_json, use_database
from bugflow.ml.triage.examples import Split, Target
from bugflow.mlops.datasets.errors import DatasetOptionError
from bugflow.mlops.datasets.preparing import prepare_dataset
from bugflow.mlops.datasets.rows import PARTS, RAW_SCHEMA, Labelling, Options
from bugflow.mlops.datasets.sources import DATABASE, Source, recognise_sources
from bugflow.tracker.accounts.actor import build_system_actor

MOST_CLASSES = 12
MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]

app = typer.Typer(help="Make data sets to learn from.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Make data sets to learn from."""


Sources = Annotated[
    list[str],
    typer.Argument(help="Files, or the word database: exports, Parquet, CSV, JSON lines, GitHub-archive dumps."),
]
Out = Annotated[Path, typer.Option("--out", help="The folder to write; it must be new or empty.")]
Labels = Annotated[Labelling, typer.Option("--labels", help="As people gave them, or by keyword.")]
Mask = Annotated[
    bool, typer.Option("--mask-keywords", help="With --labels keyword: take the keywords out of the texts.")
]
Divided = Annotated[Split, typer.Option("--split", help="Test on the newest, or on any.")]
Stratify = Annotated[Target, typer.Option("--stratify", help="Of which label a random split keeps the shares.")]
Least = Annotated[int, typer.Option("--least", min=1, help="Take labels of fewer reports away.")]
Samples = Annotated[
    int | None, typer.Option("--samples", "--most", min=1, help="At most so many reports, evenly over all.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the samples and of a random split.")]
Columns = Annotated[
    list[str] | None, typer.Option("--column", help="What a table calls a column: title=summary. May be repeated.")
]
Wanted = Annotated[str, typer.Option("--query", help="Only issues of the database that this asks for.")]
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=MOMENTS, help="The database as it was then, in UTC: 2026-03-01T12:00:00."),
]
KeepUnlabelled = Annotated[bool, typer.Option("--keep-unlabelled", help="Keep reports without any label.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Processes that clean; by default one per core.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a data set that is there.")]


@app.command()
def prepare(  # noqa: PLR0913 -- One for each option.
    sources: Sources,
    *,
    out: Out,
    labels: Labels = "given",
    mask_keywords: Mask = False,
    split: Divided = "time",
    stratify: Stratify = "severity",
    least: Least = 1,
    samples: Samples = None,
    seed: Seed = 0,
    column: Columns = None,
    query: Wanted = "",
    as_of: AsOf = None,
    keep_unlabelled: KeepUnlabelled = False,
    workers: Workers = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Make a clean, labelled and divided data set out of reports, each as it was when filed."""
    columns = _read_columns(column or [])
    options = Options(
        labels=labels,
        mask_keywords=mask_keywords,
        split=split,
        stratify=stratify,
        least=least,
        samples=samples,
        seed=seed,
        keep_unlabelled=keep_unlabelled,
        columns=columns,
        query=query,
        as_of=None if as_of is None else as_of.replace(tzinfo=UTC),
    )
    found = recognise_sources(sources, columns)
    manifest = _prepare(found, out, options, workers=workers or len(os.sched_getaffinity(0)), force=force)
    if as_json:
        print_json(manifest)
    else:
        _print(manifest, out)


def _read_columns(given: list[str]) -> dict[str, str]:
    columns = {}
    for each in given:
        ours, equals, theirs = each.partition("=")
        if not equals or not theirs.strip() or ours not in RAW_SCHEMA:
            known = ", ".join(RAW_SCHEMA)
            raise DatasetOptionError(f"--column {each!r} is not of the form title=summary. The columns are: {known}.")
        columns[ours] = theirs
    return columns


def _prepare(sources: list[Source], out: Path, options: Options, *, workers: int, force: bool) -> dict[str, Any]:
    shown = (
        TextColumn("Preparing"),
        BarColumn(),
        TextColumn("{task.fields[reports]:,} reports"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    viewer = build_system_actor("cli")
    with Progress(*shown, console=errors, transient=True) as bar:
        task = bar.add_task("", total=1.0, reports=0)

        def tell(done: float, read: int) -> None:
            bar.update(task, completed=done, reports=read)

        if any(source.kind == DATABASE for source in sources):
            with use_database() as database:
                return prepare_dataset(
                    sources, out, options, viewer=viewer, database=database, workers=workers, force=force, tell=tell
                )
        return prepare_dataset(sources, out, options, viewer=viewer, workers=workers, force=force, tell=tell)


def _print(manifest: dict[str, Any], out: Path) -> None:
    rows = manifest["rows"]
    parts = ", ".join(f"{count:,} {part}" for part, count in rows["by_split"].items())
    _say(f"{rows['kept']:,} of {rows['read']:,} reports are in {out}: {parts}.")
    _print_counts("Left out", rows["dropped"])
    for name, counts in manifest["labels_taken_away"].items():
        _print_counts(f"Taken away, {name}", counts)
    if manifest["not_carried"]:
        _say("What the exports hold beside reports, such as pull requests, is counted in dataset.json.")
    for cut in manifest["split"]["cuts"]:
        _say(
            f"{', '.join(cut['sources'])} by {cut['by']}: valid from {cut['valid_from']}, test from {cut['test_from']}."
        )
    for part, count in rows["by_split"].items():
        if not count:
            _say(f"Nothing is in {part}: too many reports are of one moment, or there are too few. See --split random.")
    for name, of in manifest["classes"].items():
        _print_classes(name, of)


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _print_counts(what: str, counts: dict[str, int]) -> None:
    if counts:
        _say(f"{what}: {', '.join(f'{count:,} {reason}' for reason, count in counts.items())}.")


def _print_classes(name: str, of: dict[str, dict[str, int]]) -> None:
    totals = {label: sum(of[part].get(label, 0) for part in PARTS) for part in PARTS for label in of[part]}
    if not totals:
        return
    table = Table(name, *PARTS)
    ordered = sorted(totals, key=lambda label: -totals[label])
    for label in ordered[:MOST_CLASSES]:
        table.add_row(escape(label), *(f"{of[part].get(label, 0):,}" for part in PARTS))
    if rest := ordered[MOST_CLASSES:]:
        sums = (sum(of[part].get(label, 0) for label in rest) for part in PARTS)
        table.add_row(f"{len(rest)} more", *(f"{count:,}" for count in sums))
    console.print(table)
