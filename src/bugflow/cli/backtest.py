"""What BugFlow would have done on one's own past: `bugflow backtest`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bugflow.assist.backtesting.building import build_surroundings
from bugflow.assist.backtesting.report import write_html, write_markdown
from bugflow.assist.backtesting.service import BACKTEST, Backtest, Order, run_backtest
from bugflow.cli.context import AsJson, console, errors, load_settings, print_json, use_database
from bugflow.cli.learning import find_encoder
from bugflow.cli.writing import require_free, write_whole
from bugflow.core.clock import utc_now
from bugflow.core.errors import InvalidError
from bugflow.core.storage import open_storage
from bugflow.mlops.backtesting.replaying import ReplayOptions
from bugflow.mlops.registry.versions import TRIAGE_TYPES, TriageType
from bugflow.tracker.accounts.actor import build_system_actor

FORMS: Mapping[str, Callable[[Backtest], str]] = {".md": write_markdown, ".html": write_html}
"""Of a report in a file, by its ending."""


class UnknownReportFormError(InvalidError):
    """A report's form is told by its file's ending."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} must end in one of {', '.join(FORMS)}.")


def backtest(  # noqa: PLR0913 -- A command has as many options as it has.
    *,
    project: Annotated[str, typer.Option("--project", help="Key or name of the project.")],
    field: Annotated[
        list[str] | None,
        typer.Option("--field", help="Only severity, team, component or priority; may be repeated."),
    ] = None,
    duplicates: Annotated[bool, typer.Option("--duplicates/--no-duplicates", help="Also duplicates.")] = True,
    last: Annotated[int, typer.Option("--last", min=10, help="Ask about so many of the newest issues.")] = 500,
    blocks: Annotated[int, typer.Option("--blocks", min=1, help="Learn anew before each of so many blocks.")] = 5,
    query: Annotated[str, typer.Option("--query", help="For the fields, only issues that this asks for.")] = "",
    backend: Annotated[str | None, typer.Option("--backend", help="As `bugflow train` has them.")] = None,
    least: Annotated[int, typer.Option("--least", min=2, help="Leave out labels with fewer issues.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Of all that is random.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Write the report here: .md or .html.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell what models would have said of a project's newest issues when these were filed; nothing is changed."""
    if out is not None:
        if out.suffix not in FORMS:
            raise UnknownReportFormError(out)
        require_free(out, force=force)
    order = Order(
        project=project,
        fields=_read_fields(field),
        duplicates=duplicates,
        query=query,
        options=ReplayOptions(last=last, blocks=blocks, least=least, backend=backend, seed=seed),
    )
    found = _run(order)
    if out is not None:
        write_whole(out, [FORMS[out.suffix](found)])
    if as_json:
        print_json(BACKTEST.dump_python(found, mode="json"))
        return
    console.print(Markdown(write_markdown(found)))
    if out is not None:
        console.print(f"The report is in {out}.", soft_wrap=True)


class UnknownFieldError(InvalidError):
    """Only some fields are learned."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The field {name!r} is not learned. These are: {', '.join(TRIAGE_TYPES)}.")


def _read_fields(names: Sequence[str] | None) -> tuple[TriageType, ...]:
    for name in names or ():
        if name not in TRIAGE_TYPES:
            raise UnknownFieldError(name)
    return tuple(each for each in TRIAGE_TYPES if not names or each in names)


def _run(order: Order) -> Backtest:
    settings = load_settings()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with use_database(settings) as database, Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("Reading issues", total=1.0)
        storage = open_storage(settings.resolved_storage_url)
        around = build_surroundings(settings, database, storage, encoder=find_encoder())
        return run_backtest(
            order,
            around,
            build_system_actor("cli"),
            now=utc_now(),
            tell=lambda done, note: progress.update(task, completed=done, description=note),
        )
