"""Judging an issue for the ledger, unseen: by the models of a process, or by a single one that is being tried."""

import time
from collections.abc import Collection
from datetime import datetime

from bugflow.assist.intake.predicting import Case
from bugflow.mlops.predictions.entries import Entry, Part, list_entries
from bugflow.mlops.registry.versions import TRIAGE_TYPES, TriageType
from bugflow.mlops.serving.host import ModelHost
from bugflow.mlops.serving.judging import ask_model
from bugflow.mlops.serving.loading import ServedModel
from bugflow.mlops.serving.opinions import Opinion, Question


def judge_with(
    judge: ModelHost | ServedModel,
    case: Case,
    *,
    part: Part,
    now: datetime,
    fields: Collection[TriageType] = TRIAGE_TYPES,
) -> list[Entry]:
    """Return what is thought of a case, as entries that nobody has seen; none where predictions are switched off.

    Call it without a database connection in hand.

    Args:
        judge: The models of a process, which always answer; or one model, whose errors are the caller's.
        case: What was read of the issue.
        part: What the judge is there for.
        now: The moment.
        fields: Which fields are wanted; one model answers about its own at most.
    """
    questions = [each for each in case.questions if each.target in fields]
    if not case.switched_on or not questions:
        return []
    started = time.perf_counter()
    opinions = _ask_host(judge, case, questions) if isinstance(judge, ModelHost) else _ask_one(judge, case, questions)
    latency_ms = (time.perf_counter() - started) * 1000
    return list_entries(case.subject, opinions, part=part, shown=False, latency_ms=latency_ms, now=now)


def _ask_host(models: ModelHost, case: Case, questions: list[Question]) -> dict[TriageType, Opinion]:
    models.load_now([each.target for each in questions], scope=case.scope)
    return models.judge(case.report, questions, scope=case.scope, explain=False)


def _ask_one(served: ServedModel, case: Case, questions: list[Question]) -> dict[TriageType, Opinion]:
    return {
        each.target: ask_model(served, each, case.report)[0] for each in questions if each.target == served.model.target
    }
