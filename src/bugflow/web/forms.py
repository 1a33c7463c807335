"""Reading forms: every field as it was sent, also an empty one, which frameworks like to take for a missing one."""

from typing import Annotated

from fastapi import Depends, Request


async def read_form(request: Request) -> dict[str, str]:
    """Return the text fields of a form; of a repeated one the last."""
    async with request.form(max_files=0) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


FormFields = Annotated[dict[str, str], Depends(read_form)]
