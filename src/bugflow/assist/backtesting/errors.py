"""What can be wrong about back-tests over HTTP."""

from uuid import UUID

from bugflow.core.errors import ForbiddenError, NotFoundError


class BacktestNotFoundError(NotFoundError):
    """The project has no such back-test."""

    def __init__(self, backtest_id: UUID) -> None:
        super().__init__(f"There is no back-test {backtest_id} of this project. Start another one.")


class BacktesterInactiveError(ForbiddenError):
    """Who asked for the back-test has been deactivated since."""

    def __init__(self) -> None:
        super().__init__(
            "The account that asked for this back-test has been deactivated. Ask for it by another account."
        )
