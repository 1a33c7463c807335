"""Commands for trained models: which there are, and which is used."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table

from bugflow.cli.context import AsJson, console, load_settings, print_json, use_database
from bugflow.cli.monitoring import monitor_model, show_alarms, show_switches, switch_model
from bugflow.cli.trainings import app as trainings
from bugflow.cli.versions import (
    Project,
    Type,
    Version,
    clean_models,
    compare_models,
    export_model,
    find_scope,
    import_model,
)
from bugflow.core.clock import utc_now
from bugflow.core.storage import Storage, open_storage
from bugflow.mlops.promotion.service import list_changes, roll_back, use_model
from bugflow.mlops.promotion.standing import choose_scope
from bugflow.mlops.promotion.tables import ModelChange
from bugflow.mlops.registry.choosing import get_version
from bugflow.mlops.registry.store import find_challenger, find_current, get_manifest, list_versions
from bugflow.mlops.registry.versions import MODEL_TYPES, require_type
from bugflow.tracker.accounts.actor import build_system_actor

STARTER = "starter"
SHOWN = ("accuracy", "macro_f1", "coverage", "selective_precision", "recall_at_10")

app = typer.Typer(help="Trained models.", no_args_is_help=True)
app.add_typer(trainings)

Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the change.")]


@app.command("list")
def show_models(*, project: Project = None, as_json: AsJson = False) -> None:
    """List the models that were trained to be used, the newest first, and which of them is used."""
    settings = load_settings()
    storage, scope = open_storage(settings.resolved_storage_url), find_scope(settings, project)
    rows = [row for model_type in MODEL_TYPES for row in _describe(storage, model_type, scope)]
    if as_json:
        print_json(rows)
        return
    table = Table(
        "Type", "Version", "Trained (UTC)", "Used", "Accuracy", "Macro-F1", "Speaks", "Right", "Recall@10", box=None
    )
    for row in rows:
        figures = (f"{row[name]:.3f}" if name in row else "" for name in SHOWN)
        table.add_row(row["type"], row["version"], row["trained_at"], _tell_part(row), *figures)
    console.print(table if rows else "There are none. `bugflow train` makes them; until then starter models are used.")


@app.command("show")
def show_model(
    model_type: Type,
    version: Version,
    *,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    """Show a model's card: what it learned from, how good it is beside the baselines, and its limits."""
    settings = load_settings()
    storage, scope = open_storage(settings.resolved_storage_url), find_scope(settings, project)
    manifest = get_manifest(storage, get_version(storage, model_type, version, scope))
    if as_json:
        print_json(manifest.model_dump(mode="json"))
        return
    console.print(Markdown(manifest.card or "This version has no card."))


@app.command("promote")
def promote_model(
    model_type: Type,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Such as 1.2.0, or starter for what BugFlow has.")],
    *,
    project: Project = None,
    reason: Reason = "",
) -> None:
    """Use another version, also in running servers; one that failed its checks needs a reason, which is kept."""
    settings, kind = load_settings(), require_type(model_type)
    storage, scope = open_storage(settings.resolved_storage_url), find_scope(settings, project)
    wanted = None if version == STARTER else get_version(storage, kind, version, scope)
    actor = build_system_actor("cli")
    with use_database(settings) as database, database.transaction() as session:
        change = use_model(session, storage, kind, wanted, actor=actor, now=utc_now(), reason=reason, scope=scope)
        said = _tell_used(change.version, kind)
    console.print(said, soft_wrap=True)


@app.command("rollback")
def roll_model_back(model_type: Type, *, project: Project = None, reason: Reason = "") -> None:
    """Use again what was used before the version in use; once more goes back further."""
    settings, kind = load_settings(), require_type(model_type)
    storage, scope = open_storage(settings.resolved_storage_url), find_scope(settings, project)
    actor = build_system_actor("cli")
    with use_database(settings) as database, database.transaction() as session:
        change = roll_back(session, storage, kind, actor=actor, now=utc_now(), reason=reason, scope=scope)
        said = _tell_used(change.version, kind)
    console.print(said, soft_wrap=True)


@app.command("history")
def show_history(model_type: Type, *, project: Project = None, as_json: AsJson = False) -> None:
    """Show which versions were used, the latest first: since when, who chose them, and why."""
    kind = require_type(model_type)
    with use_database() as database, database.snapshot() as session:
        scope = choose_scope(session, build_system_actor("cli"), project)
        rows = [_describe_change(change) for change in list_changes(session, kind, scope)]
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


app.command("compare")(compare_models)
app.command("export")(export_model)
app.command("import")(import_model)
app.command("clean")(clean_models)
app.command("monitor")(monitor_model)
app.command("alarms")(show_alarms)
app.command("switch")(switch_model)
app.command("switches")(show_switches)


def _tell_part(row: dict[str, Any]) -> str:
    return "yes" if row["used"] else "tried" if row["challenger"] else ""


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


def _describe(storage: Storage, model_type: str, scope: str) -> Iterator[dict[str, Any]]:
    current, challenger = find_current(storage, model_type, scope), find_challenger(storage, model_type, scope)
    for version in list_versions(storage, model_type, scope):
        yield {
            "type": model_type,
            "version": version.version,
            "trained_at": version.moment,
            "used": version == current,
            "challenger": version == challenger,
            **get_manifest(storage, version).metrics,
        }
