"""Commands for versions of models: comparing two, taking one out or in, removing what was never finished."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.markup import escape
from rich.table import Table

from bugflow.cli.context import AsJson, console, load_settings, print_json, use_database
from bugflow.cli.writing import require_free, write_whole_file
from bugflow.core.clock import utc_now
from bugflow.core.settings import Settings
from bugflow.core.storage import open_storage
from bugflow.mlops.promotion.comparing import Comparison, FigurePair, Side, compare_versions
from bugflow.mlops.promotion.importing import import_version
from bugflow.mlops.promotion.ledger import Mended, mend_aliases
from bugflow.mlops.promotion.standing import choose_scope
from bugflow.mlops.registry.choosing import get_version
from bugflow.mlops.registry.cleaning import (
    list_half_published,
    list_leftovers,
    remove_half_published,
    remove_leftover,
)
from bugflow.mlops.registry.packing import pack_version
from bugflow.mlops.registry.versions import GLOBAL
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.imports.errors import UnreadableFileError

Type = Annotated[
    str, typer.Argument(metavar="TYPE", help="What it finds: severity, team, component, priority or duplicates.")
]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="Such as 1.2.0.")]
Project = Annotated[
    str | None, typer.Option("--project", metavar="KEY", help="This project's own models, not those for all.")
]


def find_scope(settings: Settings, project: str | None) -> str:
    """Return the scope of a project's own models; without one, of those for all, for which no database is needed.

    Raises:
        ProjectNotFoundError: There is no such project.
    """
    if project is None:
        return GLOBAL
    with use_database(settings) as database, database.snapshot() as session:
        return choose_scope(session, build_system_actor("cli"), project)


def compare_models(
    model_type: Type,
    first: Annotated[str, typer.Argument(metavar="A", help="A version, such as 1.1.0.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    *,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    """Compare two versions: figures side by side, the checks that came out otherwise, and labels only one can say."""
    settings = load_settings()
    storage, scope = open_storage(settings.resolved_storage_url), find_scope(settings, project)
    a, b = (get_version(storage, model_type, number, scope) for number in (first, second))
    found = compare_versions(storage, a, b)
    if as_json:
        differences = {"figures": [asdict(each) | {"difference": each.difference} for each in found.figures]}
        print_json(asdict(found) | {"a": a.name, "b": b.name} | differences)
        return
    console.print(f"A: {a.name}\nB: {b.name}", highlight=False, soft_wrap=True)
    table = Table("Figure", "A (95 %)", "B (95 %)", "B - A", "Measured", box=None)
    for pair in found.figures:
        table.add_row(*_describe(pair))
    console.print(table if found.figures else "Neither has figures.")
    for line in _tell_differences(found):
        console.print(line, highlight=False, soft_wrap=True)


def _describe(pair: FigurePair) -> tuple[str, ...]:
    difference = "" if pair.difference is None else f"{pair.difference:+.3f}"
    return escape(pair.name), _show(pair.a), _show(pair.b), difference, pair.source


def _show(side: Side) -> str:
    if side.value is None:
        return ""
    low_and_high = "" if side.interval is None else f" ({side.interval[0]:.3f} to {side.interval[1]:.3f})"
    return f"{side.value:.3f}{low_and_high}"


def _tell_differences(found: Comparison) -> Iterator[str]:
    if found.same_items is False:
        yield "They were judged by different issues, so a small difference says nothing."
    for check in found.checks:
        for name, passed, says in (("A", check.a, check.a_says), ("B", check.b, check.b_says)):
            verb = "was not asked" if passed is None else "passed" if passed else "failed"
            yield escape(f"{name} {verb} {check.name}. {says}".strip())
    for name, labels in (("A", found.only_a), ("B", found.only_b)):
        if labels:
            yield escape(f"Only {name} can say {', '.join(labels)}.")


def export_model(
    model_type: Type,
    version: Version,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The ZIP file to write.")],
    project: Project = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a whole version with its manifest into a ZIP file, each of its files verified."""
    require_free(out, force=force)
    settings = load_settings()
    storage = open_storage(settings.resolved_storage_url)
    found = get_version(storage, model_type, version, find_scope(settings, project))

    def write(target: BinaryIO) -> None:
        pack_version(storage, found, target, cache_folder=settings.models_folder / "fetched")

    write_whole_file(out, write)
    console.print(f"{found.name} is written to {out}.", highlight=False, soft_wrap=True)


@contextmanager
def open_given(path: Path) -> Iterator[BinaryIO]:
    """Open a file that was named.

    Raises:
        UnreadableFileError: It cannot be read.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise UnreadableFileError(path, error.strerror or str(error)) from error
    with stream:
        yield stream


def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `bugflow models export` wrote.")],
    *,
    project: Project = None,
    number: Annotated[str | None, typer.Option("--as", metavar="VERSION", help="Its number here, not its own.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take in a version that another installation exported, all of it verified; what is in use stays in use."""
    settings = load_settings()
    storage, work_folder = open_storage(settings.resolved_storage_url), settings.models_folder / "fetched"
    with open_given(file) as source, use_database(settings) as database:
        found = import_version(
            database,
            storage,
            source,
            actor=build_system_actor("cli"),
            now=utc_now(),
            work_folder=work_folder,
            project=project,
            number=number,
        )
    if as_json:
        print_json({"version": found.version.name, "new": found.is_new})
        return
    verb = "is there now" if found.is_new else "was there already"
    console.print(f"{found.version.name} {verb}. To use it: `bugflow models promote`.", highlight=False, soft_wrap=True)


def clean_models(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what publishing or fetching a model left behind more than a day ago, and mend what names those in use."""
    settings, now = load_settings(), utc_now()
    storage = open_storage(settings.resolved_storage_url)
    half = list_half_published(storage, now=now)
    leftovers = list(list_leftovers(settings.models_folder / "fetched", now=now))
    mended = Mended()
    if not dry_run:
        half = [each for each in half if remove_half_published(storage, each)]
        for path in leftovers:
            remove_leftover(path)
        with use_database(settings) as database:
            mended = mend_aliases(database, storage, now=now)
    if as_json:
        names = {"versions": [each.version.name for each in half], "folders": [str(path) for path in leftovers]}
        print_json(names | {"removed": not dry_run, "mended": mended.done, "problems": mended.problems})
        return
    verb = "would be removed" if dry_run else "was removed"
    for each in half:
        console.print(f"{each.version.name}, {len(each.keys)} files, {verb}.", highlight=False, soft_wrap=True)
    for path in leftovers:
        console.print(f"{path} {verb}.", highlight=False, soft_wrap=True)
    for sentence in (*(f"Mended: {each}" for each in mended.done), *mended.problems):
        console.print(escape(sentence), highlight=False, soft_wrap=True)
    if not half and not leftovers:
        console.print("There is nothing to remove.")
