"""What can go wrong with users and signing in."""

from bugflow.core.errors import (
    ConflictError,
    FieldProblem,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TooManyRequestsError,
    UnauthenticatedError,
)


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


class CrossSiteRequestError(ForbiddenError):
    """A browser's request that another site has caused."""

    def __init__(self) -> None:
        super().__init__("This request comes from another site's page, so it was not done. Do it from BugFlow itself.")


class TokenCannotError(ForbiddenError):
    """Something for which one must have signed in."""

    def __init__(self) -> None:
        super().__init__("An API token can neither make API tokens nor change passwords. Sign in to do it.")


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


class AccountExistsError(ConflictError):
    """Only a person without an account can be given one."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has an account already. `bugflow user password` sets a new password.")


class LastAdminError(ConflictError):
    """Without an administrator nobody could make one."""

    def __init__(self) -> None:
        super().__init__("This is the last active administrator. Make another one first.")


class WeakPasswordError(InvalidError):
    """The password is too short or too long."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem, fields=[FieldProblem("password", problem)])


class OldPasswordError(InvalidError):
    """The present password is not what was given for it."""

    def __init__(self) -> None:
        problem = "This is not your present password."
        super().__init__(problem, fields=[FieldProblem("old_password", problem)])


class EmailAddressError(InvalidError):
    """Not an e-mail address."""

    def __init__(self) -> None:
        problem = "This is not an e-mail address. It looks like name@example.org."
        super().__init__(problem, fields=[FieldProblem("email", problem)])


class TimeZoneError(InvalidError):
    """No such time zone."""

    def __init__(self) -> None:
        problem = "There is no such time zone. Zones are named as in Europe/Madrid."
        super().__init__(problem, fields=[FieldProblem("time_zone", problem)])
