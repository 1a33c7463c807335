"""Corrections that count at once: what people said of reports much like the one that is asked about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, cast

import numpy as np
import structlog
from fastapi import Depends, Request
from numpy.typing import NDArray
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from bugflow.assist.intake.corrected import Corrected, CorrectedReports
from bugflow.assist.intake.predicting import Asking, Case
from bugflow.core.database import Database
from bugflow.core.settings import Settings
from bugflow.ml.contract import Encoder, Vectors
from bugflow.ml.duplicates.profiles import join_text
from bugflow.ml.encoder.sharing import SharedEncoder
from bugflow.ml.text import clean_report
from bugflow.ml.triage.encoded import LONGEST_PROSE, LONGEST_RAW
from bugflow.ml.triage.neighbours import HEARING, Neighbour, Vote, join_parts, vote
from bugflow.mlops.corrections.tables import Correction
from bugflow.mlops.predictions.dependencies import PredictionLogDep
from bugflow.mlops.registry.versions import TriageType, read_moment
from bugflow.mlops.serving.breaker import Breaker
from bugflow.mlops.serving.dependencies import ModelsDep
from bugflow.mlops.serving.host import ModelHost
from bugflow.mlops.serving.labels import fit_label
from bugflow.mlops.serving.opinions import OFF, Ground, Opinion, Question
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.issues.queries import visible_to
from bugflow.tracker.issues.tables import Issue, IssueChange

log = structlog.get_logger()

NEARBY = "nearby"
"""How answers name what neighbours said, beside the model that was asked first."""
FIRST_LOOK = 0.65
"""From this cosine on, of what models had encoded already, the whole text is encoded as well."""
MOST_NEAR, MOST_NAMED = 20, 3
WAIT_SECONDS = 0.05
"""For the encoder: an answer does not wait longer for its neighbours."""
FAILURES, PAUSE_SECONDS = 3, 5.0


class NearbyCorrections:
    """Hears in a process what people said of similar reports; without an encoder it hears nothing."""

    def __init__(self, database: Database, *, find_encoder: Callable[[], Encoder | None], enabled: bool = True) -> None:
        """Take what is asked.

        Args:
            database: Whose corrections.
            find_encoder: Returns what makes the vectors of reports, where it is loaded.
            enabled: Whether at all.
        """
        self._database = database
        self._find_encoder = find_encoder
        self._enabled = enabled
        self._corrected = CorrectedReports(database)
        self._breaker = Breaker(failures=FAILURES, pause_seconds=PAUSE_SECONDS)

    def revise(self, actor: Actor, case: Case, opinions: Mapping[TriageType, Opinion]) -> dict[TriageType, Opinion]:
        """Return what is thought of a report's fields after people's corrections of similar ones were heard.

        Only corrections count that the actor may see, of the report's own project, that no model in use has learned
        from and nobody has changed since. Call it without a database connection in hand.
        """
        found = dict(opinions)
        encoder = self._find_encoder()
        if not (self._enabled and case.switched_on) or encoder is None:
            return found
        corrected = self._corrected.read(case.subject.project_id, encoder.name)
        if corrected is None:
            return found
        near = self._find_near(case, corrected, encoder)
        asked = {question.target: question for question in case.questions}
        wanted = {
            target: numbers
            for target in asked
            if getattr(opinions.get(target), "method", None) != OFF
            and (numbers := _choose(near, corrected, target, opinions.get(target)))
        }
        if not wanted:
            return found
        with self._database.snapshot() as session:
            heard = {
                target: _read_neighbours(session, actor, numbers, near, asked[target])
                for target, numbers in wanted.items()
            }
        for target, neighbours in heard.items():
            revised = _revise(opinions.get(target), neighbours)
            if revised is not None:
                found[target] = revised
        return found

    def _find_near(self, case: Case, corrected: Corrected, encoder: Encoder) -> dict[int, float]:
        """Return the cosines of the issues whose texts are near, by number; none where the encoder has no time."""
        cleaned = clean_report(case.report.title, case.report.description[:LONGEST_RAW])
        parts = self._encode(encoder, [part for part in (cleaned.title, cleaned.prose[:LONGEST_PROSE]) if part])
        if parts is None:
            return {}
        likely: NDArray[np.int64] = np.flatnonzero(corrected.texts @ join_parts(parts) >= FIRST_LOOK)
        likely = likely[corrected.issue_ids[likely] != (case.subject.issue_id or 0)]
        text = self._encode(encoder, [join_text(cleaned)] if len(likely) else [])
        if text is None:
            return {}
        cosines = corrected.texts[likely] @ text[0]
        order = np.argsort(-cosines, kind="stable")[:MOST_NEAR]
        return {
            int(corrected.issue_ids[likely[row]]): float(cosines[row])
            for row in order
            if cosines[row] >= HEARING.farthest
        }

    def _encode(self, encoder: Encoder, texts: Sequence[str]) -> Vectors | None:
        if not texts or not self._breaker.allows():
            return None
        try:
            if isinstance(encoder, SharedEncoder):
                vectors = encoder.encode_within(texts, WAIT_SECONDS)
            else:
                vectors = encoder.encode(texts)
        except Exception as error:  # noqa: BLE001 -- The edge to the encoder: the model's opinion stands.
            self._breaker.note_failure()
            log.info("nearby_corrections_not_heard", error=str(error), kind=type(error).__name__)
            return None
        self._breaker.note_success()
        return vectors


def _choose(
    near: Mapping[int, float], corrected: Corrected, target: TriageType, opinion: Opinion | None
) -> dict[int, int]:
    """Return of which near issues the model has not learned what was said: the correction's number by the issue's."""
    learned = read_moment(opinion.model_version) if opinion is not None and opinion.model_version else None
    since = float("-inf") if learned is None else learned.timestamp()
    said = corrected.said.get(target, {})
    return {each: said[each].correction_id for each in near if each in said and said[each].at > since}


def _read_neighbours(
    session: Session, actor: Actor, numbers: Mapping[int, int], near: Mapping[int, float], question: Question
) -> list[Neighbour]:
    """Return what the actor may see of corrections, and nobody has changed since, in the project's labels."""
    changed = exists().where(
        IssueChange.issue_id == Correction.issue_id,
        IssueChange.field == Correction.field,
        IssueChange.at > Correction.created_at,
    )
    statement = (
        select(Issue.id, Issue.key, Correction.new_value)
        .join(Correction, Correction.issue_id == Issue.id)
        .where(Correction.id.in_(numbers.values()), visible_to(actor), ~changed)
    )
    found = []
    for issue_id, key, value in session.execute(statement):
        label = fit_label(question.target, value, question.labels)
        if label is not None:
            found.append(Neighbour(key, label, near[issue_id]))
    return found


def _revise(opinion: Opinion | None, neighbours: Sequence[Neighbour]) -> Opinion | None:
    """Return what is thought when neighbours were heard; none where they change nothing."""
    own = None if opinion is None else opinion.label
    heard = vote(neighbours, own=own, is_sure=opinion is not None and opinion.band == "sure")
    if heard is None:
        return None
    if opinion is None:
        return Opinion(
            label=heard.label, band="suggested", method=NEARBY, because=_explain(heard, None), reasons=_ground(heard)
        )
    if heard.label == own:
        if opinion.band != "unsure":
            return None
        return replace(opinion, band="suggested", because=_explain(heard, None), method=_name(opinion))
    return replace(
        opinion,
        label=heard.label,
        confidence=None,
        runner_up=own,
        runner_up_confidence=opinion.confidence,
        band="suggested",
        threshold=None,
        method=_name(opinion),
        because=_explain(heard, own),
        reasons=None if opinion.reasons is None else _ground(heard),
    )


def _name(opinion: Opinion) -> str:
    return f"{opinion.method}+{NEARBY}"


def _ground(heard: Vote) -> tuple[Ground, ...]:
    return tuple(Ground("issue", each.name, None) for each in heard.speakers[:MOST_NAMED])


def _explain(heard: Vote, own: str | None) -> str:
    """Return in a sentence whose corrections speak."""
    count = len(heard.speakers)
    named = ", ".join(each.name for each in heard.speakers[:MOST_NAMED])
    many = "a similar issue was" if count == 1 else f"{count} similar issues were"
    told = f"Since the model learned, {many} corrected or confirmed as {heard.label} ({named}"
    told += f" and {count - MOST_NAMED} more)." if count > MOST_NAMED else ")."
    return told if own is None else f"{told} The model alone would say {own}."


def build_nearby(settings: Settings, database: Database, models: ModelHost) -> NearbyCorrections:
    """Return what hears corrections in a process; nothing is read before it is asked."""
    return NearbyCorrections(database, find_encoder=models.shelf.find_encoder, enabled=settings.nearby_corrections)


async def get_asking(request: Request, actor: ActorDep, models: ModelsDep, log: PredictionLogDep) -> Asking:
    """Return whom one asks about a report; corrections are heard as far as the one who asks may see them."""
    nearby = cast("NearbyCorrections", request.app.state.nearby)
    return Asking(models, partial(nearby.revise, actor), log)


AskingDep = Annotated[Asking, Depends(get_asking)]
