"""What can go wrong with import files."""

from pathlib import Path
from uuid import UUID

from bugflow.core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, UnavailableError


class ImportFileError(InvalidError):
    """A file that is not the export it should be."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(f"This is not a {source} export that BugFlow reads: {problem}.")


class UnreadableFileError(InvalidError):
    """A file that cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"File {path} cannot be read: {reason}.")


class NoRoomForImportError(UnavailableError):
    """What was read cannot be kept until it is imported."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The import has no room for what it reads: {reason}. Make room in the folder of temporary files, about as "
            "much as the export is large, or name another folder by SQLITE_TMPDIR; then import again, which doubles "
            "nothing."
        )


class ImportRunNotFoundError(NotFoundError):
    """There is no such import, or it is somebody else's."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__(f"There is no import {run_id}.")


class ImportFilesGoneError(NotFoundError):
    """The files of an import have been deleted."""

    def __init__(self, run_id: UUID, days: int) -> None:
        super().__init__(f"The files of import {run_id} are gone: they are kept for {days} days. Upload them again.")


class NotDryRunError(ConflictError):
    """Only a dry run that has succeeded can be done in earnest."""

    def __init__(self, run_id: UUID, state: str) -> None:
        super().__init__(f"Import {run_id} is no dry run that has succeeded (it is {state}). Upload its files again.")


class ImporterInactiveError(ForbiddenError):
    """Who asked for the import has been deactivated since."""

    def __init__(self) -> None:
        super().__init__("The account that asked for this import has been deactivated. Ask for it by another account.")
