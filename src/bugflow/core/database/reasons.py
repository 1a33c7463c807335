"""What a database said when it refused."""


def read_reason(error: Exception) -> str:
    """Return the first line of what the driver said, without the statement; the error's name where it said nothing."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__
