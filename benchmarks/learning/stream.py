r"""Simulates people who correct a stream of real reports, and models that learn from that.

    PYTHONPATH=benchmarks/duplicates:benchmarks/learning python benchmarks/learning/stream.py --models DIR \
        --data ../shared/data/issues/titanium_jira.parquet --figures FILE --plot FILE

The component of the first issues is set by hand, and a first model learns from them. Of those that follow, it fills
in its best guess; a manager looks at a share of them and corrects what is wrong, or confirms it. After every 50
corrections a candidate is made, judged by the gate and used or not, all on a database by the product's own path. Beside
it the first model stays as it is. At the end one account says something wrong of the latest issues, and a candidate
learns from that.
"""

import argparse
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from offices import FIELD, SYSTEM, Office, draw, open_office
from plotting import Line, Panel
from plotting import draw as draw_panels

from bugflow.ml.contract import Encoder
from bugflow.ml.encoder.keeping import open_kept_encoder
from bugflow.ml.triage.examples import Examples, read_examples
from bugflow.ml.triage.model import TriageModel
from bugflow.mlops.promotion.answers import ask_model
from bugflow.mlops.promotion.gate import Answers, measure
from bugflow.mlops.promotion.service import use_model
from bugflow.mlops.training.candidates import Candidate, make_candidate
from bugflow.mlops.training.contract import Order, Surroundings
from bugflow.mlops.training.keeping import keep_candidate
from bugflow.mlops.training.triage import Wishes

AT_ONCE = 25


@dataclass(frozen=True)
class Plan:
    """How a simulation goes.

    Attributes:
        first: How many issues are labelled by hand.
        looked_at: Which share of the others the manager looks at, in [0, 1].
        mistaken: Which share of what he says is wrong.
        every: After so many corrections a candidate is made.
        ahead: On how many of the following issues models are compared.
    """

    first: int
    looked_at: float
    mistaken: float
    every: int
    ahead: int
    wishes: Wishes


@dataclass
class Course:
    """How it went so far."""

    model: TriageModel
    corrections: int = 0
    points: list[dict[str, Any]] = field(default_factory=list)
    candidates: list[dict[str, Any]] = field(default_factory=list)


def make(office: Office, plan: Plan, encoder: Encoder | None) -> Candidate:
    """Make a candidate of what people said by now."""
    around = Surroundings(
        database=office.database,
        storage=office.storage,
        encoder=encoder,
        find_starter=lambda _: None,
        cache_folder=office.folder / "fetched",
    )
    return make_candidate(Order(target=FIELD, now=office.tick(), wishes=plan.wishes), around)


def use(office: Office, candidate: Candidate) -> None:
    """Keep a candidate and use it."""
    version = keep_candidate(office.storage, candidate)
    with office.database.transaction() as session:
        use_model(session, office.storage, FIELD, version, actor=SYSTEM, now=office.tick(), reason="Simulated.")


def list_failed(candidate: Candidate) -> list[str]:
    """Return the names of the checks that a candidate failed."""
    return [check.name for check in candidate.verdict.checks if not check.passed]


def compare(model: TriageModel, data: Examples, start: int, ahead: int) -> dict[str, float | None]:
    """Return how good a model is on the issues that follow, by what is truly theirs."""
    rows: NDArray[np.int_] = np.arange(start, min(start + ahead, len(data)))
    chosen = data.take(rows)
    said: Answers = ask_model(model, chosen.reports, sorted(set(data.labels)))
    figures = measure(np.array(chosen.labels, dtype=np.str_), said)
    return {"accuracy": figures.accuracy, "coverage": figures.coverage, "precision": figures.precision}


def simulate(office: Office, data: Examples, plan: Plan, encoder: Encoder | None) -> Course:
    """Let issues come one after the other, but for the last, on which models are compared; return how it went."""
    generator = np.random.default_rng(plan.wishes.seed)
    rows: NDArray[np.int_] = np.arange(plan.first)
    by_hand = data.take(rows)
    office.file(by_hand.reports, by_hand.labels, [None] * plan.first)
    first = make(office, plan, encoder)
    use(office, first)
    course = Course(first.model)
    _note(course, first.model, data, plan.first, plan)
    due = plan.every
    for start in range(plan.first, len(data) - plan.ahead, AT_ONCE):
        _take_in(office, course, data.take(np.arange(start, start + AT_ONCE)), plan, generator)
        if course.corrections >= due:
            due = course.corrections + plan.every
            candidate = make(office, plan, encoder)
            failed = list_failed(candidate)
            course.candidates.append({"corrections": course.corrections, "failed": failed})
            if not failed:
                use(office, candidate)
                course.model = candidate.model
            _note(course, first.model, data, start + AT_ONCE, plan)
    return course


def _take_in(office: Office, course: Course, block: Examples, plan: Plan, generator: np.random.Generator) -> None:
    labels = sorted(course.model.classes)
    said = ask_model(course.model, block.reports, labels).labels.tolist()
    numbers = office.file(block.reports, block.labels, said)
    looked: NDArray[np.int_] = np.flatnonzero(generator.random(len(said)) < plan.looked_at)
    old, new = [said[row] for row in looked], [block.labels[row] for row in looked]
    new = [str(generator.choice(labels)) if draw(generator, plan.mistaken) else label for label in new]
    office.say([numbers[row] for row in looked], old, new, actor=office.manager)
    course.corrections += sum(before != label for before, label in zip(old, new, strict=True))


def _note(course: Course, first: TriageModel, data: Examples, start: int, plan: Plan) -> None:
    point = {
        "corrections": course.corrections,
        "issues": start,
        "learning": compare(course.model, data, start, plan.ahead),
        "frozen": compare(first, data, start, plan.ahead),
    }
    course.points.append(point)
    print(json.dumps(point | {"candidate": course.candidates[-1:]}), flush=True)


def poison(office: Office, data: Examples, plan: Plan, encoder: Encoder | None, count: int) -> dict[str, Any]:
    """Return what comes of a candidate after one account said something wrong of the latest issues."""
    with TemporaryDirectory() as place:
        harmed = office.copy(Path(place) / "office")
        harmed.flip_latest(count)
        candidate = make(harmed, plan, encoder)
        harmed.database.dispose()
    failed, after = list_failed(candidate), compare(candidate.model, data, len(data) - plan.ahead, plan.ahead)
    return {"flipped": count, "failed": failed, "labelled": candidate.evaluation.n_train, **after}


def choose_issues(examples: Examples, project: str | None, most: int) -> Examples:
    """Return the newest issues, of one project where one is named; labels that differ in case are one."""
    rows = [
        row for row, report in enumerate(examples.reports) if project is None or report.fields.get("project") == project
    ]
    chosen = examples.take(np.array(rows[-most:], dtype=np.int_))
    spelt: dict[str, str] = {}
    labels = [spelt.setdefault(label.casefold(), label) for label in chosen.labels]
    return replace(chosen, labels=tuple(labels))


def plot(points: list[dict[str, Any]]) -> str:
    """Return accuracy, coverage and precision against corrections, as SVG."""
    panels = []
    for name in ("accuracy", "coverage", "precision"):
        lines = []
        for who in ("learning", "frozen"):
            known = [each for each in points if each[who][name] is not None]
            if len(known) > 1:
                values = [each[who][name] for each in known]
                lines.append(Line(who, [each["corrections"] for each in known], values))
        if lines:
            panels.append(Panel(name, lines, is_linear=True))
    return draw_panels(panels, across="corrections")


def main() -> None:
    """Simulate, poison, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--project", help="Only the issues of one project.")
    parser.add_argument("--models", type=Path, help="Where the encoder and its vectors are kept; without, by words.")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--issues", type=int, default=3000, help="The newest so many of those with a component.")
    parser.add_argument("--first", type=int, default=500, help="So many are labelled by hand.")
    parser.add_argument("--every", type=int, default=50, help="Corrections between trainings.")
    parser.add_argument("--looked-at", type=float, default=1.0, help="Share of the issues that the manager looks at.")
    parser.add_argument("--mistaken", type=float, default=0.0, help="Share of what he says that is wrong.")
    parser.add_argument("--ahead", type=int, default=500, help="Issues that follow, on which models are compared.")
    parser.add_argument("--poisoned", type=int, nargs="*", default=[0, 25, 50, 100, 200])
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--plot", type=Path)
    chosen = parser.parse_args()
    data = choose_issues(read_examples(chosen.data, FIELD)[0], chosen.project, chosen.issues)
    encoder = None if chosen.models is None else open_kept_encoder(chosen.models)
    plan = Plan(
        chosen.first, chosen.looked_at, chosen.mistaken, chosen.every, chosen.ahead, Wishes(backend=chosen.backend)
    )
    with TemporaryDirectory() as place:
        office = open_office(Path(place) / "office", data.labels)
        course = simulate(office, data, plan, encoder)
        harmed = [poison(office, data, plan, encoder, count) for count in chosen.poisoned]
    for each in harmed:
        print(json.dumps(each), flush=True)
    if chosen.figures is not None:
        content = {"points": course.points, "candidates": course.candidates, "poisoned": harmed}
        chosen.figures.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if chosen.plot is not None:
        chosen.plot.write_text(plot(course.points), encoding="utf-8")


if __name__ == "__main__":
    main()
