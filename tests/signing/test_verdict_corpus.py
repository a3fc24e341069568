"""Other people's signed PDFs: what is said of the signed bytes is what pyHanko says."""

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.generic_cms import validate_sig_integrity
from pyhanko.sign.validation.status import SignatureCoverageLevel

from signer.signing.sandbox import Sandbox
from signer.signing.validation import Coverage, Integrity, validate
from tests.signing import corpus
from tests.signing.conftest import NOW

OTHERWISE = {
    "one-byterange.pdf": "the gap around the signature is not left out of the signed bytes",
    "ed448-shake256-nolen.pdf": "a hash that Circular 15/2025 does not know",
    "base.pdf": "nothing but zeros where the signature belongs; pyHanko cannot be asked",
}


def verdicts_of_pyhanko(data: bytes) -> list[tuple[bool, bool]]:
    """(intact, nothing but permitted changes after it) of each signature."""
    return [
        _verdict(one) for one in PdfFileReader(io.BytesIO(data), strict=False).embedded_signatures
    ]


def _verdict(embedded: Any) -> tuple[bool, bool]:
    digest, same = embedded.compute_digest(), True
    is_stamp = embedded.sig_object.get("/Type") == "/DocTimeStamp"
    if is_stamp:
        content = embedded.signed_data["encap_content_info"]["content"]
        same = content.parsed["message_imprint"]["hashed_message"].native == digest
        digest = hashlib.new(embedded.md_algorithm, bytes(content)).digest()
    try:
        intact, verifies = validate_sig_integrity(
            embedded.signer_info,
            embedded.signer_cert,
            expected_content_type="tst_info" if is_stamp else "data",
            actual_digest=digest,
        )
        embedded.compute_integrity_info()
    except Exception:  # noqa: BLE001  # one of many ways to say that it cannot be read
        return False, False
    told = embedded.summarise_integrity_info()
    covers = told["coverage"] >= SignatureCoverageLevel.ENTIRE_REVISION
    return intact and verifies and same, bool(covers and told["docmdp_ok"])


def signed_documents() -> dict[str, bytes]:
    return {
        name: data
        for name, data in corpus.documents().items()
        if b"/ByteRange" in data and Path(name).name not in OTHERWISE
    }


def test_the_signed_bytes_are_judged_as_by_pyhanko(sandbox: Sandbox, tmp_path: Path) -> None:
    """BER and DER, RSA, PSS, DSA, EdDSA and ECDSA, stamps, updates good and bad."""
    path, judged = tmp_path / "x.pdf", 0
    for name, data in signed_documents().items():
        path.write_bytes(data)
        found = validate(path, trust_roots=[], at=NOW, sandbox=sandbox).signatures
        if not found:  # locked, or empty fields only
            continue
        theirs = verdicts_of_pyhanko(data)
        ours = [
            (
                one.integrity is Integrity.INTACT,
                one.coverage_after in (Coverage.NOTHING, Coverage.PERMITTED),
            )
            for one in found
        ]
        judged += len(ours)
        assert [intact for intact, _ in ours] == [intact for intact, _ in theirs], name
        for (intact, ours_after), (_, theirs_after) in zip(ours, theirs, strict=True):
            assert not intact or ours_after == theirs_after, name
    assert judged >= 30


@pytest.mark.parametrize("name", OTHERWISE)
def test_where_we_are_stricter(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    """Each with its reason in the table."""
    (data,) = [data for path, data in corpus.documents().items() if Path(path).name == name][:1]
    (tmp_path / "x.pdf").write_bytes(data)
    found = validate(tmp_path / "x.pdf", trust_roots=[], at=NOW, sandbox=sandbox)
    assert found.signatures[0].integrity is Integrity.BROKEN
