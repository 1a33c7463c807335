"""Whether the program, its settings and its folder are sound."""

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from urllib.parse import urlsplit

from bugflow import __version__
from bugflow.core.settings import DEMO_SECRET, SHORTEST_SECRET, Settings
from bugflow.operation.doctor.findings import Finding, fail, note, warn, well

PREFIX = "BUGFLOW_"
OTHER_VARIABLES = frozenset({"BUGFLOW_NEW_PASSWORD", "BUGFLOW_TEST_DATABASE_URL"})
"""Variables that are no settings: read by `bugflow user` and by the tests."""
LITTLE_DISK_BYTES, TOO_LITTLE_DISK_BYTES = 2_000_000_000, 200_000_000
FEWEST_CHARACTERS = 10
EXTRAS = {"s3": ("obstore", "files in S3")}
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def examine_program() -> Iterator[Finding]:
    """Look at Python, the packages that are required and the extras that are not."""
    yield well(
        "BugFlow", f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    )
    missing = [name for name in _required_packages() if not _is_installed(name)]
    if missing:
        yield fail("packages", f"missing: {', '.join(missing)}", "Install BugFlow again: pip install bugflow")
    else:
        yield well("packages", "all that are required are installed")
    for extra, (package, purpose) in EXTRAS.items():
        if not _is_installed(package):
            yield note(f"extra {extra}", f"not installed: {purpose}", f"If you want it: pip install 'bugflow[{extra}]'")


def _required_packages() -> list[str]:
    try:
        lines = requires("bugflow") or []
    except PackageNotFoundError:  # Run from a source tree.
        return []
    return [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in lines if "extra ==" not in line]


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def examine_settings(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Look at the secret, the public address and variables that nothing reads."""
    yield _examine_secret(settings)
    yield from _examine_public_url(settings)
    yield from _examine_variables(environment)


def _examine_secret(settings: Settings) -> Finding:
    secret = settings.secret_key.get_secret_value()
    advice = "Make one with `bugflow secret` and set BUGFLOW_SECRET_KEY to it; everybody signs in anew."
    if settings.demo:
        return note("secret", "this is a demo, its secret is known to everybody")
    if secret == DEMO_SECRET:
        return fail("secret", "not set, so anyone could sign a token", advice)
    if len(secret) < SHORTEST_SECRET:
        return fail("secret", f"{len(secret)} characters, at least {SHORTEST_SECRET} are needed", advice)
    if len(set(secret)) < FEWEST_CHARACTERS:
        return warn("secret", f"only {len(set(secret))} different characters, so it may be guessed", advice)
    return well("secret", f"{len(secret)} characters")


def _examine_public_url(settings: Settings) -> Iterator[Finding]:
    subject, address = "public address", settings.public_url
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host:
        yield fail(subject, f"{address} is no address of a server", "Set BUGFLOW_PUBLIC_URL to https://NAME")
        return
    if host in LOCAL_HOSTS:
        if settings.host not in LOCAL_HOSTS:
            advice = "Set BUGFLOW_PUBLIC_URL to what people type."
            yield warn(subject, f"{address}, so links in e-mails lead people to their own machine", advice)
        else:
            yield note(subject, f"{address}: for use on this machine")
    elif parts.scheme == "http":
        advice = "Put a reverse proxy with TLS before BugFlow (docs/guide/installing.md) and use https://."
        yield warn(subject, f"{address}: passwords are sent in the open", advice)
    else:
        yield well(subject, address)
    if settings.trusted_hosts != ["*"] and not any(_host_matches(host, each) for each in settings.trusted_hosts):
        advice = f"Add {host} to BUGFLOW_TRUSTED_HOSTS."
        yield fail("trusted hosts", f"{host} is not among them, so every request to it is refused", advice)


def _host_matches(host: str, pattern: str) -> bool:
    return host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:])) or host in LOCAL_HOSTS


def _examine_variables(environment: Mapping[str, str]) -> Iterator[Finding]:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | OTHER_VARIABLES
    given = [name for name in environment if name.upper().startswith(PREFIX)]
    unknown = sorted(name for name in given if name.upper() not in known)
    for name in unknown:
        near = get_close_matches(name.upper(), known, n=1, cutoff=0.7)
        advice = f"Did you mean {near[0]}?" if near else "Remove it; docs/reference/settings.md names every setting."
        yield warn("environment", f"{name} is no setting, so nothing reads it", advice)
    if not unknown:
        yield well("environment", f"{len(given)} BUGFLOW_* variables, each known")


def examine_home(settings: Settings) -> Iterator[Finding]:
    """Look at the folder everything is written under: its rights, and the room on its disk."""
    home = settings.home.expanduser().absolute()
    if not home.is_dir():
        yield warn("home", f"{home} does not exist yet", "`bugflow serve` makes it; or check BUGFLOW_HOME.")
        return
    try:
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        advice = f"Let the user that runs BugFlow ({_user_name()}) write there, or change BUGFLOW_HOME."
        yield fail("home", f"{home} cannot be written: {error.strerror}", advice)
    else:
        yield well("home", f"{home} can be written")
    if sys.platform != "win32" and home.stat().st_mode & 0o007:
        yield warn("home's rights", "every user of this machine may look into it", f"chmod o-rwx {home}")
    yield _examine_room(home)


def _user_name() -> str:
    return os.environ.get("USER") or f"number {os.geteuid()}"


def _examine_room(home: Path) -> Finding:
    free = shutil.disk_usage(home).free
    found = f"{free / 1e9:,.1f} GB free at {home}"
    if free < TOO_LITTLE_DISK_BYTES:
        return fail("disk", found, "Make room now: soon nothing can be written.")
    return warn("disk", found, "Make room.") if free < LITTLE_DISK_BYTES else well("disk", found)
