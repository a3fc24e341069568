"""The transcript of a ceremony: what was made, of what hash, on which token, in whose presence.

Vietnamese with English beside it, whatever the terminal's language: it is printed, signed by
hand and put away. One file for each ceremony's file; a later run that makes more adds a section.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509

from signer.ca.outputs import Output, sha256
from signer.cli.ceremony.holding import Done, Outcome
from signer.cli.ceremony.plan import CaStep, Ceremony, CrlStep, RoleStep
from signer.cli.ceremony.tokens import Tokens
from signer.clock import HANOI

_RULE = "=" * 78
_BLANK = "." * 40


def enter(
    folder: Path, ceremony: Ceremony, done: Sequence[Done], tokens: Tokens, at: datetime
) -> Path | None:
    """The transcript names every output that is there; returns it when it had to be written.

    What an earlier run made and could not enter, because it was cut, is entered now.
    """
    output = Output(folder / ceremony.transcript)
    before = (output.content() or b"").decode("utf-8")
    news = [d for d in done if d.file.exists() and _mark(d) not in before]
    if not news:
        return None
    section = "\n".join(_section(ceremony, news, done, tokens, at))
    output.settle(f"{before}{section}\n".encode())
    return output.file


def is_entered(folder: Path, ceremony: Ceremony) -> bool:
    """Whether every output that is there stands in the transcript; asks no HSM."""
    text = (Output(folder / ceremony.transcript).content() or b"").decode("utf-8")
    return all(
        _mark(Done(step=step, file=folder / step.output, outcome=Outcome.KEPT)) in text
        for step in ceremony.steps
        if (folder / step.output).exists()
    )


def _mark(done: Done) -> str:
    """What shows that the output was entered: its hash, or its key's where it is renewed alone."""
    content = done.file.read_bytes()
    if not isinstance(done.step, RoleStep):
        return sha256(content)
    certificate = x509.load_pem_x509_certificate(content)
    return certificate.extensions.get_extension_for_class(
        x509.SubjectKeyIdentifier
    ).value.digest.hex()


def _section(
    ceremony: Ceremony, news: Sequence[Done], done: Sequence[Done], tokens: Tokens, at: datetime
) -> list[str]:
    lines = [
        _RULE,
        "BIÊN BẢN NGHI LỄ TẠO KHÓA / KEY CEREMONY TRANSCRIPT",
        _RULE,
        f"Tên / Title:            {ceremony.title}",
        f"Địa điểm / Place:       {ceremony.place}",
        f"Thời điểm / Held at:    {at.astimezone(HANOI).isoformat(timespec='seconds')}",
        f"Tệp / File:             {ceremony.file}",
        f"SHA-256:                {ceremony.sha256}",
        "",
        "Token / Tokens",
    ]
    for token in ceremony.tokens:
        serial = tokens.serial_of(token) or "không có ở máy này / not present"
        lines.append(f"  {token.label}: {serial}")
    lines += ["", "Đã tạo / Made"]
    for one in news:
        lines += _entry(ceremony, one)
    waiting = [one.step.output for one in done if one.outcome is Outcome.WAITING]
    if waiting:
        lines += ["", f"Còn chờ / Still to be made: {', '.join(waiting)}"]
    lines += ["", "Người tham dự ký tên / Signatures of those present"]
    for operator in ceremony.operators:
        lines += ["", f"  {operator.role}: {operator.name}", f"  {_BLANK}"]
    return [*lines, ""]


def _entry(ceremony: Ceremony, one: Done) -> list[str]:
    content = one.file.read_bytes()
    lines = [
        "",
        f"  {one.file.name} ({_WORDS[one.step.make]})",
        f"    SHA-256:  {sha256(content)}",
    ]
    if isinstance(one.step, CrlStep):
        crl = x509.load_der_x509_crl(content)
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        return [
            *lines,
            f"    CA:       {crl.issuer.rfc4514_string()}",
            f"    Số / No.: {number}, thu hồi / revoked: {len(list(crl))}",
            f"    Từ / From {crl.last_update_utc} đến / to {crl.next_update_utc}",
        ]
    certificate = x509.load_pem_x509_certificate(content)
    key_id = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    lines += [
        f"    Chủ thể / Subject:  {certificate.subject.rfc4514_string()}",
        f"    CA cấp / Issuer:    {certificate.issuer.rfc4514_string()}",
        f"    Số hiệu / Serial:   {certificate.serial_number:x}",
        f"    Từ / From:          {certificate.not_valid_before_utc}",
        f"    Đến hết / Until:    {certificate.not_valid_after_utc}",
        f"    Mã khóa / Key ID:   {key_id.hex()}",
    ]
    if isinstance(one.step, CaStep | RoleStep):
        key = one.step.key
        label = ceremony.token_of(key).label
        lines.append(f"    Khóa / Key:         {key.algorithm}, “{key.label}”, token {label}")
    return lines


_WORDS = {
    "root": "CA gốc / root CA",
    "subordinate": "CA cấp dưới / subordinate CA",
    "cross": "chứng thực chéo / cross certificate",
    "crl": "danh sách thu hồi / revocation list",
    "ocsp-signer": "máy trả lời OCSP / OCSP signer",
    "tsa-signer": "máy cấp dấu thời gian / TSA signer",
}
