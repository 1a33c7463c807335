"""What the commands that train and try models share."""

from rich.table import Table

from bugflow.cli.context import console, errors, load_settings
from bugflow.core.errors import NotFoundError, UnavailableError
from bugflow.ml.contract import Encoder
from bugflow.ml.encoder.keeping import open_kept_encoder
from bugflow.ml.triage.evaluating import Evaluation, Trial

BATCH_THREADS = 2
COLUMNS = ("acc", "±", "F1", "ECE", "speaks", "right", "+acc", "p", "+F1", "p", "sec", "ms")


def find_encoder() -> Encoder | None:
    """Return the encoder of the settings, which keeps its vectors; none, and a word about it, where there is none."""
    settings = load_settings()
    try:
        return open_kept_encoder(settings.models_folder, settings.encoder, threads=BATCH_THREADS)
    except (NotFoundError, UnavailableError) as error:
        errors.print(f"[yellow]Without an encoder:[/yellow] {error}", highlight=False, soft_wrap=True)
        return None


def print_evaluation(found: Evaluation, precision: float) -> None:
    """Print what came of each back-end, below each other."""
    console.print(
        f"{found.target} of {len(found.classes)} labels: trained on {found.n_train:,} reports, calibrated on "
        f"{found.n_calibration:,} and trained again with them, tested on {found.n_test:,} (split: {found.split})."
    )
    table = Table("", *COLUMNS, box=None, pad_edge=False, collapse_padding=True)
    for trial in found.trials:
        table.add_row(trial.backend, *_describe(trial))
    console.print(table)
    console.print(
        f"Best by macro-F1: {found.best}. acc: accuracy, ± half its 95 % interval; F1: macro-F1; ECE: calibration "
        "error. It speaks where it is so sure that on the calibration part "
        f"{precision:.0%} of what it said with as much was right. +acc and +F1: before the best of the baselines, and "
        "how probable as large a lead is by chance (p)."
    )


def _describe(trial: Trial) -> list[str]:
    scores = trial.scores
    low, high = scores.accuracy_interval
    return [
        _short(scores.accuracy),
        _short((high - low) / 2),
        _short(scores.macro_f1),
        _short(scores.ece),
        f"{scores.coverage:.1%}",
        "never" if scores.selective_precision is None else _short(scores.selective_precision),
        "" if trial.lead is None else _short(trial.lead, sign=True),
        _show_chance(trial.chance),
        "" if trial.f1_lead is None else _short(trial.f1_lead, sign=True),
        _show_chance(trial.f1_chance),
        f"{trial.train_seconds:.0f}",
        f"{trial.ms_per_report:.1f}",
    ]


def _short(share: float, *, sign: bool = False) -> str:
    """Return a share in [-1, 1] to three digits, without the zero before the point."""
    return (f"{share:+.3f}" if sign else f"{share:.3f}").replace("0.", ".", 1)


def _show_chance(chance: float | None) -> str:
    if chance is None:
        return ""
    return "<.001" if chance < 0.001 else _short(chance)  # noqa: PLR2004 -- As many digits as are shown.
