"""What can go wrong with sprints."""

from uuid import UUID

from bugflow.core.errors import ConflictError, FieldProblem, InvalidError, NotFoundError, StaleError


class SprintNotFoundError(NotFoundError):
    """No such sprint, or the reader may not see its project."""

    def __init__(self, reference: UUID) -> None:
        super().__init__(f"Sprint {reference} does not exist, or you may not see it.")


class StaleSprintError(StaleError):
    """Somebody else changed the sprint since it was read."""

    def __init__(self, name: str, expected: int, current: int) -> None:
        super().__init__(f"Sprint {name!r}", expected, current)


class SprintStateError(ConflictError):
    """The sprint's state does not allow this."""

    def __init__(self, name: str, state: str, wanted: str) -> None:
        super().__init__(f"Sprint {name!r} is {state} and cannot be {wanted}.")


class AnotherSprintActiveError(ConflictError):
    """A project has one active sprint at most."""

    def __init__(self, name: str, active: str) -> None:
        super().__init__(f"Sprint {name!r} cannot be started: {active!r} is active. Complete that one first.")


class SprintNotEmptyError(ConflictError):
    """Only an empty sprint can be deleted."""

    def __init__(self, name: str, count: int) -> None:
        super().__init__(f"Sprint {name!r} has {count} issues and cannot be deleted. Take them out first.")


class NoNextSprintError(ConflictError):
    """Unfinished issues have nowhere to go."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no planned sprint after {name!r} to take the unfinished issues. "
            "Plan one, or send them to the backlog."
        )


class SprintFieldError(InvalidError):
    """A field of a sprint cannot take this value."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem, fields=[FieldProblem(field, problem)])
