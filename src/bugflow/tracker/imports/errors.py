"""What can go wrong with import files."""

from bugflow.core.errors import InvalidError


class ImportFileError(InvalidError):
    """A file that is not the export it should be."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(f"This is not a {source} export that BugFlow reads: {problem}.")
