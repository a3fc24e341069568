"""Files in a multipart body, on this machine's disk while the request lasts."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

from werkzeug.datastructures import FileStorage

from signer.errors import N_, Invalid

_NAME_LENGTH = 200


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
    """The last part of a path of either kind, without control characters, at most 200 letters."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    return "".join(c for c in last if c.isprintable()).strip()[-_NAME_LENGTH:]
