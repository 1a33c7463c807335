"""From texts and labels to a folder that can be served: base, training, export."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bugflow.ml.artifacts import read_json, write_json
from bugflow.ml.encoder.tokens import open_tokenizer
from bugflow.ml.finetuning.base import Base, load_network, open_base, require_libraries
from bugflow.ml.finetuning.checkpoints import CHECKPOINTS, EXPORTED, fingerprint, remove_checkpoints
from bugflow.ml.finetuning.examples import TokenisedExamples, hold_out, index_classes
from bugflow.ml.finetuning.exporting import export
from bugflow.ml.finetuning.options import FineTuningOptions
from bugflow.ml.finetuning.serving import NETWORK, TOKENIZER, tokenise
from bugflow.ml.finetuning.training import Tell, Training, train

FIGURES = "figures.json"


@dataclass(frozen=True)
class FineTuned:
    """A network that can be served.

    Attributes:
        folder: With `model.onnx` and `tokenizer.json`.
        max_tokens: After how many tokens a text is cut.
        figures: What is known about training and export.
    """

    folder: Path
    classes: tuple[str, ...]
    max_tokens: int
    figures: dict[str, Any]


def fine_tune(
    texts: Sequence[str], labels: Sequence[str], options: FineTuningOptions, work_folder: Path, *, tell: Tell
) -> FineTuned:
    """Fine-tune a base model and export it; the same training that was killed before goes on where it was.

    Several processes that were started together by Accelerate do so together; the first one exports.

    Args:
        texts: Any, also empty ones.
        labels: As many.
        options: How it is done.
        work_folder: A folder of its own is made in it for each training, with checkpoints while it lasts.
        tell: Called after each step.

    Raises:
        BaseModelError: The base model cannot be had.
        LabelsError: There are not as many labels as texts, or fewer than two different ones.
        MissingTrainingLibrariesError: The extra `train` is not installed.
        NoGpuError: One is asked for, and there is none.
        OptionsError: An option is out of its range.
    """
    options.check()
    classes, columns = index_classes(labels, len(texts))
    require_libraries()
    base = open_base(options.base)
    max_tokens = min(options.max_length, base.most_tokens)
    folder = work_folder / fingerprint(options.to_json(), zip(texts, labels, strict=True))
    tokenizer = _keep_tokenizer(base, folder, max_tokens)
    examples = TokenisedExamples(tokenise(tokenizer, texts, most_tokens=max_tokens), columns)
    rows, held_rows = hold_out(columns, share=options.held_out, seed=options.seed)
    trained, held_out = examples.take(rows), examples.take(held_rows)
    network = load_network(base.source, len(classes), seed=options.seed)
    training = train(network, trained, held_out, folder / CHECKPOINTS, options, tell=tell)
    compared = held_out if len(held_out) else trained
    figures = _export(training, folder, compared, options)
    figures |= {"reports": len(trained), "held_out_reports": len(held_out)}
    return FineTuned(folder / EXPORTED, classes, max_tokens, figures)


def _keep_tokenizer(base: Base, folder: Path, max_tokens: int) -> Any:  # noqa: ANN401 -- An untyped library.
    path = folder / EXPORTED / TOKENIZER
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_name(f"{TOKENIZER}.{os.getpid()}")  # Several processes may write it at once.
    base.tokenizer.save(str(written))
    written.replace(path)
    return open_tokenizer(path, most_tokens=max_tokens)


def _export(
    training: Training, folder: Path, compared: TokenisedExamples, options: FineTuningOptions
) -> dict[str, Any]:
    """Export in the first process, wait in the others, and return what is known then."""
    figures = folder / EXPORTED / FIGURES
    if training.is_first:
        made = export(training.network, folder / EXPORTED / NETWORK, compared.tokens, quantise=options.quantise)
        content = {
            "base": options.base,
            "device": training.device,
            "steps": training.steps,
            "held_out_accuracy": training.accuracy,
            "held_out_macro_f1": training.macro_f1,
            "precision": made.precision,
            "int8_agreement": made.agreement,
            "int8_shift": made.shift,
            "int8_texts": made.texts,
        }
        write_json(figures, content)
        remove_checkpoints(folder / CHECKPOINTS)
    training.wait()
    return read_json(figures)
