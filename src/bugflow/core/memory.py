"""Memory that a process no longer uses but still holds."""

import ctypes


def give_back_memory() -> None:
    """Give the system back what was freed: after much work in small pieces the C library keeps tens of megabytes.

    Only the GNU C library can be told so; elsewhere nothing happens.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
