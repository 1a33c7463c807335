"""Log lines: static event names with fields, to people or to programs, without secrets."""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bugflow.core.settings import Settings

HIDDEN = "[hidden]"
SECRET_NAME = re.compile(
    r"password|passwd|secret|token|authorization|cookie|api_?key|smtp_url|credential", re.IGNORECASE
)
SECRET_VALUES = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), HIDDEN),
    (re.compile(r"\bbf_[\w-]{16,}"), f"bf_{HIDDEN}"),
    (re.compile(r"(\w://[^\s:/@]*):[^\s@/]+@"), rf"\1:{HIDDEN}@"),
    (re.compile(r"^\[parameters: .*$", re.MULTILINE), f"[parameters: {HIDDEN}]"),
)
"""Bearer and basic headers, JWTs, our API tokens, passwords in addresses, the values of a failed SQL statement."""

CHATTY_LOGGERS = ("uvicorn.access", "httpx", "botocore", "alembic.runtime.migration")
DEEPEST = 6


def configure_logging(settings: Settings) -> None:
    """Send every log line of the process, ours and the libraries', to standard error in one form."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.PositionalArgumentsFormatter()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                hide_secrets,
                _build_renderer(settings),
            ],
        )
    )
    _install(handler, level)


def _build_renderer(settings: Settings) -> Processor:
    if settings.log_format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        exception_formatter=structlog.dev.plain_traceback,  # The prettier one prints local variables.
    )


def _install(handler: logging.Handler, level: int) -> None:
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide the values of fields named like a secret, and what looks like one anywhere."""
    return {name: _hide(name, value, DEEPEST) for name, value in event.items()}


def _hide(name: str, value: Any, depth: int) -> Any:  # noqa: ANN401 -- Whatever somebody logs.
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth == 0 or SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, dict):
        return {key: _hide(str(key), inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_hide("", inner, depth - 1) for inner in value]
    return hide_in_text(str(value))


def hide_in_text(text: str) -> str:
    """Return the text without what looks like a secret."""
    for pattern, replacement in SECRET_VALUES:
        text = pattern.sub(replacement, text)
    return text
