"""Makers of uploads, and the short way through an import."""

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from signer.accounts import SYSTEM, Actor
from signer.outside.importing import ImportView
from signer.services import Services

HEADINGS = (
    *("STT", "Số chứng thư số", "Họ và tên", "Đơn vị", "Email", "Ngày cấp", "Ngày hết hạn"),
    *("Số hiệu thiết bị", "Loại phương tiện", "Trạng thái"),
)


def cer(folder: Path, certificate: x509.Certificate, name: str = "a.cer") -> Path:
    """One certificate in DER."""
    file = folder / name
    file.write_bytes(certificate.public_bytes(Encoding.DER))
    return file


def pem(folder: Path, *certificates: x509.Certificate) -> Path:
    """Several in one file, with Windows' line ends."""
    file = folder / "many.pem"
    texts = (certificate.public_bytes(Encoding.PEM) for certificate in certificates)
    file.write_bytes(b"".join(texts).replace(b"\n", b"\r\n"))
    return file


def p7b(folder: Path, *certificates: x509.Certificate, encoding: Encoding = Encoding.DER) -> Path:
    """CMS SignedData with certificates only (RFC 5652 section 5.1)."""
    file = folder / "many.p7b"
    file.write_bytes(pkcs7.serialize_certificates(list(certificates), encoding))
    return file


def zipped(folder: Path, *files: Path) -> Path:
    """The files in an archive, in a folder of it."""
    made = folder / "many.zip"
    with zipfile.ZipFile(made, "w") as archive:
        for file in files:
            archive.write(file, f"chứng thư/{file.name}")
    return made


def listed(folder: Path, *rows: Sequence[str], headings: Sequence[str] = HEADINGS) -> Path:
    """A CSV list below two title rows."""
    file = folder / "list.csv"
    with file.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["DANH SÁCH CHỨNG THƯ SỐ"])
        writer.writerow([])
        writer.writerow(headings)
        writer.writerows(rows)
    return file


def checked(services: Services, file: Path, actor: Actor = SYSTEM, **said: Any) -> ImportView:
    """The dry run of the file."""
    importing = services.outside.importing
    return importing.import_of(actor, importing.check(actor, file, file.name, **said))


def brought(services: Services, file: Path, actor: Actor = SYSTEM, **said: Any) -> ImportView:
    """The file, checked and stored, jobs and all."""
    view = checked(services, file, actor, **said)
    services.outside.importing.apply(actor, view.record.id)
    services.jobs.run(services.job_handlers)
    return services.outside.importing.import_of(actor, view.record.id)
