"""One model's opinion of one report, in the words of a project."""

from collections.abc import Sequence
from dataclasses import replace

from bugflow.ml.contract import Reason, Report
from bugflow.mlops.serving.labels import fit_label
from bugflow.mlops.serving.loading import ServedModel
from bugflow.mlops.serving.opinions import Ground, Opinion, Question

MOST_REASONS = 8


def ask_model(served: ServedModel, question: Question, report: Report) -> tuple[Opinion, str]:
    """Return a model's opinion, and its label in its own words.

    A label that is not among the possible ones is none: then the model has said nothing.
    """
    [suggestion] = served.model.suggest([hide_field(report, question.target)])
    label = fit_label(question.target, suggestion.label, question.labels)
    runner_up = fit_label(question.target, suggestion.runner_up, question.labels)
    if runner_up == label:
        runner_up = None
    opinion = Opinion(
        label=label,
        confidence=None if label is None else suggestion.probability,
        runner_up=runner_up,
        runner_up_confidence=None if runner_up is None else suggestion.runner_up_probability,
        band="unsure" if label is None else suggestion.band,
        threshold=suggestion.threshold,
        coverage=suggestion.coverage,
        method=served.method,
        model_version=served.version,
        because=_explain_silence(
            question, suggestion.label, label, suggestion.threshold, speaks=not suggestion.abstained
        ),
    )
    return opinion, suggestion.label


def hide_field(report: Report, name: str) -> Report:
    """Return a report without one of its fields: what is to be found is not looked at."""
    if name not in report.fields:
        return report
    return replace(report, fields={field: value for field, value in report.fields.items() if field != name})


def _explain_silence(
    question: Question, said: str, label: str | None, threshold: float | None, *, speaks: bool
) -> str | None:
    if label is None:
        return f"The model says {said!r}, and this project has no such {question.target}."
    if speaks:
        return None
    if threshold is None:
        return f"The model has never been right often enough when it said {said!r}."
    return f"The model says {said!r} for sure only from a probability of {threshold:.2f} on."


def find_quick_reasons(served: ServedModel, report: Report, said: str) -> tuple[Ground, ...]:
    """Return the reasons of those members that have them at hand."""
    if served.quick is None:
        return ()
    return _as_grounds(served.quick.explain(hide_field(report, served.model.target), said, most=MOST_REASONS))


def find_costly_reasons(served: ServedModel, report: Report, said: str) -> tuple[Ground, ...]:
    """Return the reasons of all members, for which the text is looked at once for each of its parts."""
    return _as_grounds(served.model.explain(hide_field(report, served.model.target), said, most=MOST_REASONS))


def _as_grounds(reasons: Sequence[Reason]) -> tuple[Ground, ...]:
    return tuple(Ground(each.kind, each.what, each.weight) for each in reasons)
