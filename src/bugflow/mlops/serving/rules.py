"""What the keyword rules say: always there, never sure."""

from collections.abc import Mapping

from bugflow.ml.contract import Report
from bugflow.ml.triage.keyword import SEVERITY_RULES, TEAM_RULES, KeywordRules
from bugflow.mlops.registry.versions import TriageType
from bugflow.mlops.serving.labels import fit_label
from bugflow.mlops.serving.opinions import KEYWORD, Ground, Opinion, Question

RULES: Mapping[TriageType, KeywordRules] = {"severity": SEVERITY_RULES, "team": TEAM_RULES}
MOST_REASONS = 8


def judge_by_rules(question: Question, report: Report, *, because: str, explain: bool) -> Opinion:
    """Return what the rules say: a suggestion where one of their words occurs, otherwise their guess, or nothing.

    How often they are right differs from tracker to tracker, so they give no probability.

    Args:
        question: Which field, and its possible labels.
        report: Any text.
        because: Why the rules are asked, in a sentence.
        explain: Whether the words are wanted.
    """
    rules = RULES.get(question.target)
    said = None if rules is None else rules.find_label(report)
    words = () if rules is None else rules.find_words(report)
    label = None if said is None else fit_label(question.target, said, question.labels)
    if label is None:
        return Opinion(label=None, band="unsure", method=KEYWORD, because=because, reasons=() if explain else None)
    return Opinion(
        label=label,
        band="suggested" if words else "unsure",
        method=KEYWORD,
        because=because,
        reasons=tuple(Ground("word", word, None) for word in words[:MOST_REASONS]) if explain else None,
    )
