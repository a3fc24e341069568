"""What the pages and the JSON door share: who may open what, and files that somebody sends."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, TypeVar

from werkzeug.datastructures import FileStorage

from signer.accounts import Permission
from signer.errors import N_, Invalid

LARGEST_ID = 2**31 - 1
"""Ids are 32-bit integers in PostgreSQL; a larger number in an address names nothing."""
_NAME_LENGTH = 150
_MARK = "signer_access"
_View = TypeVar("_View", bound=Callable[..., Any])  # a view returns whatever Flask can answer


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a view asks of its caller; a permission implies being signed in.

    Over which unit the permission is needed is the service's question: it knows the object.
    """

    signed_in: bool = True
    permission: Permission | None = None
    with_old_password: bool = False
    """Open to an account that must first choose another password."""


PUBLIC = Access(signed_in=False)
"""Open to everybody; `g.actor` may be None."""
SIGNED_IN = Access()
"""Open to everybody with an account; the service decides the rest."""
BEFORE_NEW_PASSWORD = Access(with_old_password=True)


def marked(view: _View, access: Access | Permission) -> _View:
    """The view is open to those."""
    setattr(view, _MARK, Access(permission=access) if isinstance(access, Permission) else access)
    return view


def access_of(view: Callable[..., Any]) -> Access | None:
    """The mark of a view; None when nobody decided, which means closed."""
    found = getattr(view, _MARK, None)
    return found if isinstance(found, Access) else None


@contextmanager
def saved(uploads: Sequence[FileStorage], field: str) -> Iterator[list[tuple[str, Path]]]:
    """(file name, local file) of each upload in its order; gone again after the block.

    The name is what the caller called the file, without folders; the local file has a name of
    ours. Raises `Invalid` for a part without a file name or without bytes.
    """
    with tempfile.TemporaryDirectory(prefix="signer-upload-") as folder:
        found = []
        for number, upload in enumerate(uploads):
            name = base_name(upload.filename or "")
            if not name:
                raise Invalid(N_("Phần tệp gửi lên không có tên tệp."), field=field)
            path = Path(folder) / f"{number}{PurePosixPath(name).suffix.lower()[:8]}"
            upload.save(path)
            if path.stat().st_size == 0:
                raise Invalid(N_("Tệp “%(name)s” không có nội dung."), field=field, name=name)
            found.append((name, path))
        yield found


def base_name(name: str) -> str:
    """The last part of a path of either kind, printable, at most its last 150 letters."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    return "".join(letter for letter in last if letter.isprintable()).strip()[-_NAME_LENGTH:]
