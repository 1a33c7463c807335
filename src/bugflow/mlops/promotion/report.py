"""The report of a decision: what was asked of a candidate, what came of it, and so what is done; for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from bugflow.mlops.promotion.gate import CANDIDATE, CHAMPION, MAJORITY, Figures, Verdict
from bugflow.mlops.serving.opinions import KEYWORD, STARTER

NAMES: Mapping[str, str] = {
    CANDIDATE: "the candidate",
    CHAMPION: "the model in use",
    MAJORITY: "the most frequent label",
    KEYWORD: "keyword rules",
}

DECISION, DECISION_TEXT = "decision.json", "decision.md"
"""Kept with each version that was judged: for programs, and for people."""
NOBODY = "none"
"""How the model in use is named where neither a model nor rules find the field."""
IN_USE: Mapping[str, str] = {STARTER: "the model that comes with BugFlow", KEYWORD: "the keyword rules"}


def write_report(verdict: Verdict, *, field: str, champion: str, dataset: str) -> str:
    """Return the report in Markdown.

    Args:
        verdict: What came of the candidate.
        field: What it finds.
        champion: The name of the model in use, `starter`, `keyword` or `none`.
        dataset: The data it learned from, as the storage names them.
    """
    return "\n".join(_write_lines(verdict, field, champion, dataset)) + "\n"


def _write_lines(verdict: Verdict, field: str, champion: str, dataset: str) -> Iterator[str]:
    failed = [check for check in verdict.checks if not check.passed]
    yield f"# A new model of {field}: {'it may be used' if verdict.passed else 'it is not used'}"
    yield ""
    used = IN_USE.get(champion, champion)
    if failed:
        stays = "nothing is in use still" if champion == NOBODY else f"{used} will be used on"
        yield f"It failed {len(failed)} of {len(verdict.checks)} checks, so {stays}."
    else:
        follows = "is the first" if champion == NOBODY else f"may follow {used}"
        yield f"It passed all {len(verdict.checks)} checks and {follows}."
    yield ""
    yield "| | Check |"
    yield "|---|---|"
    for check in sorted(verdict.checks, key=lambda check: check.passed):
        yield f"| {'passed' if check.passed else '**failed**'} | {_escape(check.says)} |"
    yield ""
    yield f"Learned from `{dataset}`. {verdict.n_items:,} issues of it have taught no model, neither this one nor any"
    yield "before. All were asked about these:"
    yield ""
    yield "| | best guess right (95 %) | sure about | right where sure (95 %) | worth of an issue |"
    yield "|---|---|---|---|---|"
    for name, figures in verdict.figures.items():
        yield _write_figures(NAMES.get(name, name), figures)


def _write_figures(name: str, figures: Figures) -> str:
    right = "never sure"
    if figures.precision is not None and figures.precision_interval is not None:
        right = f"{figures.precision:.1%} ({_show(figures.precision_interval)})"
    accuracy = f"{figures.accuracy:.1%} ({_show(figures.accuracy_interval)})"
    return f"| {name} | {accuracy} | {figures.coverage:.1%} | {right} | {figures.worth:+.3f} |"


def _show(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{low:.1%} to {high:.1%}"


def _escape(text: str) -> str:
    """Return a text for a cell of a table: labels are what people named them."""
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def describe_verdict(verdict: Verdict, *, champion: str, dataset: str, data_hash: str) -> dict[str, Any]:
    """Return a decision for programs.

    Args:
        verdict: What came of the candidate.
        champion: The name of the model in use, `starter`, `keyword` or `none`.
        dataset: The data it learned from, as the storage names them.
        data_hash: SHA-256 of these.
    """
    return {
        "passed": verdict.passed,
        "champion": champion,
        "dataset": dataset,
        "data_sha256": data_hash,
        "n_items": verdict.n_items,
        "checks": [{"name": each.name, "passed": each.passed, "says": each.says} for each in verdict.checks],
        "figures": {name: _describe_figures(each) for name, each in verdict.figures.items()},
        "items_by_label": dict(verdict.supports),
    }


def _describe_figures(figures: Figures) -> dict[str, Any]:
    return {
        "accuracy": figures.accuracy,
        "accuracy_interval": list(figures.accuracy_interval),
        "coverage": figures.coverage,
        "precision": figures.precision,
        "precision_interval": None if figures.precision_interval is None else list(figures.precision_interval),
        "worth": figures.worth,
        "recalls": dict(figures.recalls),
    }
