"""What the models say about a report: everything is read first, and no connection is held while they think."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from bugflow.assist.intake.prediction_schemas import PredictionRead
from bugflow.assist.intake.service import choose_project
from bugflow.assist.intake.titles import derive_title
from bugflow.ml.contract import Report
from bugflow.mlops.registry.versions import TriageType
from bugflow.mlops.serving.host import ModelHost
from bugflow.mlops.serving.opinions import OFF, Opinion, Question
from bugflow.mlops.serving.rules import judge_by_rules
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.queries import view_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.issues.vocabulary import PRIORITIES
from bugflow.tracker.projects.tables import Project
from bugflow.tracker.projects.vocabularies import list_components, list_severities, list_teams
from bugflow.tracker.search.similar import SimilarIssue, find_similar

LONGEST_READ = 100_000
"""Characters of a report that models look at; what is told later rarely says what the bug is."""
SWITCHED_OFF = "Predictions are switched off for this project."


@dataclass(frozen=True, slots=True)
class Case:
    """A report and all that the database says about it.

    Attributes:
        scope: The UUID of its project.
        switched_on: Whether its project wants predictions.
        questions: Which fields are to be found, and their possible labels.
    """

    report: Report
    scope: str
    switched_on: bool
    questions: tuple[Question, ...]
    similar: Sequence[SimilarIssue]


def read_draft(
    session: Session, actor: Actor, *, description: str, project_reference: str | None, title: str | None
) -> Case:
    """Read what is to be known about a report that nobody has made yet.

    Raises:
        ProjectNeededError: No project is named, and there is more than one.
        ProjectNotFoundError: There is no such project.
    """
    project = choose_project(session, actor, project_reference)
    text = description[:LONGEST_READ]
    named = title or derive_title(text)
    report = Report(named, text, {"project": project.key, "issue_type": "bug"})
    return _build_case(session, project, report, find_similar(session, actor, named, text))


def read_issue(session: Session, actor: Actor, issue: Issue) -> Case:
    """Read what is to be known about an issue; only older ones are similar to it."""
    view = view_issue(session, issue)
    text = join_description(issue.description, issue.stack_trace)
    fields = {"project": view.project.key, "issue_type": issue.issue_type}
    if view.component is not None:
        fields["component"] = view.component.name
    similar = find_similar(session, actor, issue.title, text, before_id=issue.id)
    return _build_case(session, view.project, Report(issue.title, text, fields), similar)


def join_description(description: str, stack_trace: str) -> str:
    """Return what is read of a report beside its title."""
    return "\n".join(part for part in (description, stack_trace) if part)[:LONGEST_READ]


def _build_case(session: Session, project: Project, report: Report, similar: Sequence[SimilarIssue]) -> Case:
    severities = tuple(each.name for each in list_severities(session, project.id))
    teams = tuple(each.name for each in list_teams(session, project.id))
    components = tuple(each.name for each in list_components(session, project.id))
    questions = (
        Question("severity", severities),
        Question("team", teams),
        Question("component", components),
        Question("priority", PRIORITIES),
    )
    asked = tuple(each for each in questions if each.labels)
    return Case(report, str(project.uuid), project.predictions, asked, similar)


def predict(models: ModelHost, case: Case, *, explain: bool) -> PredictionRead:
    """Return what is thought of a report; call it without a database connection in hand."""
    if case.switched_on:
        opinions = models.judge(case.report, case.questions, scope=case.scope, explain=explain)
    else:
        off = Opinion(label=None, band="unsure", method=OFF, because=SWITCHED_OFF)
        opinions = {question.target: off for question in case.questions}
    labels = {question.target: question.labels for question in case.questions}
    return PredictionRead.of(
        severity=_choose_label(case.report, "severity", labels.get("severity", ()), opinions),
        team=_choose_label(case.report, "team", labels.get("team", ()), opinions),
        opinions=opinions,
        similar=case.similar,
    )


def _choose_label(
    report: Report, target: TriageType, labels: Sequence[str], opinions: dict[TriageType, Opinion]
) -> str | None:
    """Return the best guess; where there is none, the milder of the middle severities, or the first team."""
    if not labels:
        return None
    opinion = opinions.get(target)
    if opinion is not None and opinion.method != OFF:
        guess = opinion.label or judge_by_rules(Question(target, labels), report, because="", explain=False).label
        if guess is not None:
            return guess
    return labels[(len(labels) - 1) // 2] if target == "severity" else labels[0]
