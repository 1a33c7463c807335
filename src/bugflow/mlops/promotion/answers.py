"""What models say of gold items: in the words of those who labelled them."""

from collections.abc import Sequence

import numpy as np

from bugflow.ml.contract import Report
from bugflow.ml.triage.model import TriageModel
from bugflow.mlops.promotion.gate import Answers
from bugflow.mlops.serving.judging import hide_field
from bugflow.mlops.serving.labels import fit_label
from bugflow.mlops.serving.opinions import Question
from bugflow.mlops.serving.rules import RULES, judge_by_rules

AT_ONCE = 256


def ask_model(model: TriageModel, reports: Sequence[Report], possible: Sequence[str]) -> Answers:
    """Return what a model says of reports; a label that nobody uses is none, and then it is not sure.

    Args:
        model: Any that finds a field.
        reports: Of gold items.
        possible: The labels that people use.
    """
    hidden = [hide_field(report, model.target) for report in reports]
    said = [each for start in range(0, len(hidden), AT_ONCE) for each in model.suggest(hidden[start : start + AT_ONCE])]
    labels = [fit_label(model.target, each.label, possible) for each in said]
    sure = [label is not None and not each.abstained for label, each in zip(labels, said, strict=True)]
    return Answers(np.array([label or "" for label in labels], dtype=np.str_), np.array(sure, dtype=np.bool_))


def ask_rules(target: str, reports: Sequence[Report], possible: Sequence[str]) -> Answers | None:
    """Return what keyword rules say, which are never sure; none where there are no rules for the field."""
    field = next((known for known in RULES if known == target), None)
    if field is None:
        return None
    question = Question(field, possible)
    said = [judge_by_rules(question, report, because="", explain=False).label or "" for report in reports]
    return Answers(np.array(said, dtype=np.str_), np.zeros(len(said), dtype=np.bool_))
