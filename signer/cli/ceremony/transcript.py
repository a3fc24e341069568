"""The transcript of a ceremony: what was made, of what hash, on which token, in whose presence.

Vietnamese with English beside it, whatever the terminal's language: it is printed, signed by
hand and put away. One file for each ceremony's file; a later run that makes more adds a section.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509

from signer.ca.hierarchy import crl_number
from signer.ca.outputs import Output, sha256
from signer.cli.ceremony.holding import Done, Outcome
from signer.cli.ceremony.plan import CaStep, Ceremony, CrlStep, RoleStep
from signer.cli.ceremony.tokens import Tokens
from signer.clock import HANOI

_RULE = "=" * 78


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
    output.settle(f"{before}{_section(ceremony, news, done, tokens, at)}\n".encode())
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
    return _key_id(x509.load_pem_x509_certificate(content))


def _section(
    ceremony: Ceremony, news: Sequence[Done], done: Sequence[Done], tokens: Tokens, at: datetime
) -> str:
    absent = "không có ở máy này / not present"
    places = [f"  {token.label}: {tokens.serial_of(token) or absent}" for token in ceremony.tokens]
    waiting = [one.step.output for one in done if one.outcome is Outcome.WAITING]
    signatures = [f"\n  {one.role}: {one.name}\n  {'.' * 40}" for one in ceremony.operators]
    return "\n".join(
        [
            _RULE,
            "BIÊN BẢN NGHI LỄ TẠO KHÓA / KEY CEREMONY TRANSCRIPT",
            _RULE,
            f"Tên / Title:            {ceremony.title}",
            f"Địa điểm / Place:       {ceremony.place}",
            f"Thời điểm / Held at:    {at.astimezone(HANOI).isoformat(timespec='seconds')}",
            f"Tệp / File:             {ceremony.file}",
            f"SHA-256:                {ceremony.sha256}",
            "\nToken / Tokens",
            *places,
            "\nĐã tạo / Made",
            *(_entry(ceremony, one) for one in news),
            *([f"\nCòn chờ / Still to be made: {', '.join(waiting)}"] if waiting else []),
            "\nNgười tham dự ký tên / Signatures of those present",
            *signatures,
            "",
        ]
    )


def _entry(ceremony: Ceremony, one: Done) -> str:
    content, step = one.file.read_bytes(), one.step
    head = f"\n  {one.file.name} ({_WORDS[step.make]})\n    SHA-256:  {sha256(content)}"
    if isinstance(step, CrlStep):
        crl = x509.load_der_x509_crl(content)
        return f"""{head}
    CA:       {crl.issuer.rfc4514_string()}
    Số / No.: {crl_number(crl)}, thu hồi / revoked: {len(list(crl))}
    Từ / From {crl.last_update_utc} đến / to {crl.next_update_utc}"""
    certificate = x509.load_pem_x509_certificate(content)
    lines = f"""{head}
    Chủ thể / Subject:  {certificate.subject.rfc4514_string()}
    CA cấp / Issuer:    {certificate.issuer.rfc4514_string()}
    Số hiệu / Serial:   {certificate.serial_number:x}
    Từ / From:          {certificate.not_valid_before_utc}
    Đến hết / Until:    {certificate.not_valid_after_utc}
    Mã khóa / Key ID:   {_key_id(certificate)}"""
    if not isinstance(step, CaStep | RoleStep):
        return lines
    key, token = step.key, ceremony.token_of(step.key).label
    return f"{lines}\n    Khóa / Key:         {key.algorithm}, “{key.label}”, token {token}"


def _key_id(certificate: x509.Certificate) -> str:
    found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return found.value.digest.hex()


_WORDS = {
    "root": "CA gốc / root CA",
    "subordinate": "CA cấp dưới / subordinate CA",
    "cross": "chứng thực chéo / cross certificate",
    "crl": "danh sách thu hồi / revocation list",
    "ocsp-signer": "máy trả lời OCSP / OCSP signer",
    "tsa-signer": "máy cấp dấu thời gian / TSA signer",
}
