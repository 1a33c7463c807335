"""The card of a trained model: what it learned from, how good it is beside the baselines, and where it is not."""

from collections.abc import Iterator

from bugflow.ml.triage.evaluating import Evaluation, Trial
from bugflow.ml.triage.model import TriageModel

WEAK_F1 = 0.5
"""A label whose F1 is below is named among the limits."""


def write_card(model: TriageModel, found: Evaluation, *, source: str) -> str:
    """Return a card in Markdown.

    Args:
        model: One of the evaluation's back-ends.
        found: What came of it and of the baselines on reports not seen before.
        source: What the reports are from, as a person names it.
    """
    return "\n".join(_write_lines(model, found, source)) + "\n"


def find_trial(model: TriageModel, found: Evaluation) -> Trial:
    """Return what came of a model: the trial of the same members."""
    return next(trial for trial in found.trials if set(trial.weights) == set(model.members))


def _write_lines(model: TriageModel, found: Evaluation, source: str) -> Iterator[str]:
    trial = find_trial(model, found)
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in trial.weights.items())
    yield f"# Model of {found.target}: {trial.backend}"
    yield ""
    yield f"Learned from {source}: {found.n_train:,} reports trained, {found.n_calibration:,} calibrated, chose the"
    yield f"thresholds and trained afterwards, {found.n_test:,} tested (split: {found.split})."
    yield f"Members and what they count: {weights}."
    yield ""
    yield "| Back-end | Accuracy (95 %) | Macro-F1 | Calibration error | Speaks about | And is right |"
    yield "|---|---|---|---|---|---|"
    yield from map(_write_trial, found.trials)
    yield ""
    yield "| Label | Precision | Recall | F1 | Tested | Said for sure from |"
    yield "|---|---|---|---|---|---|"
    for each, least in zip(trial.scores.by_class, model.speaking.least.tolist(), strict=True):
        sure = "never" if least > 1 else f"{least:.3f}"
        yield f"| {each.label} | {each.precision:.3f} | {each.recall:.3f} | {each.f1:.3f} | {each.support:,} | {sure} |"
    yield ""
    yield from _write_limits(trial)


def _write_trial(trial: Trial) -> str:
    scores = trial.scores
    low, high = scores.accuracy_interval
    right = "never" if scores.selective_precision is None else f"{scores.selective_precision:.3f}"
    return (
        f"| {trial.backend} | {scores.accuracy:.3f} ({low:.3f} to {high:.3f}) | {scores.macro_f1:.3f} "
        f"| {scores.ece:.3f} | {scores.coverage:.1%} | {right} |"
    )


def _write_limits(trial: Trial) -> Iterator[str]:
    yield "## Limits"
    yield ""
    weak = [each.label for each in trial.scores.by_class if each.support and each.f1 < WEAK_F1]
    if weak:
        yield f"- Found badly (F1 below {WEAK_F1}): {', '.join(weak)}."
    if trial.chance is not None and trial.chance >= 0.05:  # noqa: PLR2004 -- The usual level.
        yield f"- Its accuracy cannot be told from the best baseline's (p = {trial.chance:.2f})."
    if trial.f1_chance is not None and trial.f1_chance >= 0.05:  # noqa: PLR2004 -- The same.
        yield f"- Its macro-F1 cannot be told from the best baseline's (p = {trial.f1_chance:.2f})."
    if trial.scores.selective_precision is None:
        yield "- It was never sure: it only suggests."
    yield "- It knows only the labels above, and what is reported changes: train it again on newer reports."
