"""What can go wrong with issues."""

from collections.abc import Sequence

from bugflow.core.errors import ConflictError, FieldProblem, ForbiddenError, InvalidError, NotFoundError, StaleError


class IssueNotFoundError(NotFoundError):
    """No such issue, or the reader may not see it."""

    def __init__(self, reference: object) -> None:
        super().__init__(f"Issue {reference} does not exist, or you may not see it.")


class CommentNotFoundError(NotFoundError):
    """No such comment on the issue."""

    def __init__(self, comment_id: int) -> None:
        super().__init__(f"Comment {comment_id} does not exist, or you may not see it.")


class AttachmentNotFoundError(NotFoundError):
    """No such attachment on the issue."""

    def __init__(self, reference: object) -> None:
        super().__init__(f"Attachment {reference} does not exist, or you may not see it.")


class RelationNotFoundError(NotFoundError):
    """No such relation."""

    def __init__(self, relation_id: int) -> None:
        super().__init__(f"Relation {relation_id} does not exist, or you may not see it.")


class StaleIssueError(StaleError):
    """Somebody else changed the issue since it was read."""

    def __init__(self, key: str, expected: int, current: int) -> None:
        super().__init__(f"Issue {key}", expected, current)


class StatusChangeError(ConflictError):
    """The status cannot follow the present one."""

    def __init__(self, key: str, old: str, new: str, allowed: Sequence[str]) -> None:
        super().__init__(f"Issue {key} is {old} and cannot become {new}. Possible: {', '.join(allowed)}.")


class DuplicateOfItselfError(ConflictError):
    """Duplicates must lead to another issue, never in a circle."""

    def __init__(self, source: str, target: str) -> None:
        super().__init__(
            f"{source} cannot be a duplicate of {target}: {target} leads back to {source}. "
            "Remove the other relation first, or choose the oldest report."
        )


class AlreadyDuplicateError(ConflictError):
    """An issue is a duplicate of one other at most."""

    def __init__(self, source: str, target: str) -> None:
        super().__init__(f"{source} is already a duplicate of {target}. Unmerge it first.")


class NewerTargetError(ConflictError):
    """A duplicate is newer than what it repeats."""

    def __init__(self, newer: str, older: str) -> None:
        super().__init__(f"{newer} is newer than {older}. Merge {newer} into {older} instead.")


class HiddenCanonicalError(ConflictError):
    """Nobody makes an issue a duplicate of one that they may not see."""

    def __init__(self, source: str, target: str) -> None:
        super().__init__(
            f"{target} is itself a duplicate of an issue that you may not see. "
            f"Ask a project manager to merge {source} into that one."
        )


class DuplicatesInMotionError(ConflictError):
    """Others link the same issues again and again."""

    def __init__(self) -> None:
        super().__init__("Others are merging these issues at this moment. Read them again and repeat your change.")


class RelationExistsError(ConflictError):
    """The two issues are related in this way already."""

    def __init__(self, source: str, kind: str, target: str) -> None:
        super().__init__(f"{source} {kind.replace('_', ' ')} {target} already.")


class MayNotChangeIssueError(ForbiddenError):
    """The actor sees the issue and may not make this change."""

    def __init__(self, key: str, fields: Sequence[str], who_may: str) -> None:
        super().__init__(f"You may not change {', '.join(fields)} of {key}. {who_may}")


class NotYoursError(ForbiddenError):
    """A comment or attachment of somebody else."""

    def __init__(self, thing: str) -> None:
        super().__init__(f"This {thing} is somebody else's. Its author or a project manager may change it.")


class FieldValueError(InvalidError):
    """A field cannot take this value."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem, fields=[FieldProblem(field, problem)])


class AttachmentTypeError(InvalidError):
    """This kind of file is not taken."""

    def __init__(self, filename: str, reason: str) -> None:
        problem = f"{filename!r} cannot be attached: {reason}."
        super().__init__(problem, fields=[FieldProblem("file", problem)])
