"""What the models say about a report: everything is read first, and no connection is held while they think."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from bugflow.assist.intake.prediction_schemas import PredictionRead
from bugflow.assist.intake.service import choose_project
from bugflow.assist.intake.titles import derive_title
from bugflow.core.clock import utc_now
from bugflow.ml.contract import Report
from bugflow.mlops.predictions.entries import Entry, Part, Subject, digest_draft, list_entries
from bugflow.mlops.predictions.service import key_of
from bugflow.mlops.predictions.writing import PredictionLog
from bugflow.mlops.promotion.sides import choose_challenged, list_tried
from bugflow.mlops.registry.versions import TriageType
from bugflow.mlops.serving.host import ModelHost
from bugflow.mlops.serving.opinions import OFF, Opinion, Question
from bugflow.mlops.serving.rules import judge_by_rules
from bugflow.mlops.switches.queries import list_switched_off
from bugflow.tracker.accounts.actor import Actor, require_user_id
from bugflow.tracker.issues.queries import view_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.issues.vocabulary import PRIORITIES
from bugflow.tracker.projects.tables import Project
from bugflow.tracker.projects.vocabularies import list_components, list_severities, list_teams
from bugflow.tracker.search.similar import SimilarIssue, find_similar

LONGEST_READ = 100_000
"""Characters of a report that models look at; what is told later rarely says what the bug is."""
SWITCHED_OFF = "Predictions are switched off for this project."
FIELD_OFF = "Somebody who may choose models has switched off predictions of this field."


@dataclass(frozen=True, slots=True)
class Case:
    """A report and all that the database says about it.

    Attributes:
        subject: What the ledger of predictions knows it by.
        scope: The UUID of its project.
        switched_on: Whether its project wants predictions.
        questions: Which fields are to be found, and their possible labels.
        challenged: Fields that the version that is tried answers about this report, where it is in memory.
        off: Fields whose predictions somebody has switched off, for this project or for all.
    """

    subject: Subject
    report: Report
    scope: str
    switched_on: bool
    questions: tuple[Question, ...]
    similar: Sequence[SimilarIssue]
    off: frozenset[str] = frozenset()
    challenged: frozenset[str] = frozenset()


Revise = Callable[[Case, Mapping[TriageType, Opinion]], dict[TriageType, Opinion]]
"""Takes a report and what models think of it; returns what is thought when others were heard."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom one asks about a report, and where it is noted.

    Attributes:
        models: Those in use and those that are tried.
        revise: Hears corrections of similar reports, as far as the one who asks may see them.
        log: Of what was said.
    """

    models: ModelHost
    revise: Revise
    log: PredictionLog


def read_draft(
    session: Session, actor: Actor, *, description: str, project_reference: str | None, title: str | None
) -> Case:
    """Read what is to be known about a report that nobody has made yet.

    Raises:
        ProjectNeededError: No project is named, and there is more than one.
        ProjectNotFoundError: There is no such project.
        NoUserError: The actor is the installation itself.
    """
    project = choose_project(session, actor, project_reference)
    text = description[:LONGEST_READ]
    named = title or derive_title(text)
    report = Report(named, text, {"project": project.key, "issue_type": "bug"})
    key = digest_draft(reporter_id=require_user_id(actor), project_id=project.id, description=description)
    subject = Subject(project_id=project.id, issue_id=None, draft_key=key)
    return _build_case(session, project, report, subject=subject, similar=find_similar(session, actor, named, text))


def read_issue(session: Session, actor: Actor, issue: Issue, *, with_similar: bool = True) -> Case:
    """Read what is to be known about an issue; only older ones are similar to it."""
    view = view_issue(session, issue)
    text = join_description(issue.description, issue.stack_trace)
    fields = {"project": view.project.key, "issue_type": issue.issue_type}
    if view.component is not None:
        fields["component"] = view.component.name
    similar = find_similar(session, actor, issue.title, text, before_id=issue.id) if with_similar else ()
    subject = Subject(project_id=issue.project_id, issue_id=issue.id, draft_key=key_of(issue))
    report = Report(issue.title, text, fields)
    return _build_case(session, view.project, report, subject=subject, similar=similar)


def join_description(description: str, stack_trace: str) -> str:
    """Return what is read of a report beside its title."""
    return "\n".join(part for part in (description, stack_trace) if part)[:LONGEST_READ]


def _build_case(
    session: Session, project: Project, report: Report, *, subject: Subject, similar: Sequence[SimilarIssue]
) -> Case:
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
    off = list_switched_off(session, project.id)
    scope = str(project.uuid)
    challenged = choose_challenged(list_tried(session, scope, stage="ab").values(), subject.draft_key or "")
    return Case(subject, report, scope, project.predictions, asked, similar, off, challenged)


def predict(asking: Asking, case: Case, *, explain: bool) -> PredictionRead:
    """Return what is thought of a report, and note it; call it without a database connection in hand."""
    started = time.perf_counter()
    asked = [each for each in case.questions if case.switched_on and each.target not in case.off]
    models = asking.models
    tried = models.list_tried([each.target for each in asked if each.target in case.challenged], scope=case.scope)
    judged = _ask(models, case, [each for each in asked if each.target not in tried], explain=explain)
    challenged = [each for each in asked if each.target in tried]
    rivals = _ask(models.rivals or models, case, challenged, explain=explain)
    revised = asking.revise(case, judged | rivals)
    latency_ms = (time.perf_counter() - started) * 1000
    parts: Mapping[Part, Mapping[TriageType, Opinion]] = {"champion": judged, "ab": rivals}
    for part, own in parts.items():
        asking.log.note(_list_entries(case, own, revised, part=part, latency_ms=latency_ms))
    because = FIELD_OFF if case.switched_on else SWITCHED_OFF
    off = Opinion(label=None, band="unsure", method=OFF, because=because)
    silent = {each.target: off for each in case.questions if each not in asked}
    said = silent | revised
    opinions = {each.target: said[each.target] for each in case.questions if each.target in said}
    labels = {question.target: question.labels for question in case.questions}
    return PredictionRead.of(
        severity=_choose_label(case.report, "severity", labels.get("severity", ()), opinions),
        team=_choose_label(case.report, "team", labels.get("team", ()), opinions),
        opinions=opinions,
        similar=case.similar,
    )


def _list_entries(
    case: Case,
    own: Mapping[TriageType, Opinion],
    revised: Mapping[TriageType, Opinion],
    *,
    part: Part,
    latency_ms: float,
) -> list[Entry]:
    """Return what a part has said, and what was shown in its place where corrections of similar reports were heard.

    That is no model's opinion, and counts for none.
    """
    heard = {target: replace(revised[target], model_version=None) for target in own if revised[target] != own[target]}
    left = {target: opinion for target, opinion in own.items() if target not in heard}
    unseen = {target: opinion for target, opinion in own.items() if target in heard}
    return [
        entry
        for opinions, shown in ((left, True), (unseen, False), (heard, True))
        for entry in list_entries(case.subject, opinions, part=part, shown=shown, latency_ms=latency_ms, now=utc_now())
    ]


def _ask(models: ModelHost, case: Case, questions: Sequence[Question], *, explain: bool) -> dict[TriageType, Opinion]:
    return models.judge(case.report, questions, scope=case.scope, explain=explain) if questions else {}


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
