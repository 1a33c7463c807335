"""What keeps a model from being fine-tuned."""

from collections.abc import Sequence

from bugflow.core.errors import InvalidError, NotFoundError, UnavailableError


class BaseModelError(NotFoundError):
    """The weights to begin with cannot be had."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(
            f"The base model {name!r} cannot be used: {problem}. Name a folder with weights, such as that of "
            "BUGFLOW_ENCODER, or `packaged`, which is all-MiniLM-L6-v2 out of the extra `offline`."
        )


class NoGpuError(UnavailableError):
    """A GPU is asked for, and PyTorch sees none."""

    def __init__(self) -> None:
        super().__init__(
            "A GPU was asked for, and PyTorch sees none. Install a PyTorch that is built for your GPU, or train on the "
            "processor with `--use-gpu no`.",
            retry_after_seconds=60,
        )


class MissingTrainingLibrariesError(UnavailableError):
    """What fine-tunes is not installed."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(
            f"A model cannot be fine-tuned without {', '.join(missing)}. Install the extra `train`.",
            retry_after_seconds=60,
        )


class OptionsError(InvalidError):
    """Training cannot be done in this way."""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(f"The option {name} is {value!r} and has to be {allowed}.")


class LabelsError(InvalidError):
    """Nothing can be learned from these labels."""

    def __init__(self, reports: int, labels: int, different: int) -> None:
        super().__init__(
            f"There are {reports} reports and {labels} labels, {different} of them different. Give one label for each "
            "report, and at least two different ones."
        )
