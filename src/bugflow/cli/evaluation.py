"""Trying models on files of labelled reports: `bugflow evaluate`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from bugflow.cli.context import console, errors
from bugflow.cli.learning import find_encoder, print_evaluation
from bugflow.ml.duplicates.evaluating import Evaluation as DuplicateEvaluation
from bugflow.ml.duplicates.evaluating import evaluate as evaluate_duplicates
from bugflow.ml.duplicates.history import read_history
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.ml.duplicates.replay import profile_history
from bugflow.ml.duplicates.starter import FOLDER as STARTER
from bugflow.ml.duplicates.starter import WORDS as BY_WORDS
from bugflow.ml.triage.backends import BASELINES, Workshop, choose_backends
from bugflow.ml.triage.evaluating import evaluate
from bugflow.ml.triage.examples import Split, Target, partition, read_examples

app = typer.Typer(help="Try models on files of labelled reports.", no_args_is_help=True)
DUPLICATE_COLUMNS = ("R@1", "R@5", "R@10", "±", "R@20", "MRR", "R@10*", "p", "ms")


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
    if not _write_json(found.to_json(), out):
        print_evaluation(found, precision)


@app.command()
def duplicates(
    *,
    data: Annotated[
        Path,
        typer.Option("--data", help="Parquet, CSV or JSON lines with issue_id, title, created_at and duplicate_of."),
    ],
    model: Annotated[
        Path | None, typer.Option("--model", help="Folder of another ranker than the one that comes with BugFlow.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the choice of reports that are no duplicates.")] = 0,
    out: Annotated[Path | None, typer.Option("--json", help="Write the figures here, - prints them.")] = None,
) -> None:
    """Find the older report of each duplicate of a file among all older ones, and print how well that goes."""
    with errors.status("Reading") as status:
        history = read_history(data)
        encoder = find_encoder()
        ranker = Ranker.load(model or (BY_WORDS if encoder is None else STARTER))
        amount = f"{len(history):,}"
        profiles = profile_history(
            history, encoder, tell=lambda done: status.update(f"Making vectors: {done:,} of {amount}")
        )
        found = evaluate_duplicates(
            history, profiles, ranker, seed=seed, tell=lambda share: status.update(f"Asking: {share:.0%}")
        )
    if not _write_json(found.to_json(), out):
        _print_duplicates(found)


def _write_json(content: dict[str, Any], out: Path | None) -> bool:
    """Write figures where they are wanted; return whether that is where a table would be printed."""
    text = json.dumps(content, indent=2) + "\n"
    if out is None:
        return False
    if str(out) == "-":
        sys.stdout.write(text)
        return True
    out.write_text(text, encoding="utf-8")
    return False


def _print_duplicates(found: DuplicateEvaluation) -> None:
    console.print(
        f"{len(found.same_title):,} duplicates among {found.n_issues:,} issues; "
        f"{int(found.same_title.sum()):,} of them repeat an older title."
    )
    table = Table("", *DUPLICATE_COLUMNS, box=None, pad_edge=False)
    for trial in found.trials:
        low, high = trial.recall_interval(10)
        shares = [trial.recall(1), trial.recall(5), trial.recall(10), (high - low) / 2, trial.recall(20), trial.mrr()]
        chance = found.p_values.get(trial.method)
        table.add_row(
            trial.method,
            *(f"{share:.3f}" for share in shares),
            f"{trial.recall(10, ~found.same_title):.3f}",
            "" if chance is None else f"{chance:.3f}",
            f"{1000 * trial.seconds / max(len(trial.ranks), 1):.1f}",
        )
    console.print(table)
    flag = found.flag
    said = "flags nothing" if flag.precision is None else f"is right for {flag.precision:.1%} of those it flags"
    console.print(
        f"The flag, from probability {flag.threshold:.3f} on, finds {flag.recall:.1%} of the duplicates and {said}. "
        "R@n: how often an older report of the same bug is among the first n; *: without repeated titles; ±: half the "
        "95 % interval of R@10; p: how probable so large a difference to ours is by chance; ms: for one report, "
        "without making its vectors."
    )
