"""Training models on labelled reports: `bugflow train`."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bugflow.cli.context import console, errors, load_settings, use_database
from bugflow.cli.learning import find_encoder, print_evaluation
from bugflow.core.clock import utc_now
from bugflow.core.errors import ConflictError
from bugflow.core.storage import Storage, open_storage
from bugflow.ml.finetuning.options import DEFAULT_BASE, FineTuningOptions, Schedule
from bugflow.ml.finetuning.training import Tell
from bugflow.ml.triage.backends import TRANSFORMER
from bugflow.ml.triage.cards import write_card
from bugflow.ml.triage.examples import Split, Target
from bugflow.ml.triage.transformer import TransformerClassifier
from bugflow.mlops.promotion.service import use_model
from bugflow.mlops.registry.versions import ModelType, ModelVersion
from bugflow.mlops.training.keeping import keep_triage
from bugflow.mlops.training.triage import Wishes, train_triage
from bugflow.tracker.accounts.actor import build_system_actor

app = typer.Typer(help="Train models on labelled reports.", no_args_is_help=True)


class FolderInUseError(ConflictError):
    """A model is only written where nothing is."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} is there already and not empty. Name another folder for the model.")


def require_database() -> None:
    """Refuse before hours of work what could not be noted after them."""
    with use_database():
        pass


def keep_and_use(model_type: ModelType, keep: Callable[[Storage, datetime], ModelVersion]) -> ModelVersion:
    """Keep a model as a new version, and use it from now on."""
    settings, now = load_settings(), utc_now()
    storage = open_storage(settings.resolved_storage_url)
    version = keep(storage, now)
    with use_database(settings) as database, database.transaction() as session:
        actor = build_system_actor("cli")
        use_model(session, storage, model_type, version, actor=actor, now=now, reason="Wanted by --use.")
    return version


Data = Annotated[Path, typer.Option("--data", help="A prepared folder, or Parquet, CSV or JSON lines.")]
BackendName = Annotated[
    str,
    typer.Option("--backend", help="ensemble, linear, presence, encoder, keyword, transformer, everything; or auto."),
]
SplitName = Annotated[Split, typer.Option("--split", help="Test on the newest, or on any.")]
Least = Annotated[int, typer.Option("--least", min=2, help="Leave out labels with fewer reports.")]
Precision = Annotated[float, typer.Option("--precision", min=0.5, max=1, help="From which on the model speaks.")]
Seed = Annotated[int, typer.Option("--seed", help="Of all that is random.")]
Samples = Annotated[
    int | None, typer.Option("--samples", min=100, help="Train, calibrate and test on so many at most.")
]
ClassWeights = Annotated[bool, typer.Option("--class-weights", help="Rare labels weigh as much as frequent ones.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write the model into this folder.")]
Use = Annotated[bool, typer.Option("--use", help="Keep the model as a new version, and use it.")]
Base = Annotated[str, typer.Option("--base", help="What a transformer begins with: a folder, a hub name, or packaged.")]
Epochs = Annotated[int, typer.Option("--epochs", min=1, help="Of a transformer.")]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Of a transformer.")]
Accumulation = Annotated[int, typer.Option("--accumulation", min=1, help="Batches of one step.")]
LearningRate = Annotated[float, typer.Option("--learning-rate", help="Of a transformer.")]
ScheduleName = Annotated[Schedule, typer.Option("--schedule", help="How the learning rate falls.")]
MaxLength = Annotated[int, typer.Option("--max-length", help="Tokens after which a text is cut.")]
UseGpu = Annotated[
    bool | None, typer.Option("--use-gpu/--no-gpu", help="For a transformer; a GPU is used if there is one.")
]
Work = Annotated[
    Path | None, typer.Option("--work", help="Keeps a transformer's checkpoints; a killed training goes on.")
]


def _add_command(target: Target) -> None:
    def command(  # noqa: PLR0913 -- A command has as many options as it has.
        *,
        data: Data,
        backend: BackendName = "auto",
        split: SplitName = "time",
        least: Least = 50,
        precision: Precision = 0.9,
        seed: Seed = 0,
        samples: Samples = None,
        class_weights: ClassWeights = False,
        out: Out = None,
        use: Use = False,
        base: Base = DEFAULT_BASE,
        epochs: Epochs = 3,
        batch_size: BatchSize = 16,
        accumulation: Accumulation = 1,
        learning_rate: LearningRate = 5e-5,
        schedule: ScheduleName = "linear",
        max_length: MaxLength = 256,
        use_gpu: UseGpu = None,
        work: Work = None,
    ) -> None:
        options = FineTuningOptions(
            base=base,
            epochs=epochs,
            batch_size=batch_size,
            accumulation=accumulation,
            learning_rate=learning_rate,
            schedule=schedule,
            max_length=max_length,
            class_weights=class_weights,
            use_gpu="auto" if use_gpu is None else "yes" if use_gpu else "no",
            seed=seed,
        )
        wishes = Wishes(
            backend=backend,
            split=split,
            least=least,
            precision=precision,
            seed=seed,
            samples=samples,
            class_weights=class_weights,
        )
        _train_and_tell(target, data, wishes, options, work=work, out=out, use=use)

    command.__doc__ = f"Train a model that finds the {target} of a report, and print how good it is."
    app.command(target)(command)


def _train_and_tell(
    target: Target,
    data: Path,
    wishes: Wishes,
    options: FineTuningOptions,
    *,
    work: Path | None,
    out: Path | None,
    use: bool,
) -> None:
    if out is not None and out.exists() and any(out.iterdir()):
        raise FolderInUseError(out)
    if use:
        require_database()
    place = work or load_settings().models_folder / "checkpoints" / target
    with _show_progress() as progress:
        task = progress.add_task("Reading", total=None)
        found, model = train_triage(
            target,
            data,
            wishes,
            encoder=None if wishes.backend == TRANSFORMER else find_encoder(),
            make_transformer=(
                (lambda: TransformerClassifier(options, place, tell=_draw(progress))) if wishes.is_fine_tuning else None
            ),
            tell=lambda text: progress.update(task, description=text),
        )
    print_evaluation(found, wishes.precision)
    if out is not None:
        model.save(out)
        (out / "CARD.md").write_text(write_card(model, found, source=data.name), encoding="utf-8")
        console.print(f"The model is in {out}.", soft_wrap=True)
    if use:
        version = keep_and_use(
            target, lambda storage, now: keep_triage(storage, model, found, now=now, source=data.name, seed=wishes.seed)
        )
        console.print(f"The model is kept as {version.name} and used from now on.", soft_wrap=True)


def _show_progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=errors, transient=True)


def _draw(progress: Progress) -> Tell:
    """Return what draws a transformer's steps into the progress that is shown."""
    task = progress.add_task("Fine-tuning", total=None)

    def tell(step: int, steps: int, figures: object) -> None:
        known = figures.items() if isinstance(figures, dict) else ()
        said = ", ".join(f"{name} {value:.3f}" for name, value in known if isinstance(value, float))
        progress.update(task, completed=step, total=steps, description=f"Fine-tuning {said}".strip())

    return tell


for _target in ("severity", "team", "component", "priority"):
    _add_command(_target)
