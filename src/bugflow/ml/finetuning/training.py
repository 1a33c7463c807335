"""Training with Hugging Face's Trainer: AdamW, warm-up, early stopping, checkpoints, one device or several."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.encoder.tokens import pad
from bugflow.ml.finetuning.base import quiet_libraries
from bugflow.ml.finetuning.checkpoints import find_checkpoint
from bugflow.ml.finetuning.errors import NoGpuError
from bugflow.ml.finetuning.examples import TokenisedExamples, score_columns, weigh_classes
from bugflow.ml.finetuning.options import FineTuningOptions

Tell = Callable[[int, int, Mapping[str, float]], None]
"""Called after each step with its number, how many there are at most, and the figures known by then."""
_FIGURES = {"loss": "loss", "eval_loss": "held_out_loss", "eval_accuracy": "accuracy", "eval_macro_f1": "macro_f1"}
_CHECKPOINTS_KEPT = 2
"""The best and the last."""
_POOLED_BATCHES = 50
"""Among so many batches examples of the same length are looked for."""
_REPORTING: dict[str, Any] = {
    "save_strategy": "steps",
    "save_total_limit": _CHECKPOINTS_KEPT,
    "restore_callback_states_from_checkpoint": True,
    "logging_strategy": "steps",
    "disable_tqdm": True,
    "report_to": "none",
    "log_level": "error",
}
_LOOKING: dict[str, Any] = {
    "eval_strategy": "steps",
    "load_best_model_at_end": True,
    "metric_for_best_model": "macro_f1",
    "greater_is_better": True,
}


@dataclass(frozen=True)
class Training:
    """What came of a training.

    Attributes:
        network: A PyTorch module on the processor, with the best weights.
        steps: How many were made in all, also by a process that was killed.
        accuracy: On what was held out, in [0, 1]; none where nothing was.
        macro_f1: The same.
        is_first: Whether this process is the first of those that train together, which alone exports.
        wait: Returns when all processes that train together have called it.
    """

    network: Any
    steps: int
    accuracy: float | None
    macro_f1: float | None
    device: str
    is_first: bool
    wait: Callable[[], None]


def train(
    network: Any,  # noqa: ANN401 -- A PyTorch module.
    trained: TokenisedExamples,
    held_out: TokenisedExamples,
    folder: Path,
    options: FineTuningOptions,
    *,
    tell: Tell,
) -> Training:
    """Train a network, going on from the newest checkpoint in a folder, and return it with its best weights.

    Raises:
        NoGpuError: One is asked for, and there is none.
    """
    from transformers import EarlyStoppingCallback, PrinterCallback  # noqa: PLC0415 -- Heavy, and only for training.

    n_classes = int(network.config.num_labels)
    weights = weigh_classes(trained.columns, n_classes, balanced=options.class_weights)
    order = EpochOrder([len(each) for each in trained.tokens], options.batch_size, options.seed)
    callbacks: list[Any] = [_build_teller(tell, order)]
    if len(held_out):
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=options.patience))
    checkpoint = find_checkpoint(folder)
    trainer = _load_trainer(order)(
        model=network,
        args=_build_arguments(folder, options, len(trained), has_held_out=bool(len(held_out))),
        data_collator=collate,
        train_dataset=trained,
        eval_dataset=held_out if len(held_out) else None,
        compute_loss_func=_build_loss(weights),
        compute_metrics=_score,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    with quiet_libraries():
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    best = _find_best(trainer.state.log_history)
    return Training(
        network=trainer.accelerator.unwrap_model(trainer.model).cpu().float().eval(),
        steps=int(trainer.state.global_step),
        accuracy=best.get("eval_accuracy"),
        macro_f1=best.get("eval_macro_f1"),
        device=str(trainer.args.device),
        is_first=bool(trainer.is_world_process_zero()),
        wait=trainer.accelerator.wait_for_everyone,
    )


class EpochOrder:
    """In which order an epoch takes the examples: at random, and those of a batch of about the same length.

    The order of an epoch depends on the seed and its number alone, so a training that goes on takes what was left.

    Attributes:
        epoch: The number of the running epoch, from 0.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths = np.array(lengths)
        self._batch_size = batch_size
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        """Return how many examples there are."""
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        """Return their rows, each once."""
        generator = np.random.default_rng((self._seed, self.epoch))
        shuffled = generator.permutation(len(self))
        pool = _POOLED_BATCHES * self._batch_size
        sorted_rows = [
            rows[np.argsort(self._lengths[rows], kind="stable")]
            for rows in np.split(shuffled, range(pool, len(self), pool))
        ]
        batches = [
            batch
            for rows in sorted_rows
            for batch in np.split(rows, range(self._batch_size, len(rows), self._batch_size))
        ]
        whole = [batch for batch in batches if len(batch) == self._batch_size]
        rest = [batch for batch in batches if len(batch) < self._batch_size]
        ordered = [*(whole[number] for number in generator.permutation(len(whole))), *rest]
        return iter(np.concatenate(ordered).tolist())


def _load_trainer(order: EpochOrder) -> Any:  # noqa: ANN401 -- A class of a library that is loaded here.
    from transformers import Trainer  # noqa: PLC0415 -- Heavy, and only for training.

    class OrderedTrainer(Trainer):
        """The Trainer with an order of the examples that a killed training finds again."""

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:  # noqa: ANN401, ARG002 -- The library's.
            return order

    return OrderedTrainer


def collate(examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return examples as one batch, padded to the longest of them."""
    import torch  # noqa: PLC0415 -- Heavy, and only for training.

    ids, mask = pad([each["input_ids"] for each in examples])
    return {
        "input_ids": torch.from_numpy(ids),
        "attention_mask": torch.from_numpy(mask),
        "labels": torch.tensor([each["labels"] for each in examples]),
    }


def choose_precision(use_gpu: str) -> dict[str, bool]:
    """Return the Trainer's arguments for device and precision: bf16 on a GPU that can, else fp16; fp32 without one.

    Raises:
        NoGpuError: One is asked for, and there is none.
    """
    import torch  # noqa: PLC0415 -- Heavy, and only for training.

    present = torch.cuda.is_available()
    if use_gpu == "yes" and not present:
        raise NoGpuError
    if use_gpu == "no" or not present:
        return {"use_cpu": True, "bf16": False, "fp16": False}
    brain = torch.cuda.is_bf16_supported()
    return {"use_cpu": False, "bf16": brain, "fp16": not brain}


def _build_arguments(folder: Path, options: FineTuningOptions, n_examples: int, *, has_held_out: bool) -> Any:  # noqa: ANN401 -- Heavy.
    from transformers import TrainingArguments  # noqa: PLC0415 -- Heavy, and only for training.

    precision = choose_precision(options.use_gpu)
    chosen: dict[str, Any] = {
        **precision,
        **_REPORTING,
        **(_LOOKING if has_held_out else {}),
        "output_dir": str(folder),
        "num_train_epochs": options.epochs,
        "per_device_train_batch_size": options.batch_size,
        "per_device_eval_batch_size": 2 * options.batch_size,
        "gradient_accumulation_steps": options.accumulation,
        "learning_rate": options.learning_rate,
        "lr_scheduler_type": options.schedule,
        "warmup_steps": options.warm_up,
        "weight_decay": options.weight_decay,
        "optim": "adamw_torch",
        "seed": options.seed,
        "remove_unused_columns": False,
        "dataloader_pin_memory": not precision["use_cpu"],
    }
    arguments = TrainingArguments(**chosen)
    per_step = options.batch_size * options.accumulation * max(1, arguments.n_gpu) * arguments.world_size
    steps = max(1, math.ceil(n_examples / per_step) // options.looks_per_epoch)
    arguments.eval_steps = arguments.save_steps = steps
    arguments.logging_steps = max(1, steps // 10)
    return arguments


def _build_loss(weights: NDArray[np.float32]) -> Callable[..., Any]:
    import torch  # noqa: PLC0415 -- Heavy, and only for training.

    by_class = torch.from_numpy(weights)

    def lose(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:  # noqa: ANN401 -- PyTorch's tensors.
        """Return the weighted cross-entropy, divided by all examples of a step, also of its other batches."""
        logits = outputs["logits"] if isinstance(outputs, dict) else outputs[0]
        each = torch.nn.functional.cross_entropy(logits.float(), labels, reduction="none")
        total = (each * by_class.to(each.device)[labels]).sum()
        return total / (len(labels) if num_items_in_batch is None else num_items_in_batch)

    return lose


def _score(predicted: Any) -> dict[str, float]:  # noqa: ANN401 -- The library's type.
    logits = predicted.predictions[0] if isinstance(predicted.predictions, tuple) else predicted.predictions
    return score_columns(np.asarray(logits).argmax(axis=1), np.asarray(predicted.label_ids))


def _find_best(history: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    looks = [each for each in history if "eval_macro_f1" in each]
    return max(looks, key=lambda each: each["eval_macro_f1"]) if looks else {}


def _build_teller(tell: Tell, order: EpochOrder) -> Any:  # noqa: ANN401 -- A class of a library that is loaded here.
    from transformers import TrainerCallback  # noqa: PLC0415 -- Heavy, and only for training.

    class Teller(TrainerCallback):
        """Hands on what the Trainer logs, from the first of several processes only, and starts each epoch's order."""

        def __init__(self) -> None:
            self.figures: dict[str, float] = {}

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002 -- The library's.
            order.epoch = int(state.epoch)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002 -- The library's.
            if state.is_world_process_zero:
                tell(state.global_step, state.max_steps, dict(self.figures))

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ANN401, ARG002 -- The same.
            self.figures |= {_FIGURES[name]: float(value) for name, value in (logs or {}).items() if name in _FIGURES}

    return Teller()
