"""Preparing the encoder of texts by hand: `bugflow encoder`."""

import statistics
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from bugflow.cli.context import AsJson, console, errors, load_settings, print_json
from bugflow.ml.encoder.encoding import OnnxEncoder
from bugflow.ml.encoder.errors import NoEncoderError
from bugflow.ml.encoder.fetching import fetch_weights
from bugflow.ml.encoder.manifest import MODEL
from bugflow.ml.encoder.opening import find_folder, is_prepared_folder
from bugflow.ml.encoder.preparation import prepare_encoder
from bugflow.ml.encoder.weights import HUB_NAME, Weights, find_weights

app = typer.Typer(help="The encoder that compares texts by their meaning.", no_args_is_help=True)

TITLE = "Crash when a report is saved twice"
REPORT = "The server answers 500 when a project has no members and somebody opens its board after that. " * 5
ROUNDS = 11


@app.callback()
def group() -> None:
    """The encoder that compares texts by their meaning."""


@app.command()
def prepare(
    source: Annotated[
        str | None, typer.Option("--from", metavar="FOLDER|NAME", help="Weights in a folder, or on the hub.")
    ] = None,
    *,
    anew: Annotated[bool, typer.Option("--anew", help="Also where it has been done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Turn an encoder's weights into what the server runs, try it, and print how near and how fast it is."""
    settings = load_settings(encoder=source)
    if is_prepared_folder(settings.encoder):
        folder = find_folder(settings.models_folder, settings.encoder)
    else:
        with errors.status("Preparing"):
            folder = prepare_encoder(settings.models_folder, _get_weights(settings.encoder), anew=anew)
    _print(folder, OnnxEncoder.open(folder), as_json=as_json)
    if source and not as_json:
        console.print(f"To have the server run it, set BUGFLOW_ENCODER to {escape(source)}.", soft_wrap=True)


@app.command()
def show(*, as_json: AsJson = False) -> None:
    """Show the encoder that the server runs: which weights, how near to them, how fast."""
    settings = load_settings()
    folder = find_folder(settings.models_folder, settings.encoder, may_prepare=False)
    _print(folder, OnnxEncoder.open(folder), as_json=as_json)


def _get_weights(wanted: str) -> Weights:
    """Return weights, from the hub where this machine has none."""
    try:
        return find_weights(wanted)
    except NoEncoderError:
        return fetch_weights(wanted or HUB_NAME)


def _print(folder: Path, encoder: OnnxEncoder, *, as_json: bool) -> None:
    figures = _measure(folder, encoder)
    if as_json:
        print_json(figures)
        return
    table = Table("", Column(overflow="fold"))
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), escape(str(value)))
    console.print(table)


def _measure(folder: Path, encoder: OnnxEncoder) -> dict[str, Any]:
    return {
        "name": encoder.name,
        "folder": str(folder),
        "made_of": encoder.manifest.origin,
        "precision": encoder.manifest.precision,
        "lowest_cosine_to_the_weights": encoder.manifest.cosine,
        "dimensions": encoder.n_dims,
        "most_tokens": encoder.max_tokens,
        "size_mb": round((folder / MODEL).stat().st_size / 1e6, 1),
        "title_ms": _time(encoder, TITLE),
        "report_ms": _time(encoder, REPORT),
        "report_tokens": encoder.count_tokens(REPORT),
    }


def _time(encoder: OnnxEncoder, text: str) -> float:
    """Return the median time for a text, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        encoder.encode([text])
        times.append(time.perf_counter() - started)
    return round(statistics.median(times) * 1000, 1)
