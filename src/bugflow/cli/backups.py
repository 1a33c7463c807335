"""Commands for backups."""

from pathlib import Path
from typing import Annotated

import typer
from rich.status import Status

from bugflow.cli.context import AsJson, console, errors, load_settings, print_json, use_database
from bugflow.core.storage import open_storage
from bugflow.operation.backup.format import Manifest
from bugflow.operation.backup.restoring import restore_backup
from bugflow.operation.backup.verifying import verify_backup
from bugflow.operation.backup.writing import write_backup


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, or with --verify to check.")],
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Only check a backup; nothing is restored.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the whole installation to one file; the server may go on working."""
    if verify:
        _report("Whole", file, verify_backup(file), as_json=as_json)
        return
    settings = load_settings()
    with use_database(settings) as database, Status("Writing the backup", console=errors) as status:
        manifest = write_backup(
            database,
            open_storage(settings.resolved_storage_url),
            file,
            progress=lambda what: status.update(f"Writing the backup: {what}"),
        )
        status.update("Reading it again")
        verify_backup(file)
    _report("Written and verified", file, manifest, as_json=as_json)


def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    *,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Put an SQLite database that is there aside, and the restored in its place."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into an empty installation, of either kind of database. Stop the server first."""
    settings = load_settings()
    with Status("Restoring", console=errors) as status:
        manifest = restore_backup(
            file,
            settings.resolved_database_url,
            open_storage(settings.resolved_storage_url),
            replace=replace,
            progress=lambda what: status.update(f"Restoring: {what}"),
        )
    _report("Restored", file, manifest, as_json=as_json)


def _report(done: str, file: Path, manifest: Manifest, *, as_json: bool) -> None:
    rows = sum(member.rows or 0 for member in manifest.members.values())
    if as_json:
        print_json(
            {
                "file": str(file),
                "created_at": manifest.created_at.isoformat(),
                "schema": manifest.schema_version,
                "rows": rows,
                "files": len(manifest.files),
                "missing_files": manifest.missing_files,
            }
        )
        return
    console.print(
        f"{done}: {file}, of {manifest.created_at:%Y-%m-%d %H:%M} UTC, schema {manifest.schema_version}, "
        f"{rows:,} rows of {len(manifest.tables)} tables, {len(manifest.files):,} files.",
        highlight=False,
        soft_wrap=True,
    )
    if manifest.missing_files:
        errors.print(
            f"{len(manifest.missing_files)} files were deleted while the backup was written and are not in it.",
            highlight=False,
        )
