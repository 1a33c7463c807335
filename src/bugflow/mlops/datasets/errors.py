"""What can go wrong when a data set is made."""

from pathlib import Path

from bugflow.core.errors import ConflictError, InvalidError, UnavailableError

LEAST_LABELLED = 250
"""Of fewer issues a fifth, which is what a model is judged by, is too little."""


class SourceError(InvalidError):
    """A source that reports cannot be read from."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} cannot be read as reports: {problem}")


class DatasetOptionError(InvalidError):
    """An option that makes no sense here."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)


class EmptyDatasetError(InvalidError):
    """No report was left."""

    def __init__(self, read: int, dropped: str) -> None:
        reasons = f" ({dropped})" if dropped else ""
        super().__init__(f"None of {read:,} reports is left{reasons}. Nothing was written.")


class FolderInUseError(ConflictError):
    """The folder to write into holds something."""

    def __init__(self, folder: Path, *, is_dataset: bool) -> None:
        advice = (
            "add --force to replace the data set in it" if is_dataset else "it holds something else than a data set"
        )
        super().__init__(f"{folder} is not empty. Choose another folder{', or ' if is_dataset else ': '}{advice}.")


class DatasetNotWrittenError(UnavailableError):
    """The disk is full, or the folder cannot be written."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"{folder} was not written: {reason.strip().rstrip('.')}. Nothing was left behind. While it works it needs "
            "about three times the room of the cleaned reports beside the folder."
        )


class CleaningStoppedError(UnavailableError):
    """A process that cleans was ended from outside."""

    def __init__(self) -> None:
        super().__init__(
            "A process that cleans reports was ended from outside, as systems do when memory runs out. Nothing was "
            "left behind. Try again with --workers 1."
        )


class TooFewLabelledError(InvalidError):
    """There is not enough to freeze a gold set."""

    def __init__(self, field: str, count: int, least: int = LEAST_LABELLED) -> None:
        super().__init__(
            f"{count:,} issues have a {field} that a person set or confirmed, and {least} are needed to learn "
            "from some and to judge by the others. Import or label more, and try again."
        )
