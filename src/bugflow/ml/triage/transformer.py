"""A pre-trained encoder that is fine-tuned to a target, and served without PyTorch."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bugflow.ml.artifacts import ArtifactError, read_json, write_json
from bugflow.ml.contract import Encoder, Probabilities, Reason, Report
from bugflow.ml.explanation import weigh_omissions
from bugflow.ml.finetuning.finetuning import fine_tune
from bugflow.ml.finetuning.options import FineTuningOptions
from bugflow.ml.finetuning.serving import NETWORK, TOKENIZER, ServedNetwork
from bugflow.ml.finetuning.training import Tell
from bugflow.ml.text import clean_report

FORMAT = 1
DESCRIPTION = "classifier.json"
LONGEST_RAW, LONGEST_PROSE = 20_000, 4_000
"""Characters of a description that are cleaned, and of the reporter's words in it that are read."""
MOST_WORDS, LEAST_WORDS, MOST_TOKENS_TOGETHER = 32, 8, 4_096
"""Different words that are left out in turn, at most and at least; and tokens in all in the batch that they make."""
_WORD = re.compile(r"[^\W_][\w'-]*")


def _tell_nobody(step: int, steps: int, figures: Mapping[str, float]) -> None:
    """Say nothing about a training."""


class TransformerClassifier:
    """One network from a report's title and words to its label.

    Attributes:
        classes_: The labels, by name.
        description_: What is known about the training: base, steps, scores on what was held out, precision.
    """

    classes_: tuple[str, ...]
    description_: Mapping[str, Any]

    def __init__(
        self,
        options: FineTuningOptions,
        work_folder: Path,
        *,
        tell: Tell = _tell_nobody,
        batch_size: int = 1,
        threads: int = 1,
    ) -> None:
        """Take how to train and where checkpoints are kept, and how many reports are judged together and at once."""
        self._options = options
        self._work_folder = work_folder
        self._tell = tell
        self._batch_size = batch_size
        self._threads = threads

    def fit(self, reports: Sequence[Report], labels: Sequence[str]) -> Self:
        """Fine-tune the base model, going on where the same training was killed before.

        Raises:
            BaseModelError: The base model cannot be had.
            LabelsError: There are not as many labels as reports, or fewer than two different ones.
            MissingTrainingLibrariesError: The extra `train` is not installed.
            NoGpuError: One is asked for, and there is none.
            OptionsError: An option is out of its range.
        """
        made = fine_tune(
            [_read(report) for report in reports], labels, self._options, self._work_folder, tell=self._tell
        )
        self.classes_ = made.classes
        self.description_ = {**made.figures, "options": self._options.to_json()}
        self._open(made.folder, made.max_tokens)
        return self

    def predict_probabilities(self, reports: Sequence[Report]) -> Probabilities:
        """Return the labels' probabilities, together 1."""
        return self._network.predict([_read(report) for report in reports])

    def explain(self, report: Report, label: str, *, most: int = 8) -> tuple[Reason, ...]:
        """Return what the first different words count for, by leaving each out everywhere; all in one batch."""
        text = _read(report)
        room = MOST_TOKENS_TOGETHER // max(1, len(self._network.tokenise(text)))
        words = _list_words(text)[: max(LEAST_WORDS, min(MOST_WORDS, room))]
        texts = [text, *(_leave_out(text, word) for word in words)]
        shares = self._network.predict_together(texts)[:, self.classes_.index(label)]
        return weigh_omissions(words, float(shares[0]), shares[1:], most=most)

    def save(self, folder: Path) -> None:
        """Write the network, its tokenizer and what is known about it."""
        for name in (NETWORK, TOKENIZER):
            shutil.copyfile(self._network.folder / name, folder / name)
        content = {
            "format": FORMAT,
            "classes": list(self.classes_),
            "max_tokens": self._network.max_tokens,
            "training": dict(self.description_),
        }
        write_json(folder / DESCRIPTION, content)

    @classmethod
    def load(cls, folder: Path, *, encoder: Encoder | None = None, batch_size: int = 1, threads: int = 1) -> Self:
        """Return the classifier that was saved in a folder; it has its own network and asks no encoder.

        Args:
            folder: With `classifier.json`, `model.onnx` and `tokenizer.json`.
            encoder: Not needed.
            batch_size: How many reports of about the same length are judged together.
            threads: How many batches are judged at once: 1 in a server, all cores in a job.

        Raises:
            ArtifactError: Something is missing or damaged.
        """
        del encoder
        content = _Description.read(folder / DESCRIPTION)
        classifier = cls(content.options, folder, batch_size=batch_size, threads=threads)
        classifier.classes_ = content.classes
        classifier.description_ = content.training
        classifier._open(folder, content.max_tokens)
        return classifier

    def _open(self, folder: Path, max_tokens: int) -> None:
        self._network = ServedNetwork.open(
            folder,
            max_tokens=max_tokens,
            n_classes=len(self.classes_),
            batch_size=self._batch_size,
            threads=self._threads,
        )


@dataclass(frozen=True)
class _Description:
    classes: tuple[str, ...]
    max_tokens: int
    training: Mapping[str, Any]
    options: FineTuningOptions

    @classmethod
    def read(cls, path: Path) -> Self:
        content = read_json(path)
        if content.get("format") != FORMAT:
            raise ArtifactError(path, "another version of BugFlow wrote it.")
        try:
            training = dict(content["training"])
            options = FineTuningOptions(**training["options"])
            return cls(tuple(map(str, content["classes"])), int(content["max_tokens"]), training, options)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(path, f"it lacks or has no use for {error}.") from error


def _read(report: Report) -> str:
    text = clean_report(report.title, report.description[:LONGEST_RAW])
    return f"{text.title}\n{text.prose[:LONGEST_PROSE]}".strip()


def _list_words(text: str) -> list[str]:
    """Return the different words of a text as they are first written."""
    words: dict[str, str] = {}
    for word in _WORD.findall(text):
        words.setdefault(word.casefold(), word)
    return list(words.values())


def _leave_out(text: str, word: str) -> str:
    return re.sub(rf"(?<![\w'-]){re.escape(word)}(?![\w'-])", " ", text, flags=re.IGNORECASE)
