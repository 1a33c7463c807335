"""Why another model is not used."""

from bugflow.core.errors import ConflictError, FieldProblem, InvalidError


class AlreadyUsedError(ConflictError):
    """It is the one in use."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is in use already.")


class ReasonNeededError(InvalidError):
    """A version that failed its checks is used only for a reason."""

    def __init__(self, name: str) -> None:
        problem = f"{name} failed its checks, so say why it is to be used all the same. Its report says which."
        super().__init__(problem, fields=[FieldProblem("reason", problem)])


class ReasonTooLongError(InvalidError):
    """A reason that the ledger has no room for."""

    def __init__(self, most: int) -> None:
        problem = f"A reason has {most} characters at most. Shorten it."
        super().__init__(problem, fields=[FieldProblem("reason", problem)])


class NothingBeforeError(ConflictError):
    """There is nothing to go back to."""

    def __init__(self, model_type: str) -> None:
        super().__init__(
            f"What found the {model_type} before is not known, so there is nothing to go back to. Choose a version."
        )


class ChangedAtOnceError(ConflictError):
    """Somebody else was faster."""

    def __init__(self, model_type: str) -> None:
        super().__init__(f"The model of {model_type} was changed by somebody else at this moment. Look, and try again.")
