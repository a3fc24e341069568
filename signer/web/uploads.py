"""PDF files that somebody sends: checked before they are used, kept only when asked to."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.datastructures import FileStorage

from signer.doors import base_name
from signer.errors import N_, Invalid
from signer.services import services

FILES_AT_ONCE = 20
"""As many documents as one dossier takes in one go (R46's batch limit)."""
_KEPT_SECONDS = 24 * 3600
_MEGABYTE = 1024 * 1024
_HEADER_BYTES = 1024  # viewers look for %PDF- in the first kilobyte (ISO 32000-1, annex H.3.4.1)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that lies on this machine's disk while the request lasts."""

    name: str
    path: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class KeptFile:
    """A file that is in the store already, because the form around it had another fault."""

    name: str
    sha256: str


@contextmanager
def uploaded_pdfs(field: str) -> Iterator[list[Upload]]:
    """The PDFs of the form's field, at least one, in the order they were chosen."""
    sent = [file for file in request.files.getlist(field) if file.filename]
    if not sent:
        raise Invalid(N_("Hãy chọn một tệp PDF."), field=field)
    if len(sent) > FILES_AT_ONCE:
        raise Invalid(
            N_("Mỗi lần chỉ gửi được tối đa %(limit)s tệp."), field=field, limit=FILES_AT_ONCE
        )
    with tempfile.TemporaryDirectory(prefix="signer-upload-") as folder:
        yield [_saved(file, Path(folder) / f"{n}.pdf", field) for n, file in enumerate(sent)]


def keep(field: str) -> tuple[KeptFile, ...]:
    """The PDFs of the field, now in the store; nothing when none was chosen.

    A file in the store that no document names harms nobody, and the clerk need not choose twenty
    files again because a date was wrong.
    """
    if not any(file.filename for file in request.files.getlist(field)):
        return ()
    with uploaded_pdfs(field) as uploads:
        store = services().files
        return tuple(KeptFile(name=file.name, sha256=store.put(file.path)) for file in uploads)


def kept_token(files: tuple[KeptFile, ...]) -> str:
    """What the form carries instead of the files; signed, so that it names no other file."""
    return _serializer().dumps([[file.name, file.sha256] for file in files])


def kept_files(field: str) -> tuple[KeptFile, ...]:
    """The files a token of `kept_token` names; `Invalid` when it is forged or a day old."""
    token = request.form.get(field, "")
    if not token:
        return ()
    try:
        named = _serializer().loads(token, max_age=_KEPT_SECONDS)
    except BadSignature as error:
        raise Invalid(N_("Các tệp đã gửi hết hạn; hãy chọn lại tệp."), field="files") from error
    return tuple(KeptFile(name=name, sha256=sha256) for name, sha256 in named)


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="kept-files")


def _saved(file: FileStorage, path: Path, field: str) -> Upload:
    name = clean_name(file.filename or "")
    file.save(path)
    size = path.stat().st_size
    limit = services().settings.upload_limit_bytes
    if size > limit:
        raise Invalid(
            N_("Tệp “%(name)s” lớn hơn %(limit)s MB, là mức tối đa được nhận."),
            field=field,
            name=name,
            limit=limit // _MEGABYTE,
        )
    with path.open("rb") as content:
        if b"%PDF-" not in content.read(_HEADER_BYTES):
            raise Invalid(N_("Tệp “%(name)s” không phải là tệp PDF."), field=field, name=name)
        content.seek(0)
        digest = hashlib.file_digest(content, "sha256")
    return Upload(name=name, path=path, size_bytes=size, sha256=digest.hexdigest())


def clean_name(name: str) -> str:
    """The last part of the name, printable, whatever system it comes from."""
    return base_name(name) or "tai-lieu.pdf"
