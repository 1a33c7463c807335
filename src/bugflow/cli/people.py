"""Commands for users and projects."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from bugflow.cli.context import AsJson, console, load_settings, print_json, use_database
from bugflow.core.clock import utc_now
from bugflow.core.security.passwords import PasswordHasher
from bugflow.core.settings import Settings
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.accounts.queries import get_user, list_users
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.service import change_password, change_user, create_user, give_account, hash_new_password
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.projects.queries import get_project, list_members, list_projects
from bugflow.tracker.projects.service import add_member, change_project, create_project, remove_member
from bugflow.tracker.projects.tables import Project

users = typer.Typer(help="Users.", no_args_is_help=True)
projects = typer.Typer(help="Projects.", no_args_is_help=True)

ROLE_HELP = f"One of {', '.join(Role)}."
UserName = Annotated[str, typer.Argument(metavar="USER", help="E-mail address, number or id.")]
ProjectKey = Annotated[str, typer.Argument(metavar="PROJECT", help="Key, name or id.")]
Password = Annotated[
    str,
    typer.Option(
        prompt=True,
        hide_input=True,
        confirmation_prompt=True,
        envvar="BUGFLOW_NEW_PASSWORD",
        help="Better asked for or in the variable: other users see the arguments of a command.",
    ),
]


@users.command("add")
def add_user(
    email: Annotated[str, typer.Option(prompt="E-mail address", help="They sign in with it; asked for if missing.")],
    password: Password,
    name: Annotated[str, typer.Option(help="As others see it; by default the address's first part.")] = "",
    role: Annotated[Role, typer.Option(help=ROLE_HELP)] = Role.ADMIN,
    *,
    as_json: AsJson = False,
) -> None:
    """Add a user; the first one should be an administrator."""
    settings = load_settings()
    hashed = _hash(settings, password)
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
    _print_done(f"Added {user.email} as {user.role}.", _describe_user(user), as_json=as_json)


@users.command("list")
def show_users(
    text: Annotated[str, typer.Argument(help="Only those whose name or address has this in it.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """List users."""
    with use_database() as database, database.snapshot() as session:
        found = list_users(session, text=text, limit=100_000)
    _print_rows([_describe_user(user) for user in found], as_json=as_json)


@users.command("password")
def set_password(who: UserName, password: Password, *, as_json: AsJson = False) -> None:
    """Set a user's password, for who has forgotten it; they are signed out everywhere."""
    settings = load_settings()
    hashed = _hash(settings, password)
    with use_database(settings) as database, database.transaction() as session:
        user = get_user(session, who)
        change_password(session, user, password_hash=hashed, actor=build_system_actor("cli"), now=utc_now())
    _print_done(f"{user.email or user.name} has a new password.", _describe_user(user), as_json=as_json)


@users.command("claim")
def claim_user(
    who: UserName,
    email: Annotated[str, typer.Option(prompt="E-mail address", help="They sign in with it; asked for if missing.")],
    password: Password,
    role: Annotated[Role, typer.Option(help=ROLE_HELP)] = Role.TESTER,
    *,
    as_json: AsJson = False,
) -> None:
    """Give an account to somebody whom an import brought along; their reports and comments become theirs."""
    settings = load_settings()
    hashed = _hash(settings, password)
    with use_database(settings) as database, database.transaction() as session:
        user, actor = get_user(session, who), build_system_actor("cli")
        give_account(session, user, email=email, role=role, password_hash=hashed, actor=actor, now=utc_now())
    _print_done(f"{user.name} can sign in as {user.email}.", _describe_user(user), as_json=as_json)


@users.command("role")
def set_role(who: UserName, role: Annotated[Role, typer.Argument(help=ROLE_HELP)], *, as_json: AsJson = False) -> None:
    """Give a user another role; they are signed out everywhere."""
    user = _change_user(who, role=role)
    _print_done(f"{user.email or user.name} is {user.role} now.", _describe_user(user), as_json=as_json)


@users.command("deactivate")
def deactivate_user(who: UserName, *, as_json: AsJson = False) -> None:
    """Let a user sign in no more; what they wrote stays, and every token of theirs ends."""
    user = _change_user(who, is_active=False)
    _print_done(f"{user.email or user.name} cannot sign in any more.", _describe_user(user), as_json=as_json)


@users.command("activate")
def activate_user(who: UserName, *, as_json: AsJson = False) -> None:
    """Let a user sign in again who was deactivated."""
    user = _change_user(who, is_active=True)
    _print_done(f"{user.email or user.name} can sign in again.", _describe_user(user), as_json=as_json)


@projects.command("add")
def add_project(
    key: Annotated[str, typer.Argument(help="Short; issues are named after it: WEB-1.")],
    name: Annotated[str, typer.Argument(help="As people read it.")],
    *,
    private: Annotated[bool, typer.Option("--private", help="Only members and administrators see it.")] = False,
    as_json: AsJson = False,
) -> None:
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
    _print_done(f"Added project {project.key}.", _describe_project(project), as_json=as_json)


@projects.command("list")
def show_projects(
    *, archived: Annotated[bool, typer.Option("--archived", help="Those instead.")] = False, as_json: AsJson = False
) -> None:
    """List projects."""
    with use_database() as database, database.snapshot() as session:
        found = list_projects(session, build_system_actor("cli"), archived=archived)
    _print_rows([_describe_project(project) for project in found], as_json=as_json)


@projects.command("archive")
def archive_project(which: ProjectKey, *, as_json: AsJson = False) -> None:
    """Archive a project: it can be read and found, but not changed."""
    project = _change_project(which, archived=True)
    _print_done(f"Project {project.key} is archived.", _describe_project(project), as_json=as_json)


@projects.command("unarchive")
def unarchive_project(which: ProjectKey, *, as_json: AsJson = False) -> None:
    """Take a project out of the archive."""
    project = _change_project(which, archived=False)
    _print_done(f"Project {project.key} can be worked on again.", _describe_project(project), as_json=as_json)


@projects.command("members")
def show_members(which: ProjectKey, *, as_json: AsJson = False) -> None:
    """List the members of a project."""
    with use_database() as database, database.snapshot() as session:
        found = list_members(session, get_project(session, build_system_actor("cli"), which))
    _print_rows([_describe_user(user) for user in found], as_json=as_json)


@projects.command("add-member")
def join_project(which: ProjectKey, who: UserName, *, as_json: AsJson = False) -> None:
    """Make a user a member of a project."""
    actor = build_system_actor("cli")
    with use_database() as database, database.transaction() as session:
        project, user = get_project(session, actor, which), get_user(session, who)
        add_member(session, project, user, actor=actor, now=utc_now())
    _print_done(f"{user.email or user.name} is a member of {project.key}.", _describe_user(user), as_json=as_json)


@projects.command("remove-member")
def leave_project(which: ProjectKey, who: UserName, *, as_json: AsJson = False) -> None:
    """End a user's membership in a project."""
    actor = build_system_actor("cli")
    with use_database() as database, database.transaction() as session:
        project, user = get_project(session, actor, which), get_user(session, who)
        remove_member(session, project, user, actor=actor, now=utc_now())
    _print_done(f"{user.email or user.name} is no member of {project.key}.", _describe_user(user), as_json=as_json)


def _hash(settings: Settings, password: str) -> str:
    hasher = PasswordHasher(time_cost=settings.password_hash_time_cost, memory_kib=settings.password_hash_memory_kib)
    return hash_new_password(hasher, password)


def _change_user(who: str, **changes: Any) -> User:  # noqa: ANN401 -- Columns.
    with use_database() as database, database.transaction() as session:
        user = get_user(session, who)
        change_user(session, user, changes=changes, actor=build_system_actor("cli"), now=utc_now())
    return user


def _change_project(which: str, **changes: Any) -> Project:  # noqa: ANN401 -- Columns.
    actor = build_system_actor("cli")
    with use_database() as database, database.transaction() as session:
        project = get_project(session, actor, which)
        change_project(session, project, changes=changes, actor=actor, now=utc_now())
    return project


def _describe_user(user: User) -> dict[str, object]:
    return {
        "number": user.id,
        "email": user.email,
        "name": user.name,
        "role": str(user.role),
        "active": user.is_active,
        "can_sign_in": user.is_active and user.password_hash is not None,
    }


def _describe_project(project: Project) -> dict[str, object]:
    return {
        "key": project.key,
        "name": project.name,
        "visibility": project.visibility,
        "archived": project.archived_at is not None,
        "id": str(project.uuid),
    }


def _print_done(sentence: str, row: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(row)
    else:
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)


def _print_rows(rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    table = Table(*(name.replace("_", " ") for name in rows[0]) if rows else ())
    for row in rows:
        table.add_row(*("" if value is None else escape(str(value)) for value in row.values()))
    console.print(table if rows else "There are none yet.")
