"""Commands for trained models: which there are, and which is used."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table

from bugflow.cli.context import AsJson, console, errors, load_settings, print_json, use_database
from bugflow.cli.learning import find_encoder
from bugflow.core.clock import utc_now
from bugflow.core.storage import Storage, open_storage
from bugflow.ml.triage.examples import Target
from bugflow.ml.triage.starter import find_starter
from bugflow.mlops.promotion.report import describe_verdict, write_report
from bugflow.mlops.promotion.service import list_changes, roll_back, use_model
from bugflow.mlops.promotion.tables import ModelChange
from bugflow.mlops.registry.choosing import get_version
from bugflow.mlops.registry.store import find_current, get_manifest, list_versions
from bugflow.mlops.registry.versions import MODEL_TYPES, require_type
from bugflow.mlops.training.candidates import Order, Surroundings, make_candidate
from bugflow.mlops.training.keeping import keep_candidate
from bugflow.mlops.training.triage import AUTO, Wishes
from bugflow.tracker.accounts.actor import build_system_actor

STARTER = "starter"
PASSED = "It passed its checks."
SHOWN = ("accuracy", "macro_f1", "coverage", "selective_precision", "recall_at_10")

app = typer.Typer(help="Trained models.", no_args_is_help=True)

Type = Annotated[
    str, typer.Argument(metavar="TYPE", help="What it finds: severity, team, component, priority or duplicates.")
]


Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the change.")]


@app.command("list")
def show_models(*, as_json: AsJson = False) -> None:
    """List the models that were trained to be used, the newest first, and which of them is used."""
    storage = open_storage(load_settings().resolved_storage_url)
    rows = [row for model_type in MODEL_TYPES for row in _describe(storage, model_type)]
    if as_json:
        print_json(rows)
        return
    table = Table(
        "Type", "Version", "Trained (UTC)", "Used", "Accuracy", "Macro-F1", "Speaks", "Right", "Recall@10", box=None
    )
    for row in rows:
        figures = (f"{row[name]:.3f}" if name in row else "" for name in SHOWN)
        table.add_row(row["type"], row["version"], row["trained_at"], "yes" if row["used"] else "", *figures)
    console.print(table if rows else "There are none. `bugflow train` makes them; until then starter models are used.")


@app.command("show")
def show_model(
    model_type: Type,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Such as 1.2.0.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show a model's card: what it learned from, how good it is beside the baselines, and its limits."""
    storage = open_storage(load_settings().resolved_storage_url)
    manifest = get_manifest(storage, get_version(storage, model_type, version))
    if as_json:
        print_json(manifest.model_dump(mode="json"))
        return
    console.print(Markdown(manifest.card or "This version has no card."))


@app.command("train")
def train_model(
    field: Annotated[Target, typer.Argument(metavar="FIELD", help="severity, team, component or priority.")],
    *,
    query: Annotated[str, typer.Option("--query", help="Only issues that this asks for teach and judge.")] = "",
    backend: Annotated[str, typer.Option("--backend", help="As `bugflow train` has them.")] = AUTO,
    least: Annotated[int, typer.Option("--least", min=2, help="Leave out labels with fewer issues.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Of all that is random.")] = 0,
    use: Annotated[bool, typer.Option("--use/--no-use", help="Use it from now on where it passes.")] = True,
    as_json: AsJson = False,
) -> None:
    """Learn from the issues of the database, judge what came of it beside the model in use, and use it if it passes."""
    settings, now = load_settings(), utc_now()
    with use_database(settings) as database, errors.status("Reading") as status:
        around = Surroundings(
            database=database,
            storage=open_storage(settings.resolved_storage_url),
            encoder=find_encoder(),
            find_starter=find_starter if settings.starter_models else lambda _: None,
            cache_folder=settings.models_folder / "fetched",
        )
        order = Order(target=field, now=now, query=query, wishes=Wishes(backend=backend, least=least, seed=seed))
        candidate = make_candidate(order, around, tell=lambda done, note: status.update(f"{done:.0%} {note}"))
        version = keep_candidate(around.storage, candidate)
        is_used = use and candidate.verdict.passed
        if is_used:
            with database.transaction() as session:
                actor = build_system_actor("cli")
                use_model(session, around.storage, field, version, actor=actor, now=utc_now(), reason=PASSED)
    about = {"champion": candidate.champion, "dataset": candidate.dataset}
    if as_json:
        described = describe_verdict(candidate.verdict, data_hash=candidate.data_hash, **about)
        print_json({"version": version.name, "used": is_used, **described})
        return
    console.print(Markdown(write_report(candidate.verdict, field=field, **about)))
    console.print(f"It is kept as {version.name}{' and used from now on' if is_used else ''}.", soft_wrap=True)


@app.command("promote")
def promote_model(
    model_type: Type,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Such as 1.2.0, or starter for what BugFlow has.")],
    *,
    reason: Reason = "",
) -> None:
    """Use another version, also in running servers; one that failed its checks needs a reason, which is kept."""
    settings, kind = load_settings(), require_type(model_type)
    storage = open_storage(settings.resolved_storage_url)
    wanted = None if version == STARTER else get_version(storage, kind, version)
    with use_database(settings) as database, database.transaction() as session:
        change = use_model(
            session, storage, kind, wanted, actor=build_system_actor("cli"), now=utc_now(), reason=reason
        )
        said = _tell_used(change.version, kind)
    console.print(said, soft_wrap=True)


@app.command("rollback")
def roll_model_back(model_type: Type, *, reason: Reason = "") -> None:
    """Use again what was used before the version in use; once more goes back further."""
    settings, kind = load_settings(), require_type(model_type)
    storage = open_storage(settings.resolved_storage_url)
    with use_database(settings) as database, database.transaction() as session:
        change = roll_back(session, storage, kind, actor=build_system_actor("cli"), now=utc_now(), reason=reason)
        said = _tell_used(change.version, kind)
    console.print(said, soft_wrap=True)


@app.command("history")
def show_history(model_type: Type, *, as_json: AsJson = False) -> None:
    """Show which versions were used, the latest first: since when, who chose them, and why."""
    kind = require_type(model_type)
    with use_database() as database, database.snapshot() as session:
        rows = [_describe_change(change) for change in list_changes(session, kind)]
    if as_json:
        print_json(rows)
        return
    table = Table("Since (UTC)", "", "Version", "Checks", "Who", "Why", box=None)
    for row in rows:
        checks = "" if row["passed"] is None else "passed" if row["passed"] else "failed"
        version = row["version"] or STARTER
        table.add_row(
            f"{row['at']:%Y-%m-%d %H:%M}", row["verb"], version, checks, *map(escape, (row["by"], row["reason"]))
        )
    console.print(table if rows else f"No other model of {kind} was ever used.")


def _tell_used(name: str | None, model_type: str) -> str:
    if name is not None:
        return f"{name} is used from now on."
    verb = "are" if model_type == "duplicates" else "is"
    return f"The {model_type} {verb} found by what comes with BugFlow from now on."


def _describe_change(change: ModelChange) -> dict[str, Any]:
    return {
        "at": change.created_at,
        "verb": change.verb,
        "version": change.version,
        "before": change.before,
        "passed": change.passed,
        "by": change.actor_name,
        "reason": change.reason,
    }


def _describe(storage: Storage, model_type: str) -> Iterator[dict[str, Any]]:
    current = find_current(storage, model_type)
    for version in list_versions(storage, model_type):
        yield {
            "type": model_type,
            "version": version.version,
            "trained_at": version.moment,
            "used": version == current,
            **get_manifest(storage, version).metrics,
        }
