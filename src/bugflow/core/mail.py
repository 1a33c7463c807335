"""Sending mail: one ability, by SMTP or kept in memory; a failure says why and what to do."""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal, Protocol
from urllib.parse import unquote, urlsplit

from bugflow.core.errors import InvalidError, UnavailableError
from bugflow.core.settings import Settings

TIMEOUT_SECONDS = 20.0
PORTS = {"smtp": 587, "smtps": 465}
FIRST_PERMANENT_CODE = 500

Cause = Literal[
    "not_set_up", "name_not_found", "refused", "timeout", "certificate", "encryption", "authentication",
    "sender", "recipient", "message", "busy", "disconnected",
]  # fmt: skip


class MailAddressError(InvalidError):
    """BUGFLOW_SMTP_URL cannot be used; the message repeats no password."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"BUGFLOW_SMTP_URL cannot be used: {reason}. Use smtp://USER:PASSWORD@HOST:587 or smtps://…:465."
        )


class MailError(UnavailableError):
    """A mail was not sent.

    Attributes:
        cause: Why, in one word.
        permanent: The same mail would be refused again.
    """

    def __init__(self, message: str, *, cause: Cause, permanent: bool = False) -> None:
        super().__init__(message, retry_after_seconds=60)
        self.cause = cause
        self.permanent = permanent


class MailNotSetUpError(MailError):
    """There is no mail server."""

    def __init__(self) -> None:
        super().__init__(
            "No mail was sent: BUGFLOW_SMTP_URL is not set. Set it to your mail server's address.", cause="not_set_up"
        )


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed in. `tls` is encrypted from the start; otherwise STARTTLS is used where it is offered."""

    host: str
    port: int
    tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        """Return host and port."""
        return f"{self.host}:{self.port}"


class Mailer(Protocol):
    """Hands mail over for delivery."""

    def send(self, message: EmailMessage) -> None:
        """Hand a message over.

        Raises:
            MailError: It was not taken.
        """


class MemoryMailer:
    """Keeps what is sent; with `failure` set, fails by it instead."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.failure: MailError | None = None

    def send(self, message: EmailMessage) -> None:
        """Keep the message."""
        if self.failure is not None:
            raise self.failure
        self.messages.append(message)


class SmtpMailer:
    """Hands mail to a server by SMTP, one connection a message. A password never goes over an open line."""

    def __init__(
        self, server: MailServer, *, timeout_seconds: float = TIMEOUT_SECONDS, context: ssl.SSLContext | None = None
    ) -> None:
        self._server = server
        self._timeout_seconds = timeout_seconds
        self._context = context or ssl.create_default_context()

    def send(self, message: EmailMessage) -> None:
        """Hand a message over."""
        with _explained(self._server):
            connection = self._connect()
            try:
                if self._server.password:
                    connection.login(self._server.username, self._server.password)
                connection.send_message(message)
                with suppress(OSError):  # The message is taken; a farewell that fails must not send it again.
                    connection.quit()
            finally:
                connection.close()

    def check(self) -> None:
        """Connect and, with a password, sign in; nothing is sent.

        Raises:
            MailError: The server would take nothing from us.
        """
        with _explained(self._server):
            connection = self._connect()
            try:
                if self._server.password:
                    connection.login(self._server.username, self._server.password)
                with suppress(OSError):
                    connection.quit()
            finally:
                connection.close()

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        if server.tls:
            return smtplib.SMTP_SSL(server.host, server.port, timeout=self._timeout_seconds, context=self._context)
        connection = smtplib.SMTP(server.host, server.port, timeout=self._timeout_seconds)
        try:
            self._encrypt(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _encrypt(self, connection: smtplib.SMTP) -> None:
        connection.ehlo_or_helo_if_needed()
        if connection.has_extn("starttls"):
            try:
                connection.starttls(context=self._context)
            except smtplib.SMTPResponseException as error:
                said = f"{error.smtp_code} {_words(error.smtp_error)}"
                raise _no_encryption(self._server, f"refused STARTTLS ({said})") from error
            connection.ehlo()
        elif self._server.password:
            raise _no_encryption(self._server, "offers no STARTTLS, so the password would be readable on the way")


def parse_smtp_url(address: str) -> MailServer:
    """Return the server that an address names.

    Raises:
        MailAddressError: It is malformed.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise MailAddressError("its port or host is malformed") from error
    if parts.scheme not in PORTS:
        raise MailAddressError("it begins neither with smtp:// nor with smtps://")
    if not parts.hostname:
        raise MailAddressError("it names no host")
    if bool(parts.username) != bool(parts.password):
        raise MailAddressError("user and password belong together")
    return MailServer(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        tls=parts.scheme == "smtps",
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def open_mailer(settings: Settings) -> Mailer | None:
    """Return the mailer of the settings; none where no mail server is set.

    Raises:
        MailAddressError: BUGFLOW_SMTP_URL is malformed.
    """
    address = settings.smtp_url.get_secret_value().strip()
    return SmtpMailer(parse_smtp_url(address)) if address else None


def send_mail(settings: Settings, message: EmailMessage) -> None:
    """Send a message through the server of the settings; without a sender it comes from BUGFLOW_MAIL_FROM.

    Raises:
        MailError: It was not taken, or there is no mail server.
        MailAddressError: BUGFLOW_SMTP_URL is malformed.
    """
    mailer = open_mailer(settings)
    if mailer is None:
        raise MailNotSetUpError
    if message["From"] is None:
        message["From"] = settings.mail_from
    mailer.send(message)


def build_message(*, sender: str, recipient: str, subject: str, text: str, html: str | None = None) -> EmailMessage:
    """Return a message of plain text and, where given, HTML; no value can begin a header of its own."""
    message = EmailMessage(policy=SMTP)
    message["From"] = one_line(sender)
    message["To"] = one_line(recipient)
    message["Subject"] = one_line(subject)
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def one_line(text: str) -> str:
    """Return a text fit for a header: control characters and line ends become spaces."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _no_encryption(server: MailServer, reason: str) -> MailError:
    return MailError(
        f"Mail server {server} {reason}. Use smtps://, or a port and server that offer STARTTLS.", cause="encryption"
    )


@contextmanager
def _explained(server: MailServer) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:  # Before ValueError, which a certificate's error is too.
        raise _explain_connection(error, server) from error
    except (smtplib.SMTPNotSupportedError, UnicodeEncodeError, ValueError) as error:
        raise MailError(
            f"Mail server {server} cannot take this message: {error}.", cause="message", permanent=True
        ) from error
    except smtplib.SMTPException as error:
        if isinstance(error.__context__, TimeoutError):  # The library tells it as a lost connection.
            raise _explain_connection(error.__context__, server) from error
        raise _explain_answer(error, server) from error
    except OSError as error:
        raise _explain_connection(error, server) from error


def _explain_connection(error: OSError, server: MailServer) -> MailError:
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = "Use the name the certificate is for, or install the authority that signed it."
        return MailError(
            f"The certificate of mail server {server} is not trusted: {error.verify_message}. {advice}",
            cause="certificate",
        )
    if isinstance(error, ssl.SSLError):
        reason = error.reason or "no common protocol"
        return MailError(
            f"No encrypted connection to mail server {server}: {reason}. smtps:// is for port 465, smtp:// for 587.",
            cause="encryption",
        )
    if isinstance(error, socket.gaierror):
        return MailError(
            f"The mail server's name {server.host} was not found. Check BUGFLOW_SMTP_URL and the name server.",
            cause="name_not_found",
        )
    if isinstance(error, TimeoutError):
        return MailError(
            f"Mail server {server} did not answer in time. Check the port, and that no firewall is between.",
            cause="timeout",
        )
    reason = error.strerror or str(error)
    return MailError(
        f"Mail server {server} could not be reached: {reason}. Check host and port in BUGFLOW_SMTP_URL.",
        cause="refused",
    )


def _explain_answer(error: smtplib.SMTPException, server: MailServer) -> MailError:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, answer = next(iter(error.recipients.values()))
        return _refused(server, "recipient", code, answer, "Check the address, and that the server relays for it.")
    if isinstance(error, smtplib.SMTPSenderRefused):
        advice = "Check BUGFLOW_MAIL_FROM, and whether the server wants a password."
        return _refused(server, "sender", error.smtp_code, error.smtp_error, advice)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        said = f"{error.smtp_code} {_words(error.smtp_error)}"
        return MailError(
            f"Mail server {server} refused user and password: {said}. Check them in BUGFLOW_SMTP_URL.",
            cause="authentication",
        )
    if isinstance(error, smtplib.SMTPDataError):
        advice = "Its size or content is not to the server's liking; ask who runs it."
        return _refused(server, "message", error.smtp_code, error.smtp_error, advice)
    if isinstance(error, smtplib.SMTPResponseException):
        return MailError(
            f"Mail server {server} answered {error.smtp_code} {_words(error.smtp_error)}. Try again later.",
            cause="busy",
        )
    return MailError(f"Mail server {server} ended the connection: {error}. Try again later.", cause="disconnected")


def _refused(
    server: MailServer, what: Literal["recipient", "sender", "message"], code: int, answer: bytes | str, advice: str
) -> MailError:
    permanent = code >= FIRST_PERMANENT_CODE
    how = "refused" if permanent else "does not take"
    moment = "" if permanent else " now"
    return MailError(
        f"Mail server {server} {how} the {what}{moment}: {code} {_words(answer)}. {advice}",
        cause=what if permanent else "busy",
        permanent=permanent and what != "sender",
    )


def _words(answer: bytes | str) -> str:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return one_line(text)[:300].rstrip(".")
