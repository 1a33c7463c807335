"""Options out of their range are refused by name."""

from typing import Any

import pytest

from bugflow.ml.finetuning.errors import OptionsError
from bugflow.ml.finetuning.options import FineTuningOptions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("accumulation", 0),
        ("patience", 0),
        ("looks_per_epoch", 0),
        ("max_length", 3),
        ("learning_rate", 0.0),
        ("weight_decay", -1.0),
        ("warm_up", 1.0),
        ("held_out", 0.6),
        ("schedule", "step"),
        ("use_gpu", "maybe"),
    ],
)
def test_a_value_out_of_its_range_is_refused_by_name(name: str, value: object) -> None:
    changes: dict[str, Any] = {name: value}
    with pytest.raises(OptionsError, match=f"The option {name} is"):
        FineTuningOptions(**changes).check()


def test_what_is_taken_unless_chosen_is_allowed() -> None:
    FineTuningOptions().check()
