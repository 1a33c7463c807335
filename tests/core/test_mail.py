import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from pydantic import SecretStr

from bugflow.core.mail import (
    MailAddressError,
    MailError,
    MailServer,
    MemoryMailer,
    SmtpMailer,
    build_message,
    open_mailer,
    parse_smtp_url,
    send_mail,
)
from factories.settings import build_settings


class Box:
    """Takes mail, or answers a step by what the test says."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.contents: list[bytes] = []

    async def handle_MAIL(self, _: Any, __: Any, envelope: Any, address: str, ___: Any) -> str:  # noqa: ANN401, N802 -- aiosmtpd's.
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(self, _: Any, __: Any, envelope: Any, address: str, ___: Any) -> str:  # noqa: ANN401, N802 -- aiosmtpd's.
        envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 OK")

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: ANN401, N802 -- aiosmtpd's.
        self.contents.append(envelope.content)
        return self.answers.get("DATA", "250 OK")


@contextmanager
def serve(box: Box, **options: Any) -> Iterator[int]:  # noqa: ANN401 -- aiosmtpd's options.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def message() -> EmailMessage:
    return build_message(sender="BugFlow <bugflow@example.com>", recipient="a@example.com", subject="Hi", text="Text")


def certificates(name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(server)
    authority.configure_trust(client)
    return server, client


def test_a_mail_arrives_with_text_and_html(tmp_path: Path) -> None:
    box = Box({})
    with serve(box) as port:
        mail = build_message(sender="x@example.com", recipient="a@example.com", subject="Hi", text="T", html="<p>H</p>")
        send_mail(build_settings(tmp_path, smtp_url=SecretStr(f"smtp://127.0.0.1:{port}")), mail)
    [content] = box.contents
    assert b"multipart/alternative" in content
    assert b"<p>H</p>" in content


def test_without_a_mail_server_nothing_is_sent_and_the_error_says_so(tmp_path: Path) -> None:
    assert open_mailer(build_settings(tmp_path)) is None
    with pytest.raises(MailError, match="BUGFLOW_SMTP_URL is not set"):
        send_mail(build_settings(tmp_path), message())


@pytest.mark.parametrize(
    ("step", "answer", "cause", "permanent"),
    [
        ("RCPT", "550 no such user", "recipient", True),
        ("RCPT", "451 greylisted", "busy", False),
        ("DATA", "554 spam", "message", True),
        ("DATA", "452 disk full", "busy", False),
        ("MAIL", "553 not you", "sender", False),
    ],
)
def test_what_the_server_refuses_is_told_apart(step: str, answer: str, cause: str, *, permanent: bool) -> None:
    with serve(Box({step: answer})) as port, pytest.raises(MailError, match=answer) as caught:
        SmtpMailer(MailServer("127.0.0.1", port)).send(message())
    assert (caught.value.cause, caught.value.permanent) == (cause, permanent)


def test_a_password_is_never_sent_over_an_open_line() -> None:
    box = Box({})
    with serve(box) as port, pytest.raises(MailError, match="offers no STARTTLS") as caught:
        SmtpMailer(MailServer("127.0.0.1", port, username="u", password="p")).send(message())
    assert caught.value.cause == "encryption"
    assert box.contents == []


def test_starttls_is_used_and_a_wrong_password_is_said() -> None:
    server, client = certificates("127.0.0.1")
    seen: list[bytes] = []

    def check(_: Any, __: Any, ___: Any, ____: Any, data: Any) -> AuthResult:  # noqa: ANN401 -- aiosmtpd's.
        seen.append(data.password)
        return AuthResult(success=data.password == b"right", handled=False)

    box = Box({})
    with serve(box, tls_context=server, authenticator=check) as port:
        SmtpMailer(MailServer("127.0.0.1", port, username="u", password="right"), context=client).send(message())
        with pytest.raises(MailError, match="refused user and password: 535") as caught:
            SmtpMailer(MailServer("127.0.0.1", port, username="u", password="wrong"), context=client).send(message())
    assert caught.value.cause == "authentication"
    assert "wrong" in seen[-1].decode()
    assert len(box.contents) == 1


def test_a_certificate_for_another_name_is_refused() -> None:
    server, client = certificates("mail.example.com")
    with serve(Box({}), tls_context=server) as port, pytest.raises(MailError, match="not trusted") as caught:
        SmtpMailer(MailServer("127.0.0.1", port), context=client).send(message())
    assert caught.value.cause == "certificate"


def test_a_starttls_that_is_offered_and_refused_is_no_reason_to_go_on_in_the_open() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, pytest.raises(MailError, match="refused STARTTLS") as caught, _scripted(listener):
        SmtpMailer(MailServer("127.0.0.1", listener.getsockname()[1])).send(message())
    assert caught.value.cause == "encryption"


@contextmanager
def _scripted(listener: socket.socket) -> Iterator[None]:

    def talk() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 here\r\n")
            for line in lines:
                greeting = line.upper().startswith(b"EHLO")
                connection.sendall(b"250-here\r\n250 STARTTLS\r\n" if greeting else b"454 not now\r\n")

    thread = Thread(target=talk)
    thread.start()
    try:
        yield
    finally:
        thread.join(5)


def test_a_server_that_is_not_there_or_silent_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(MailError, match="did not answer in time") as caught:
            SmtpMailer(MailServer("127.0.0.1", port), timeout_seconds=0.2).send(message())
        assert caught.value.cause == "timeout"
    with pytest.raises(MailError, match="could not be reached") as caught:
        SmtpMailer(MailServer("127.0.0.1", port), timeout_seconds=2).send(message())
    assert caught.value.cause == "refused"
    with pytest.raises(MailError, match="was not found") as caught:
        SmtpMailer(MailServer("mail.invalid", 25), timeout_seconds=5).send(message())
    assert caught.value.cause == "name_not_found"


@pytest.mark.parametrize("address", ["http://host", "smtp://", "smtp://host:x", "smtp://user@host", "host:25"])
def test_a_malformed_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(MailAddressError, match="cannot be used"):
        parse_smtp_url(address)


def test_an_address_names_host_port_and_password() -> None:
    server = parse_smtp_url("smtp://me%40x:p%2Fw@mail.example.com")
    assert (server.host, server.port, server.username, server.password) == ("mail.example.com", 587, "me@x", "p/w")
    assert "p/w" not in repr(server)
    assert parse_smtp_url("smtps://mail.example.com").port == 465


def test_a_subject_cannot_begin_a_header_of_its_own() -> None:
    mail = build_message(
        sender="a@example.com", recipient="b@example.com", subject="Hi\r\nBcc: c@example.com\u2028x", text="T"
    )
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Hi Bcc: c@example.com x"


def test_the_memory_mailer_keeps_or_fails_as_told() -> None:
    mailer = MemoryMailer()
    mailer.send(message())
    assert len(mailer.messages) == 1
    mailer.failure = MailError("No.", cause="busy")
    with pytest.raises(MailError):
        mailer.send(message())
