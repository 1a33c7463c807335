"""Commands for trained models: which there are, and which is used."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.markdown import Markdown
from rich.table import Table

from bugflow.cli.context import AsJson, console, load_settings, print_json
from bugflow.core.clock import utc_now
from bugflow.core.storage import Storage, open_storage
from bugflow.mlops.registry.choosing import get_version, use_none, use_version
from bugflow.mlops.registry.store import find_current, get_manifest, list_versions
from bugflow.mlops.registry.versions import MODEL_TYPES

STARTER = "starter"
SHOWN = ("accuracy", "macro_f1", "coverage", "selective_precision", "recall_at_10")

app = typer.Typer(help="Trained models.", no_args_is_help=True)

Type = Annotated[
    str, typer.Argument(metavar="TYPE", help="What it finds: severity, team, component, priority or duplicates.")
]


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


@app.command("use")
def use_model(
    model_type: Type,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Such as 1.2.0, or starter for what BugFlow has.")],
) -> None:
    """Use another version from now on; running servers take it over within seconds."""
    storage = open_storage(load_settings().resolved_storage_url)
    if version == STARTER:
        use_none(storage, model_type)
        verb = "are" if model_type == "duplicates" else "is"
        console.print(f"The {model_type} {verb} found by what comes with BugFlow from now on.")
        return
    used = use_version(storage, model_type, version, now=utc_now())
    console.print(f"{used.name} is used from now on.")


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
