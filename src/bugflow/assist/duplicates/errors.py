"""What can go wrong with merging and rejecting."""

from bugflow.core.errors import ConflictError, FieldProblem, InvalidError, NotFoundError


class MergedIntoItselfError(InvalidError):
    """An issue and itself."""

    def __init__(self, key: str, *, field: str) -> None:
        problem = f"{key} is one and the same issue. Name another one."
        super().__init__(problem, fields=[FieldProblem(field, problem)])


class NotMergedError(ConflictError):
    """Only a duplicate can be unmerged."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} is no duplicate, so there is nothing to unmerge. Read it again.")


class PairMergedError(ConflictError):
    """What is merged is not rejected as well."""

    def __init__(self, source: str, target: str) -> None:
        super().__init__(f"{source} and {target} are merged. Unmerge the one that is not a duplicate first.")


class RejectionNotFoundError(NotFoundError):
    """The pair is not rejected."""

    def __init__(self, source: str, target: str) -> None:
        super().__init__(f"Nobody said that {source} and {target} are not duplicates. There is nothing to withdraw.")


class NothingToCompareError(InvalidError):
    """An empty report is like no other."""

    def __init__(self) -> None:
        problem = "Give a title or a description to compare with other issues."
        super().__init__(problem, fields=[FieldProblem("title", problem)])


class OtherwiseMergedError(ConflictError):
    """An issue is no longer a duplicate of what the form that undoes it was made for."""

    def __init__(self, key: str, shown: str) -> None:
        super().__init__(f"{key} is no longer a duplicate of {shown}: somebody changed that meanwhile. Look again.")


class NothingToUndoError(ConflictError):
    """What is to be undone is undone already, was said by somebody else, or never was."""

    def __init__(self) -> None:
        super().__init__("There is nothing to undo here: it is undone already, or somebody else changed it since.")


class TooLittleToLearnError(InvalidError):
    """Too few duplicates are known."""

    def __init__(self, source: str, found: int, needed: int) -> None:
        super().__init__(
            f"{source}: {found:,} duplicates can be learned from, and {needed} are needed. "
            "Merge more issues, and try again."
        )


WITHOUT_ENCODER = "Without an encoder the ranking of duplicates cannot be taught. `bugflow doctor` says more."


class NoEncoderToTeachError(InvalidError):
    """The ranking learns with vectors."""

    def __init__(self) -> None:
        super().__init__(WITHOUT_ENCODER)


class NotForSomeError(InvalidError):
    """The ranking learns from all issues or not at all."""

    def __init__(self) -> None:
        super().__init__(
            "The ranking of duplicates is learned from the issues of all projects together. "
            "Order it without a query, and for no single project."
        )
