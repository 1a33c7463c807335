"""What can go wrong with backups."""

from pathlib import Path

from bugflow.core.errors import ConflictError, InvalidError, UnavailableError


class BackupExistsError(ConflictError):
    """A file is there already."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already, and backups are never overwritten. Choose another name.")


class BackupNotWrittenError(UnavailableError):
    """The disk is full, or the folder cannot be written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"Backup {path} was not written: {reason}. Nothing was left behind; make room and try again.")


class DamagedBackupError(InvalidError):
    """The file is no backup, or not what was written."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} cannot be restored: {problem}. Nothing was changed. Use another backup.")


class NewerBackupError(ConflictError):
    """The backup was made by a newer BugFlow."""

    def __init__(self, path: Path, schema: str, version: str) -> None:
        super().__init__(
            f"{path} has schema {schema}, made by BugFlow {version}, which this version does not know. "
            "Nothing was changed. Install that version or a later one, then restore."
        )


class NotEmptyError(ConflictError):
    """Restoring would replace what is there."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what} is not empty, so nothing was restored. {advice}")


class InUseError(ConflictError):
    """Something has the database open."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is being used, so nothing was restored. Stop the server and every worker first.")


class NoRoomError(UnavailableError):
    """The disk has too little room for what would be restored."""

    def __init__(self, needed_bytes: int, free_bytes: int) -> None:
        super().__init__(
            f"Restoring needs about {needed_bytes / 1e6:,.0f} MB, the disk has {free_bytes / 1e6:,.0f} MB. "
            "Nothing was changed. Make room and try again."
        )
