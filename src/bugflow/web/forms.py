"""Reading forms: every field as it was sent, also an empty one, which frameworks like to take for a missing one.

A form that is refused is kept, so that the answer shows what was typed and can send it again.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from bugflow.core.http.body_limit import find_refusal

FORM_TYPE = "application/x-www-form-urlencoded"
KEPT, KEPT_ACTION = "kept:", "kept-action"
CARRIED = frozenset({"once", "version", "after", "watch", "choose", "evidence", "back", "seen", "verdict"})
"""Fields that a form fills in itself: they are sent again and shown to nobody."""


@dataclass(frozen=True)
class KeptForm:
    """A form that was not taken: where it goes and everything it says."""

    action: str
    fields: Mapping[str, str]

    @property
    def typed(self) -> dict[str, str]:
        """What a person typed or chose, in the form's order."""
        return {name: text for name, text in self.fields.items() if text.strip() and name not in CARRIED}

    @property
    def carried(self) -> dict[str, str]:
        """The whole form as fields of another one; `unpack_form` gets it out again."""
        return {KEPT_ACTION: self.action} | {f"{KEPT}{name}": text for name, text in self.fields.items()}


def unpack_form(fields: Mapping[str, str]) -> KeptForm | None:
    """Return the form that another one carries."""
    action = fields.get(KEPT_ACTION)
    kept = {name.removeprefix(KEPT): text for name, text in fields.items() if name.startswith(KEPT)}
    return KeptForm(action, kept) if action and kept else None


async def read_form(request: Request) -> dict[str, str]:
    """Return the text fields of a form; of a repeated one the last."""
    async with request.form(max_files=0) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


async def keep_form(request: Request) -> None:
    """Read a form before anything can refuse it. Files cannot be kept: a browser never fills them in again."""
    if request.method == "POST" and request.headers.get("content-type", "").startswith(FORM_TYPE):
        request.state.form = KeptForm(request.url.path, await read_form(request))


def find_kept_form(request: Request) -> KeptForm | None:
    """Return the form of this request, if it was kept and somebody typed something into it."""
    kept = getattr(request.state, "form", None)
    return kept if isinstance(kept, KeptForm) and kept.typed else None


async def read_upload(request: Request) -> AsyncIterator[UploadFile | None]:
    """Give the form's file until the request is answered; nothing where none was chosen, or its body was refused."""
    if find_refusal(request) is not None:
        yield None
        return
    async with request.form(max_files=1) as form:
        file = form.get("file")
        yield file if isinstance(file, UploadFile) and file.filename else None


FormFields = Annotated[dict[str, str], Depends(read_form)]
FormFile = Annotated[UploadFile | None, Depends(read_upload)]
