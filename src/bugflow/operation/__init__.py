"""Keeping an installation well: backups, restoring, examining."""
