"""Training goes on where it was killed, stops early, and says what it does."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from bugflow.ml.finetuning.checkpoints import CHECKPOINTS, EXPORTED, find_checkpoint
from bugflow.ml.finetuning.errors import BaseModelError, LabelsError, NoGpuError
from bugflow.ml.finetuning.finetuning import FineTuned, fine_tune
from bugflow.ml.finetuning.options import FineTuningOptions
from bugflow.ml.finetuning.serving import ServedNetwork
from bugflow.ml.finetuning.training import EpochOrder, choose_precision
from ml.finetuning import killed
from ml.finetuning.tiny import build_task, choose_options, write_base

TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny DistilBERT with random weights."""
    return write_base(tmp_path_factory.mktemp("base"))


def tell_nobody(step: int, steps: int, figures: Mapping[str, float]) -> None:
    """Say nothing."""


def judge(made: FineTuned) -> np.ndarray:
    """Return what a network says about some reports."""
    reports, _ = build_task(40, seed=6)
    served = ServedNetwork.open(made.folder, max_tokens=made.max_tokens, n_classes=len(made.classes))
    return served.predict([report.text for report in reports])


def kill_in_the_middle(base: Path, work: Path) -> int:
    """Train in another process, kill it in its second epoch, and return its last step."""
    command = [sys.executable, "-m", "ml.finetuning.killed", str(base), str(work)]
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "TOKENIZERS_PARALLELISM": "false"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True, cwd=TESTS) as process:  # noqa: S603
        step = 0
        for line in process.stdout or ():
            step = int(line)
            if step >= killed.KILLED_AFTER:
                break
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return step


def test_a_killed_training_goes_on_from_its_checkpoint_and_ends_where_an_undisturbed_one_does(
    base: Path, tmp_path: Path
) -> None:
    disturbed, told = tmp_path / "disturbed", list[int]()
    assert kill_in_the_middle(base, disturbed) < killed.STEPS
    [checkpoints] = disturbed.glob(f"*/{CHECKPOINTS}")
    made = killed.run(base, disturbed, lambda step, _steps, _figures: told.append(step))
    undisturbed = killed.run(base, tmp_path / "undisturbed", tell_nobody)
    assert told[0] > killed.CHECKPOINT_EVERY
    assert told[-1] == made.figures["steps"] == undisturbed.figures["steps"] == killed.STEPS
    assert np.allclose(judge(made), judge(undisturbed), atol=1e-4)
    assert not checkpoints.exists()


def test_a_checkpoint_that_was_being_written_is_passed_over(tmp_path: Path) -> None:
    for number, state in ((5, "{}"), (10, '{"global_'), (15, None)):
        checkpoint = tmp_path / f"checkpoint-{number}"
        checkpoint.mkdir()
        if state is not None:
            (checkpoint / "trainer_state.json").write_text(state)
    assert find_checkpoint(tmp_path) == tmp_path / "checkpoint-5"
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint-5"]


def test_training_stops_when_what_is_held_out_is_not_judged_better(base: Path, tmp_path: Path) -> None:
    reports, labels = build_task(100, seed=7)
    options = choose_options(base, epochs=9, patience=1, learning_rate=1e-9, quantise=False, looks_per_epoch=1)
    told: list[tuple[int, int, Mapping[str, float]]] = []
    texts = [report.text for report in reports]
    made = fine_tune(texts, labels, options, tmp_path, tell=lambda *step: told.append(step))
    per_epoch = told[-1][1] // 9
    assert made.figures["steps"] == len(told) == 2 * per_epoch
    assert told[-1][2].keys() >= {"loss", "accuracy", "macro_f1"}


def test_another_kind_of_encoder_learns_as_well_with_accumulation_weights_and_a_cosine(tmp_path: Path) -> None:
    reports, labels = build_task(320, seed=8)
    labels = [*labels[1:], "low"]
    options = choose_options(
        write_base(tmp_path / "bert", "bert"),
        epochs=4,
        batch_size=8,
        accumulation=2,
        schedule="cosine",
        class_weights=True,
        quantise=False,
        held_out=0.0,
    )
    texts = [*(each.text for each in reports[1:]), ""]
    made = fine_tune(texts, labels, options, tmp_path / "work", tell=tell_nobody)
    _, truth = build_task(40, seed=6)
    said = [made.classes[column] for column in judge(made).argmax(axis=1)]
    assert np.mean([each == right for each, right in zip(said, truth, strict=True)]) > 0.75  # Half of them are low.
    assert made.figures["steps"] == 4 * 20
    assert made.figures["held_out_macro_f1"] is None
    assert sorted(each.name for each in made.folder.parent.iterdir()) == [EXPORTED]


def test_an_epoch_takes_each_example_once_and_those_of_a_batch_are_of_about_one_length() -> None:
    lengths = [number % 40 + 2 for number in range(803)]
    order = EpochOrder(lengths, 8, seed=1)
    rows = list(order)
    assert sorted(rows) == list(range(803))
    assert rows == list(order)
    spread = [np.ptp([lengths[row] for row in rows[start : start + 8]]) for start in range(0, 800, 8)]
    assert np.mean(spread) < 4
    order.epoch = 1
    assert list(order) != rows


@pytest.mark.parametrize("name", ["packages/none", "./nowhere"])
def test_a_base_model_out_of_reach_is_named_with_what_can_be_done(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    options = FineTuningOptions(base=name, use_gpu="no")
    with pytest.raises(BaseModelError, match="BUGFLOW_ENCODER, or `packaged`"):
        fine_tune(["a", "b"], ["x", "y"], options, tmp_path, tell=tell_nobody)


def test_a_folder_without_weights_is_no_base_model(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match=tmp_path.name):
        fine_tune(["a", "b"], ["x", "y"], choose_options(tmp_path), tmp_path / "work", tell=tell_nobody)


def test_one_label_alone_cannot_be_learned(base: Path, tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="2 reports and 2 labels, 1 of them"):
        fine_tune(["a", "b"], ["x", "x"], choose_options(base), tmp_path, tell=tell_nobody)


def test_a_gpu_that_is_asked_for_has_to_be_there() -> None:
    import torch  # noqa: PLC0415 -- Heavy.

    if torch.cuda.is_available():
        chosen = choose_precision("yes")
        assert chosen["bf16"] != chosen["fp16"]
    else:
        with pytest.raises(NoGpuError, match="PyTorch sees none"):
            choose_precision("yes")
    assert choose_precision("no") == {"use_cpu": True, "bf16": False, "fp16": False}
