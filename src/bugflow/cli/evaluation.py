"""Trying models on files of labelled reports: `bugflow evaluate`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from bugflow.cli.context import errors
from bugflow.cli.learning import choose_backends, find_encoder, print_evaluation
from bugflow.ml.triage.backends import BASELINES, Workshop
from bugflow.ml.triage.evaluating import evaluate
from bugflow.ml.triage.examples import Split, Target, partition, read_examples

app = typer.Typer(help="Try models on files of labelled reports.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Try models on files of labelled reports."""


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
    with errors.status("Reading") as status:
        examples, parts = read_examples(data, target, least_rows=least)
        divided = partition(examples, parts, split=split, seed=seed)
        workshop = Workshop(encoder=find_encoder(), seed=seed)
        learners = workshop.list_learners(target, divided.train.labels)
        found = evaluate(
            target,
            divided,
            learners,
            choose_backends(list(learners), [*BASELINES, *backend] if backend else None),
            precision=precision,
            seed=seed,
            tell=lambda name: status.update(f"Trying {name}"),
        )
    text = json.dumps(found.to_json(), indent=2)
    if out is not None and str(out) == "-":
        sys.stdout.write(text + "\n")
        return
    print_evaluation(found, precision)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
