"""Teaching the ranking of duplicates what people said of them: `bugflow train duplicates`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bugflow.assist.duplicates.errors import NoEncoderToTeachError, TooLittleToLearnError
from bugflow.assist.duplicates.past import read_past
from bugflow.assist.duplicates.rankers import MODEL_TYPE
from bugflow.assist.duplicates.retelling import profile_past, tell_history
from bugflow.cli.context import console, errors, load_settings, use_database
from bugflow.cli.learning import find_encoder
from bugflow.cli.training import FolderInUseError, app, keep_and_use, require_database
from bugflow.cli.trainings import train_model
from bugflow.core.clock import utc_now
from bugflow.core.errors import InvalidError
from bugflow.ml.contract import Encoder
from bugflow.ml.duplicates.adapting import (
    LEAST_DUPLICATES,
    Adaptation,
    TooFewDuplicatesError,
    adapt_ranker,
    write_card,
)
from bugflow.ml.duplicates.history import History, read_history
from bugflow.ml.duplicates.lessons import build_lesson
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.ml.duplicates.replay import profile_history
from bugflow.ml.duplicates.starter import FOLDER
from bugflow.mlops.registry.versions import ModelVersion
from bugflow.mlops.training.keeping import keep_model

OWN = "own issues"


class OwnIssuesKeptError(InvalidError):
    """What the own issues taught is kept as a version, or written into a folder."""

    def __init__(self) -> None:
        super().__init__(
            "What the own issues taught is kept in the storage, where it can be used. Leave out --out; or leave out "
            "--use, to have a ranker in a folder that has learned from all of them."
        )


@app.command("duplicates")
def train_duplicates(
    *,
    data: Annotated[
        Path | None, typer.Option("--data", help="Learn from a file instead of the own issues, merges and rejections.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the ranker into this folder.")] = None,
    use: Annotated[
        bool,
        typer.Option(
            "--use",
            help="Keep it as a version and use it: what a file taught where that is better, "
            "what the own issues taught as `bugflow models train duplicates` does.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of all that is random.")] = 0,
) -> None:
    """Teach the ranking of duplicates what people merged and rejected, and print whether it has become better."""
    if out is not None and out.exists() and any(out.iterdir()):
        raise FolderInUseError(out)
    if use and data is None:
        if out is not None:
            raise OwnIssuesKeptError
        train_model(MODEL_TYPE, seed=seed)
        return
    if use:
        require_database()
    encoder = find_encoder()
    if encoder is None:
        raise NoEncoderToTeachError
    source = OWN if data is None else data.name
    with errors.status("Reading") as status:
        history, profiles = _read(data, encoder, status.update)
        status.update("Comparing each duplicate with what was older")
        lesson = build_lesson(history, profiles, encoder, seed=seed)
        status.update("Teaching")
        try:
            found = adapt_ranker(Ranker.load(FOLDER), lesson)
        except TooFewDuplicatesError as error:
            raise TooLittleToLearnError(source, error.found, LEAST_DUPLICATES) from error
    _print(found)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        found.ranker.save(out)
        (out / "CARD.md").write_text(write_card(found, source=source), encoding="utf-8")
        console.print(f"The ranker is in {out}.", soft_wrap=True)
    if use and not found.is_better:
        console.print("It is not used: for certain it would be no better.")
    elif use:
        console.print(f"It is kept as {_publish(found, source, seed).name} and used from now on.", soft_wrap=True)


def _read(data: Path | None, encoder: Encoder, tell: Callable[[str], None]) -> tuple[History, list[Profile]]:
    if data is not None:
        history = read_history(data)
        return history, profile_history(history, encoder, tell=lambda done: tell(f"Making vectors: {done:,}"))
    with use_database(load_settings()) as database:
        past = read_past(database, as_of=utc_now())
        history = tell_history(past)
        return history, profile_past(
            database, encoder, past, history, tell=lambda done, total: tell(f"Reading: {done:,} of {total:,}")
        )


def _print(found: Adaptation) -> None:
    console.print(
        f"Learned from {found.n_learned:,} duplicates, tried on {found.n_tested:,} newer ones that it had not seen."
    )
    table = Table("", "Recall@1", "Recall@10", "MRR", box=None, pad_edge=False)
    for name, figures in (("before", found.before), ("after", found.after)):
        table.add_row(name, *(f"{value:.3f}" for value in figures.to_json().values()))
    console.print(table)
    console.print(f"A difference in MRR as large as this has, by chance alone, a probability of {found.p_value:.3f}.")


def _publish(found: Adaptation, source: str, seed: int) -> ModelVersion:
    before = {f"{name}_before": value for name, value in found.before.to_json().items()}
    metrics = {**found.after.to_json(), **before, "n_train": found.n_learned, "n_test": found.n_tested}
    card = write_card(found, source=source)
    return keep_and_use(
        MODEL_TYPE,
        lambda storage, now: keep_model(
            storage, MODEL_TYPE, found.ranker.save, now=now, metrics=metrics, seed=seed, card=card
        ),
    )
