"""The report of a decision: what was asked of a candidate, what came of it, and so what is done; for people."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from bugflow.ml.artifacts import write_json
from bugflow.mlops.promotion.files import DECISION, DECISION_TEXT
from bugflow.mlops.promotion.gate import BM25, CANDIDATE, CHAMPION, MAJORITY, Check
from bugflow.mlops.serving.opinions import KEYWORD, STARTER

NAMES: Mapping[str, str] = {
    CANDIDATE: "the candidate",
    CHAMPION: "the model in use",
    MAJORITY: "the most frequent label",
    KEYWORD: "keyword rules",
    BM25: "BM25",
}

NOBODY = "none"
"""How the model in use is named where neither a model nor rules find the field."""
IN_USE: Mapping[str, str] = {STARTER: "the model that comes with BugFlow", KEYWORD: "the keyword rules"}


class Measured(Protocol):
    """How good what somebody said was."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What is told of it in a table."""

    def show(self) -> tuple[str, ...]:
        """Return its cells of these columns."""

    def describe(self) -> dict[str, Any]:
        """Return it for programs."""


class Decided(Protocol):
    """What came of a candidate, of a field as of a ranking."""

    @property
    def n_items(self) -> int:
        """How many issues it was tried on."""

    @property
    def checks(self) -> Sequence[Check]:
        """What was asked of it."""

    @property
    def figures(self) -> Mapping[str, Measured]:
        """Of the candidate, of the model in use and of baselines, by name."""

    @property
    def supports(self) -> Mapping[str, int]:
        """How many issues there are of each kind."""

    @property
    def passed(self) -> bool:
        """Whether it may follow."""


def save_decision(verdict: Decided, folder: Path, *, field: str, champion: str, dataset: str, data_hash: str) -> None:
    """Write a decision into the folder of a candidate, for people and for programs; arguments as below."""
    report = write_report(verdict, field=field, champion=champion, dataset=dataset)
    (folder / DECISION_TEXT).write_text(report, encoding="utf-8")
    described = describe_verdict(verdict, champion=champion, dataset=dataset, data_hash=data_hash)
    write_json(folder / DECISION, described)


def write_report(verdict: Decided, *, field: str, champion: str, dataset: str) -> str:
    """Return the report in Markdown.

    Args:
        verdict: What came of the candidate.
        field: What it finds.
        champion: The name of the model in use, `starter`, `keyword` or `none`.
        dataset: The data it learned from, as the storage names them.
    """
    return "\n".join(_write_lines(verdict, field, champion, dataset)) + "\n"


def summarise(verdict: Decided) -> str:
    """Return what came of a candidate in a sentence or two: how many checks it passed, or what it failed."""
    failed = [check for check in verdict.checks if not check.passed]
    if not failed:
        return f"It passed all {len(verdict.checks)} checks."
    says = " ".join(check.says for check in failed)
    return f"It failed {len(failed)} of {len(verdict.checks)} checks: {says}"


def _write_lines(verdict: Decided, field: str, champion: str, dataset: str) -> Iterator[str]:
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
    yield "| Outcome | Check |"
    yield "|---|---|"
    for check in sorted(verdict.checks, key=lambda check: check.passed):
        yield f"| {'passed' if check.passed else '**failed**'} | {_escape(check.says)} |"
    yield ""
    yield (
        f"Learned from `{dataset}`. {verdict.n_items:,} issues of it have taught no model, neither this one nor any "
        "before. All were asked about these:"
    )
    yield ""
    columns = next((each.columns for each in verdict.figures.values()), ())
    yield f"| Who | {' | '.join(columns)} |"
    yield "|---" * (len(columns) + 1) + "|"
    for name, figures in verdict.figures.items():
        yield f"| {' | '.join((NAMES.get(name, name), *figures.show()))} |"


def _escape(text: str) -> str:
    """Return a text for a cell of a table: labels are what people named them."""
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def describe_verdict(verdict: Decided, *, champion: str, dataset: str, data_hash: str) -> dict[str, Any]:
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
        "figures": {name: each.describe() for name, each in verdict.figures.items()},
        "items_by_label": dict(verdict.supports),
    }
