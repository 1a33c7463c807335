"""What can go wrong with a query."""

from collections.abc import Sequence
from difflib import get_close_matches

from bugflow.core.errors import FieldProblem, InvalidError, NotFoundError


class QuerySyntaxError(InvalidError):
    """A query that cannot be understood.

    Attributes:
        position: Where in the query the trouble begins, from 0.
    """

    def __init__(self, problem: str, position: int) -> None:
        sentence = f"The query cannot be understood at character {position + 1}: {problem}"
        super().__init__(sentence, fields=[FieldProblem("q", sentence)])
        self.position = position


def unknown_word(kind: str, word: str, allowed: Sequence[str], position: int) -> QuerySyntaxError:
    """Return the error for a word that is not one of those allowed, with the nearest of them."""
    near = get_close_matches(word, allowed, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return QuerySyntaxError(f"{kind} {word!r} is not known.{hint} Known: {', '.join(allowed)}.", position)


class SavedSearchNotFoundError(NotFoundError):
    """No such saved search, or it is somebody else's."""

    def __init__(self, reference: object) -> None:
        super().__init__(f"There is no saved search {reference} that you may see.")


class SearchNameError(InvalidError):
    """A search is kept under a name."""

    def __init__(self) -> None:
        problem = "Give the search a name of at most 100 characters."
        super().__init__(problem, fields=[FieldProblem("name", problem)])
