"""Trying models on files of labelled reports: `bugflow evaluate`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bugflow.cli.context import console, errors
from bugflow.core.errors import InvalidError
from bugflow.ml.triage.evaluating import BASELINES, Evaluation, Trial, evaluate, list_backends
from bugflow.ml.triage.examples import Split, Target, partition, read_examples

app = typer.Typer(help="Try models on files of labelled reports.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Try models on files of labelled reports."""


class UnknownBackendError(InvalidError):
    """A back-end that cannot be tried."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"The back-end {name!r} cannot be tried on this. These can: {', '.join(known)}.")


@app.command()
def triage(
    *,
    data: Annotated[Path, typer.Option("--data", help="Parquet, CSV or JSON lines with a title and the target.")],
    target: Annotated[Target, typer.Option("--target", help="Which column is to be found.")],
    backend: Annotated[
        list[str] | None, typer.Option("--backend", help="Only this one beside the baselines; may be repeated.")
    ] = None,
    split: Annotated[Split, typer.Option("--split", help="Test on the newest, or on any.")] = "time",
    least: Annotated[int, typer.Option("--least", min=2, help="Leave out labels with fewer reports.")] = 50,
    precision: Annotated[float, typer.Option("--precision", min=0.5, max=1, help="From which on it speaks.")] = 0.9,
    seed: Annotated[int, typer.Option("--seed", help="Of a random split and of the intervals.")] = 0,
    out: Annotated[Path | None, typer.Option("--json", help="Write the figures here, - prints them.")] = None,
) -> None:
    """Find severity, priority, component or team in reports not seen before, and print how well that goes."""
    examples, parts = read_examples(data, target, least_rows=least)
    divided = partition(examples, parts, split=split, seed=seed)
    backends = list_backends(target, divided.train.labels, seed=seed)
    for name in backend or ():
        if name not in backends:
            raise UnknownBackendError(name, list(backends))
    chosen = {name: build for name, build in backends.items() if not backend or name in {*backend, *BASELINES}}
    with errors.status("Reading") as status:
        found = evaluate(
            target, divided, chosen, precision=precision, seed=seed, tell=lambda name: status.update(f"Trying {name}")
        )
    text = json.dumps(found.to_json(), indent=2)
    if out is not None and str(out) == "-":
        sys.stdout.write(text + "\n")
        return
    _print(found, precision)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")


def _print(found: Evaluation, precision: float) -> None:
    console.print(
        f"{found.target} of {len(found.classes)} labels: trained on {found.n_train:,} reports, calibrated on "
        f"{found.n_calibration:,}, tested on {found.n_test:,} (split: {found.split})."
    )
    table = Table("", *(trial.backend for trial in found.trials))
    for row in zip(*(_describe(trial) for trial in found.trials), strict=True):
        table.add_row(row[0][0], *(cell for _, cell in row))
    console.print(table)
    console.print(
        f"Best by macro-F1: {found.best}. A back-end speaks about a report where it is so sure that on the calibration "
        f"part {precision:.0%} of what it said with as much was right."
    )


def _describe(trial: Trial) -> list[tuple[str, str]]:
    scores = trial.scores
    low, high = scores.accuracy_interval
    right = "never" if scores.selective_precision is None else f"{scores.selective_precision:.3f}"
    lead = "" if trial.lead is None else f"{trial.lead:+.3f}"
    return [
        ("accuracy", f"{scores.accuracy:.3f}"),
        ("95 % interval", f"{low:.3f} to {high:.3f}"),
        ("macro-F1", f"{scores.macro_f1:.3f}"),
        ("calibration error", f"{scores.ece:.3f}"),
        ("speaks about", f"{scores.coverage:.1%}"),
        ("and is right", right),
        ("before the baseline", lead),
        ("p of that by chance", _show_chance(trial.chance)),
        ("training", f"{trial.train_seconds:.1f} s"),
        ("a report", f"{trial.ms_per_report:.2f} ms"),
    ]


def _show_chance(chance: float | None) -> str:
    if chance is None:
        return ""
    return "< 0.0001" if chance < 0.0001 else f"{chance:.4f}"  # noqa: PLR2004 -- As many digits as are shown.
