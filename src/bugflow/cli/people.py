"""Commands for users and projects."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.table import Table

from bugflow.cli.context import console, load_settings, print_json, use_database
from bugflow.core.clock import utc_now
from bugflow.core.security.passwords import PasswordHasher
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.accounts.queries import list_users
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.service import create_user, hash_new_password
from bugflow.tracker.projects.queries import list_projects
from bugflow.tracker.projects.service import create_project

users = typer.Typer(help="Users.", no_args_is_help=True)
projects = typer.Typer(help="Projects.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@users.command("add")
def add_user(
    email: Annotated[str, typer.Option(prompt="E-mail address")],
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, envvar="BUGFLOW_NEW_PASSWORD")
    ],
    name: Annotated[str, typer.Option(help="As others see it; by default the address's first part.")] = "",
    role: Annotated[Role, typer.Option()] = Role.ADMIN,
) -> None:
    """Add a user; the first one should be an administrator."""
    settings = load_settings()
    hasher = PasswordHasher(time_cost=settings.password_hash_time_cost, memory_kib=settings.password_hash_memory_kib)
    hashed = hash_new_password(hasher, password)
    with use_database(settings) as database, database.transaction() as session:
        user = create_user(
            session,
            email=email,
            name=name or email.split("@", maxsplit=1)[0],
            role=role,
            password_hash=hashed,
            actor=build_system_actor("cli"),
            now=utc_now(),
        )
        console.print(f"Added {user.email} as {user.role}.", highlight=False)


@users.command("list")
def show_users(*, as_json: AsJson = False) -> None:
    """List users."""
    with use_database() as database, database.snapshot() as session:
        found = list_users(session, limit=10_000)
    rows = [{"number": u.id, "email": u.email, "name": u.name, "role": u.role, "active": u.is_active} for u in found]
    _print_rows(rows, as_json=as_json)


@projects.command("add")
def add_project(key: str, name: str, *, private: Annotated[bool, typer.Option("--private")] = False) -> None:
    """Add a project."""
    with use_database() as database, database.transaction() as session:
        project = create_project(
            session,
            key=key,
            name=name,
            visibility="private" if private else "internal",
            actor=build_system_actor("cli"),
            now=utc_now(),
        )
        console.print(f"Added project {project.key}.", highlight=False)


@projects.command("list")
def show_projects(*, as_json: AsJson = False) -> None:
    """List projects."""
    with use_database() as database, database.snapshot() as session:
        found = list_projects(session, build_system_actor("cli"))
    rows = [{"key": p.key, "name": p.name, "visibility": p.visibility, "id": str(p.uuid)} for p in found]
    _print_rows(rows, as_json=as_json)


def _print_rows(rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    table = Table(*(rows[0].keys() if rows else ()))
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print(table if rows else "There are none yet.")
