"""Why a feature is not switched."""

from bugflow.core.errors import FieldProblem, InvalidError


class SwitchReasonError(InvalidError):
    """A feature is switched only for a reason, which is kept."""

    def __init__(self, feature: str) -> None:
        problem = f"Say why the {feature} is switched, in at most 500 characters: whoever misses it will want to know."
        super().__init__(problem, fields=[FieldProblem("reason", problem)])
