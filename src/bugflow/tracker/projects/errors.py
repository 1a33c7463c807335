"""What can go wrong with projects and their vocabularies."""

from collections.abc import Sequence

from bugflow.core.errors import ConflictError, FieldProblem, InvalidError, NotFoundError


class ProjectNotFoundError(NotFoundError):
    """No project of this name is visible."""

    def __init__(self, reference: object, visible: Sequence[str] = ()) -> None:
        hint = f" Projects you can use: {', '.join(visible)}." if visible else ""
        super().__init__(f"Project {str(reference)!r} does not exist, or you may not see it.{hint}")


class ProjectKeyTakenError(ConflictError):
    """A project's key belongs to it alone."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Project key {key} is taken. Choose another one.")


class ProjectArchivedError(ConflictError):
    """An archived project takes no changes."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Project {key} is archived. Restore it to change anything in it.")


class NameTakenError(ConflictError):
    """A team, severity or component of this name exists."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"A {kind} named {name!r} exists already. Choose another name, or use the existing one.")


class UnknownNameError(InvalidError):
    """A severity, team, component or member that the project does not have."""

    def __init__(self, field: str, name: str, allowed: Sequence[str]) -> None:
        known = ", ".join(allowed) if allowed else "none yet"
        sentence = f"{field.replace('_', ' ').capitalize()} {name!r} is not known here. Known: {known}."
        super().__init__(sentence, fields=[FieldProblem(field, sentence)])


class VocabularyNotFoundError(NotFoundError):
    """No team, severity or component of this number in the project."""

    def __init__(self, kind: str, number: int) -> None:
        super().__init__(f"There is no {kind} with number {number}.")
