"""What can go wrong with users and signing in."""

from bugflow.core.errors import ConflictError, FieldProblem, InvalidError, NotFoundError
from bugflow.core.http.problems import TooManyRequestsError, UnauthenticatedError


class NotSignedInError(UnauthenticatedError):
    """A request without a token that is good."""

    def __init__(self) -> None:
        super().__init__("Sign in first: POST /token gives a bearer token; this one is missing, expired or revoked.")


class WrongPasswordError(UnauthenticatedError):
    """The e-mail address or the password is wrong; which of them is not said."""

    def __init__(self) -> None:
        super().__init__("The e-mail address or the password is wrong.")


class SignInThrottledError(TooManyRequestsError):
    """Too many failures to sign in."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(
            f"Too many failed sign-ins. Try again in {retry_after_seconds} seconds.",
            retry_after_seconds=retry_after_seconds,
        )


class UserNotFoundError(NotFoundError):
    """No such user."""

    def __init__(self, reference: object) -> None:
        super().__init__(f"There is no user {str(reference)!r}.")


class TokenNotFoundError(NotFoundError):
    """No such token among one's own."""

    def __init__(self, number: int) -> None:
        super().__init__(f"You have no API token with number {number}.")


class EmailTakenError(ConflictError):
    """One address, one user."""

    def __init__(self, email: str) -> None:
        super().__init__(f"There is a user with the e-mail address {email} already.")


class LastAdminError(ConflictError):
    """Without an administrator nobody could make one."""

    def __init__(self) -> None:
        super().__init__("This is the last active administrator. Make another one first.")


class WeakPasswordError(InvalidError):
    """The password is too short or too long."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem, fields=[FieldProblem("password", problem)])
