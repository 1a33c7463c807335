"""Asks the models in use: a time-out, a circuit breaker for each target, and the rules where no model answers."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from bugflow.core.storage import Storage
from bugflow.ml.contract import Report
from bugflow.mlops.registry.versions import GLOBAL, TriageType
from bugflow.mlops.serving.breaker import Breaker, State
from bugflow.mlops.serving.judging import ask_model, find_costly_reasons, find_quick_reasons
from bugflow.mlops.serving.loading import ServedModel
from bugflow.mlops.serving.opinions import OFF, Ground, Opinion, Question
from bugflow.mlops.serving.options import ServingOptions
from bugflow.mlops.serving.pace import Pace
from bugflow.mlops.serving.rules import RULES, judge_by_rules
from bugflow.mlops.serving.shelf import Shelf
from bugflow.mlops.serving.workers import Task, Workers

log = structlog.get_logger()

SWITCHED_OFF = "Predictions of this field are switched off."
NO_MODEL = "There is no model for this, or it is not loaded yet, so the keyword rules speak."
PAUSED = "The model has failed several times and is left alone for a while, so the keyword rules speak."
FAILED = "The model has failed, so the keyword rules speak."
BUSY = "Too many reports are asked about at once, so the keyword rules speak."
TOO_SLOW = "The model did not answer in time, so the keyword rules speak."
HURRIED = "There was no time for the whole model, so only its members that look at words speak."

RIVALS_SELDOM = 5
"""It is looked so many times less often whether another version is to be tried."""


class Observer(Protocol):
    """Counts predictions, and reads what is to be watched when it is asked."""

    def watch(self, name: str, description: str, *, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Read a gauge, by values of one label, each time the measurements are asked for."""

    def observe_prediction(self, *, target: str, method: str, band: str) -> None:
        """Count an answer about one field."""

    def observe_predicting(self, *, seconds: float) -> None:
        """Note how long the answer about a report took."""


@dataclass(slots=True)
class Thinking:
    """What has been found out so far about one report; written by one thread, read by another."""

    report: Report
    asked: Mapping[TriageType, tuple[Question, ServedModel]]
    opinions: dict[TriageType, Opinion] = field(default_factory=dict)
    said: dict[TriageType, str] = field(default_factory=dict)
    failed: dict[TriageType, Exception] = field(default_factory=dict)
    reasons: dict[TriageType, tuple[Ground, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Serving:
    """Who answers about a target, for all projects.

    Attributes:
        problem: Why another model than the one that should is served; none where it is.
    """

    method: str
    version: str | None
    breaker: State
    problem: str | None

    @property
    def up_to_date(self) -> bool:
        """Whether the model that should be served is."""
        return self.problem is None


class ModelHost:
    """The models of a process. Asking never takes much longer than the time-out, and always gives an answer.

    Attributes:
        rivals: Those that are tried beside the ones in use; none for the rivals themselves.
    """

    def __init__(
        self, storage: Storage, options: ServingOptions, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._options = options
        self._breakers = {
            target: Breaker(failures=options.failures, pause_seconds=options.pause_seconds, clock=clock)
            for target in options.targets
        }
        self.shelf = Shelf(storage, options, on_change=lambda target: self._breakers[target].reset(), clock=clock)
        self._workers = Workers(options.threads)
        self._pace = Pace(options.quiet)
        self._observer: Observer | None = None
        self.rivals = None if options.serves == "challengers" else ModelHost(storage, self._try_others(), clock=clock)

    def _try_others(self) -> ServingOptions:
        return replace(
            self._options,
            serves="challengers",
            find_starter=lambda _: None,
            open_encoder=self.shelf.open_encoder,
            poll_seconds=self._options.poll_seconds * RIVALS_SELDOM,
        )

    def observe_with(self, observer: Observer) -> None:
        """Count from now on what is answered."""
        self._observer = observer
        observer.watch(
            "bugflow_prediction_breaker_open",
            "1 where the model is left alone after failures.",
            label="target",
            read=self.read_breakers,
        )
        observer.watch(
            "bugflow_encoder",
            "What the encoder of this process has done, and how long the latest calls took.",
            label="what",
            read=self.shelf.read_encoder,
        )
        observer.watch(
            "bugflow_model_cache",
            "How often a model was asked for and in memory or not, loaded, not loaded, let go.",
            label="what",
            read=self.shelf.read_counts,
        )
        observer.watch(
            "bugflow_model_bytes",
            "Bytes of the files of the models in memory.",
            label="model",
            read=lambda: {each.key: float(each.bytes) for each in self.shelf.list_loaded()},
        )
        observer.watch(
            "bugflow_model_age_seconds",
            "For how long the models in memory have been there.",
            label="model",
            read=lambda: {each.key: each.age_seconds for each in self.shelf.list_loaded()},
        )

    def start(self) -> None:
        """Begin to load models; until they are there the rules answer."""
        self.shelf.start()
        if self.rivals is not None:
            self.rivals.start()

    def load_now(self, targets: Collection[TriageType], *, scope: str) -> None:
        """Bring the models of a project up to date at once: for who can wait, and did not start the host."""
        for target in targets:
            self.shelf.find(target, scope)
        self.shelf.look()

    def list_tried(self, targets: Collection[TriageType], *, scope: str) -> frozenset[TriageType]:
        """Return for which of some targets a rival is in memory, so that it can be asked."""
        shelf = None if self.rivals is None else self.rivals.shelf
        return frozenset(each for each in targets if shelf is not None and shelf.find(each, scope) is not None)

    def stop(self) -> None:
        """Let every thread end."""
        if self.rivals is not None:
            self.rivals.stop()
        self.shelf.stop()
        self._workers.stop()

    def describe(self) -> dict[str, Serving]:
        """Return who answers about each target, for all projects."""
        found: dict[str, Serving] = {}
        for slot in self.shelf.list_slots():
            if slot.scope == GLOBAL and (slot.served is not None or slot.target in RULES):
                method = slot.served.method if slot.served is not None else "keyword"
                version = slot.served.version if slot.served is not None else None
                found[slot.target] = Serving(method, version, self._breakers[slot.target].state, slot.problem)
        return found

    def read_breakers(self) -> dict[str, float]:
        """Return by target 1 where the breaker is open or trying, 0 where calls go through."""
        return {target: float(each.state != "closed") for target, each in self._breakers.items()}

    def judge(
        self, report: Report, questions: Sequence[Question], *, scope: str = GLOBAL, explain: bool = True
    ) -> dict[TriageType, Opinion]:
        """Return what is thought of a report's fields; a field about which neither model nor rules know is left out.

        Call it without a database connection in hand: it may take as long as the time-out.

        Args:
            report: Any text.
            questions: Which fields.
            scope: The UUID of the report's project, whose own models come first.
            explain: Whether reasons are wanted.
        """
        started = time.perf_counter()
        self._pace.note()
        found: dict[TriageType, Opinion] = {}
        asked: dict[TriageType, tuple[Question, ServedModel]] = {}
        for question in questions:
            because = self._choose(question, scope, asked)
            if because == SWITCHED_OFF:
                found[question.target] = Opinion(label=None, band="unsure", method=OFF, because=because)
            elif because is not None:
                self._fall_back(found, question, report, because=because, explain=explain)
        if asked:
            self._ask_models(Thinking(report, asked), found, explain=explain)
        self._count(found, time.perf_counter() - started)
        return {each.target: found[each.target] for each in questions if each.target in found}

    def _choose(
        self, question: Question, scope: str, asked: dict[TriageType, tuple[Question, ServedModel]]
    ) -> str | None:
        """Add the model to be asked; return why there is none."""
        breaker = self._breakers.get(question.target)
        if breaker is None:
            return SWITCHED_OFF
        served = self.shelf.find(question.target, scope)
        if served is None:
            return NO_MODEL
        if not breaker.allows():
            return PAUSED
        asked[question.target] = question, served
        return None

    def _fall_back(
        self,
        found: dict[TriageType, Opinion],
        question: Question,
        report: Report,
        *,
        because: str,
        explain: bool,
    ) -> None:
        if question.target in RULES:
            found[question.target] = judge_by_rules(question, report, because=because, explain=explain)

    def _ask_models(self, thinking: Thinking, found: dict[TriageType, Opinion], *, explain: bool) -> None:
        task = self._workers.submit(lambda task: self._think(thinking, task, explain=explain))
        begun = task.begun.wait(self._options.queue_seconds)
        in_time = begun and task.answered.wait(self._options.timeout_seconds)
        if in_time and explain:
            task.done.wait(self._options.reasons_seconds)
        task.given_up.set()
        blameless = not begun and self._workers.still_seconds < self._options.timeout_seconds
        self._gather(thinking, found, because=BUSY if blameless else TOO_SLOW, explain=explain)

    def _gather(self, thinking: Thinking, found: dict[TriageType, Opinion], *, because: str, explain: bool) -> None:
        """Take what was found out; of those that did not answer, the first was the one to be waited for."""
        opinions, failed, reasons = dict(thinking.opinions), dict(thinking.failed), dict(thinking.reasons)
        blamed = because == BUSY
        for target, (question, _) in thinking.asked.items():
            if target in opinions:
                self._note_success(target)
                found[target] = replace(opinions[target], reasons=reasons.get(target))
                continue
            if target in failed:
                self._note_failure(target, failed[target])
            elif blamed:
                self._breakers[target].note_nothing()
            else:
                blamed = True
                self._note_failure(target, None)
            if target not in failed and self._hurry(found, thinking, target):
                continue
            why = FAILED if target in failed else because
            self._fall_back(found, question, thinking.report, because=why, explain=explain)

    def _hurry(self, found: dict[TriageType, Opinion], thinking: Thinking, target: TriageType) -> bool:
        """Ask those members that answer at once, in the thread that waits; return whether there are any."""
        question, served = thinking.asked[target]
        hurried = served.hurried
        if hurried is None:
            return False
        try:
            opinion, _ = ask_model(hurried, question, thinking.report)
        except Exception as error:  # noqa: BLE001 -- The edge to learned models: whatever fails, the rules answer.
            log.warning("prediction_failed", target=target, error=str(error), kind=type(error).__name__)
            return False
        found[target] = replace(opinion, because=opinion.because or HURRIED)
        return True

    def _think(self, thinking: Thinking, task: Task, *, explain: bool) -> None:
        for target, (question, served) in thinking.asked.items():
            if task.given_up.is_set():
                return
            try:
                opinion, said = ask_model(served, question, thinking.report)
            except Exception as error:  # noqa: BLE001 -- The edge to learned models: whatever fails, the rules answer.
                thinking.failed[target] = error
            else:
                thinking.said[target] = said
                thinking.opinions[target] = opinion
        task.answered.set()
        if explain:
            self._explain(thinking, task)

    def _explain(self, thinking: Thinking, task: Task) -> None:
        costly = []
        try:
            for target, opinion in list(thinking.opinions.items()):
                if self._workers.waiting:
                    return
                if opinion.band == "unsure":
                    thinking.reasons[target] = ()
                    continue
                served, said = thinking.asked[target][1], thinking.said[target]
                quick = find_quick_reasons(served, thinking.report, said)
                if quick or served.explains_quickly:
                    thinking.reasons[target] = quick
                if not served.explains_quickly:
                    costly.append((target, served, said))
            for target, served, said in costly:
                if task.given_up.is_set() or not self._pace.is_quiet():
                    return
                thinking.reasons[target] = find_costly_reasons(served, thinking.report, said)
        except Exception as error:  # noqa: BLE001 -- The same: an answer without reasons is an answer.
            log.warning("prediction_not_explained", error=str(error), kind=type(error).__name__)

    def _note_success(self, target: TriageType) -> None:
        if self._breakers[target].note_success():
            log.info("prediction_breaker_closed", target=target)

    def _note_failure(self, target: TriageType, error: Exception | None) -> None:
        told = "too slow" if error is None else str(error)
        log.warning("prediction_failed", target=target, error=told, kind=type(error).__name__ if error else None)
        if self._breakers[target].note_failure():
            log.error("prediction_breaker_opened", target=target, pause_seconds=self._options.pause_seconds)

    def _count(self, found: Mapping[TriageType, Opinion], seconds: float) -> None:
        if self._observer is None:
            return
        self._observer.observe_predicting(seconds=seconds)
        for target, opinion in found.items():
            self._observer.observe_prediction(target=target, method=opinion.method, band=opinion.band)
