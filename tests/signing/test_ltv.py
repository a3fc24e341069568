"""What a signature is worth years later: stamps, stored answers, levels, AdES indications."""

import asyncio
import dataclasses
import hashlib
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import crl as asn1_crl
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.ades import (
    _dss_to_local_knowledge,  # what B-LT means by its store
    ades_basic_validation,
    ades_lta_validation,
    ades_with_time_validation,
)
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer

from signer.signing.geometry import Box, Slot
from signer.signing.levels import Level
from signer.signing.pdf import augment_pdf, prepare_fields
from signer.signing.sandbox import Sandbox
from signer.signing.validation import SignatureVerdict, Verdict, VerdictClass, validate
from tests.clocks import StandingClock
from tests.signing.conftest import NOW, PDF, Authority, Identity, Sign
from tests.signing.lasting import Lasting
from tests.signing.reference import roots

DAY = timedelta(days=1)
HOLD = x509.ReasonFlags.certificate_hold
VALID, INVALID, OPEN = VerdictClass.VALID, VerdictClass.INVALID, VerdictClass.INDETERMINATE
Make = Callable[..., Path]
Check = Callable[..., Verdict]


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(NOW + timedelta(seconds=2))


@pytest.fixture
def lasting(authority: Authority, clock: StandingClock) -> Lasting:
    return Lasting(authority, clock)


@pytest.fixture
def official(lasting: Lasting) -> Identity:
    return lasting.certified("Trần Thị B", days=(-30, 700))


@pytest.fixture
def make(sign: Sign, lasting: Lasting, official: Identity, tmp_path: Path) -> Make:
    """The decision signed at a level."""

    def made(level: Level, source: Path = PDF / "quyet_dinh.pdf", **changed: Any) -> Path:
        out = tmp_path / f"{level}-{len(list(tmp_path.iterdir()))}.pdf"
        who = changed.pop("who", official)
        sign(
            source, out, who=who, level=level, stamper=lasting.stamper,
            material=lasting.material(who), **changed,
        )  # fmt: skip
        return out

    return made


@pytest.fixture
def check(authority: Authority, sandbox: Sandbox) -> Check:
    def verdict(
        path: Path,
        at: datetime,
        *,
        lists: tuple[bytes, ...] | None = None,
        stamp_roots: tuple[bytes, ...] = (),
    ) -> Verdict:
        return validate(
            path, trust_roots=[authority.root.der], intermediates=[authority.issuing.der],
            crls=[authority.crl(at=at)] if lists is None else lists, stamp_roots=stamp_roots, at=at,
            sandbox=sandbox,
        )  # fmt: skip

    return verdict


def newest(found: Verdict) -> SignatureVerdict:
    return [one for one in found.signatures if one.kind == "signature"][-1]


LEVELS = {Level.B_B: "B-B", Level.B_T: "B-T", Level.B_LT: "B-LT", Level.B_LTA: "B-LTA"}


@pytest.mark.parametrize("level", list(Level))
def test_each_level_is_named(make: Make, check: Check, level: Level) -> None:
    """What was asked for is what is found, with its stamp and what was added after it."""
    found = check(make(level), NOW + DAY)
    assert (found.verdict, found.pages, len(found.sha256)) == (VALID, 1, 64)
    signature = newest(found)
    assert signature.level == LEVELS[level]
    assert (signature.ades_indication, signature.ades_subindication) == ("TOTAL-PASSED", "")
    stamped = NOW + timedelta(seconds=2) if level.has_stamp else None
    assert signature.stamped_at == stamped
    assert signature.stamp_authority == ("Dấu thời gian" if level.has_stamp else "")
    kinds = [one.kind for one in found.signatures]
    assert kinds == ["signature", *["timestamp"] * (level is Level.B_LTA)]
    material = "Thêm thông tin xác thực: chứng thư số, trạng thái thu hồi."
    stamp = "Thêm dấu thời gian của tài liệu."
    expected = {Level.B_LT: (material,), Level.B_LTA: (material, stamp)}.get(level, ())
    assert signature.changes == expected


# After 700 days the official's certificate ends, after 2500 the TSA's.
FUTURE: dict[str, tuple[Level, int, VerdictClass, str]] = {
    "B-B expired": (Level.B_B, 900, OPEN, "OUT_OF_BOUNDS_NO_POE"),
    "B-T: today's list forgets who expired": (Level.B_T, 900, OPEN, "TRY_LATER"),
    "B-LT: its own answer remembers": (Level.B_LT, 900, VALID, ""),
    "B-LTA expired": (Level.B_LTA, 900, VALID, ""),
    "B-LT, its stamp expired too": (Level.B_LT, 2600, OPEN, "OUT_OF_BOUNDS_NO_POE"),
    "B-LTA, its stamp expired too": (Level.B_LTA, 2600, OPEN, "OUT_OF_BOUNDS_NO_POE"),
}


@pytest.mark.parametrize("case", FUTURE)
def test_the_years_after(make: Make, check: Check, case: str) -> None:
    """A level holds as long as what it holds on to."""
    level, days, verdict, subindication = FUTURE[case]
    signature = newest(check(make(level), NOW + days * DAY))
    assert (signature.verdict, signature.ades_subindication) == (verdict, subindication)


@pytest.fixture
def outside(clock: StandingClock) -> Lasting:
    """Another house with its own root, whose names are even the same as ours."""
    return Lasting(Authority(), clock)


@pytest.fixture
def stamped_outside(
    lasting: Lasting, outside: Lasting, official: Identity, sign: Sign, tmp_path: Path
) -> Callable[..., Path]:
    def made(level: Level, who: Identity = official, **changed: Any) -> Path:
        ours, theirs = lasting.material(who), outside.authority
        material = dataclasses.replace(
            ours,
            certificates=(
                *ours.certificates, outside.tsa.der, theirs.issuing.der, theirs.root.der
            ),
            crls=(*ours.crls, outside.root_list, theirs.crl()),
        )  # fmt: skip
        out = tmp_path / "outside.pdf"
        sign(
            PDF / "quyet_dinh.pdf", out, who=who, level=level, stamper=outside.stamper,
            material=material, **changed,
        )  # fmt: skip
        return out

    return made


@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_a_stamp_from_outside_counts_by_its_own_root(
    stamped_outside: Callable[..., Path], check: Check, outside: Lasting, level: Level
) -> None:
    """Judged by what the document brings about the other house; without its root the time is a
    claim again and an archive stamp is nobody's. What was trusted once for a stamp is not kept."""
    path = stamped_outside(level)
    roots = (outside.authority.root.der,)
    for _ in range(2):
        found = check(path, NOW + DAY, stamp_roots=roots)
        signature = newest(found)
        assert (found.verdict, signature.level) == (VALID, LEVELS[level]), found.to_json()
        assert signature.time_source == "timestamp"
        without = check(path, NOW + DAY)
        assert without.verdict is (OPEN if level is Level.B_LTA else VALID)
        assert (newest(without).level, newest(without).time_source) == ("B-B", "claimed")


def test_the_root_of_a_stamp_is_no_signers_root(
    stamped_outside: Callable[..., Path], check: Check, outside: Lasting
) -> None:
    """A signer certified by the other house is a stranger, whatever its stamps are worth."""
    stranger = outside.certified("Trần Thị B", days=(-30, 700))
    path = stamped_outside(Level.B_LTA, stranger, chain_der=(outside.authority.issuing.der,))
    for _ in range(2):  # the stamp's path is remembered the second time
        found = check(path, NOW + DAY, stamp_roots=(outside.authority.root.der,))
        stamp = next(one for one in found.signatures if one.kind == "timestamp")
        assert stamp.verdict is VALID
        signature = newest(found)
        assert (signature.verdict, signature.path) == (OPEN, "untrusted")
        assert signature.ades_subindication == "NO_CERTIFICATE_CHAIN_FOUND"


def test_a_revoked_tsa_outside_is_no_witness(
    stamped_outside: Callable[..., Path], check: Check, outside: Lasting
) -> None:
    """Its own issuer's list says so."""
    path = stamped_outside(Level.B_LTA)
    told = outside.authority.crl((outside.tsa, NOW - DAY), at=NOW + DAY)
    found = check(path, NOW + DAY, lists=(told,), stamp_roots=(outside.authority.root.der,))
    assert found.verdict is INVALID
    assert newest(found).time_source == "claimed"


def test_stamped_again_before_the_stamp_ends(
    make: Make, check: Check, authority: Authority, clock: StandingClock, sandbox: Sandbox,
    lasting: Lasting, tmp_path: Path,
) -> None:  # fmt: skip
    """Each stamp proves the one before it, with what was known of its authority then: good when
    all older certificates are long over."""
    path = make(Level.B_LTA)
    clock.at = NOW + 2000 * DAY
    later = Lasting(authority, clock, tsa_days=(1900, 2950))
    augment_pdf(
        path, tmp_path / "again.pdf", level=Level.B_LTA, stamper=later.stamper,
        material=later.material(lasting.tsa), at=clock.now(), sandbox=sandbox,
    )  # fmt: skip
    found = check(tmp_path / "again.pdf", NOW + 2800 * DAY)
    assert [(one.kind, one.verdict) for one in found.signatures] == [
        ("signature", VALID), ("timestamp", VALID), ("timestamp", VALID)
    ]  # fmt: skip
    assert newest(found).level == "B-LTA"
    assert newest(found).stamped_at == NOW + timedelta(seconds=2)
    assert check(path, NOW + 2800 * DAY).verdict is OPEN


def test_a_stamp_over_a_plain_signature(
    make: Make, check: Check, clock: StandingClock, lasting: Lasting, sandbox: Sandbox,
    official: Identity, tmp_path: Path,
) -> None:  # fmt: skip
    """It proves that the signature was there by then; the time of signing stays a claim."""
    path = make(Level.B_B)
    clock.at = NOW + 10 * DAY
    out = tmp_path / "later.pdf"
    augment_pdf(
        path, out, level=Level.B_LTA, stamper=lasting.stamper,
        material=lasting.material(official), at=clock.now(), sandbox=sandbox,
    )  # fmt: skip
    signature = newest(check(out, NOW + 900 * DAY))
    assert (signature.verdict, signature.level) == (VALID, "B-LTA")
    assert (signature.signed_at, signature.time_source) == (NOW, "claimed")
    assert signature.stamped_at == NOW + 10 * DAY


REVOKED: dict[str, tuple[Level, int, VerdictClass, str]] = {
    "before the stamp": (Level.B_LTA, -1, INVALID, "REVOKED_NO_POE"),
    "after the stamp": (Level.B_LTA, 5, VALID, ""),
    "after the stamp, B-T": (Level.B_T, 5, VALID, ""),
    "after the claimed time alone": (Level.B_B, 5, OPEN, "REVOKED_NO_POE"),
}


@pytest.mark.parametrize("case", REVOKED)
def test_revoked(
    make: Make, check: Check, authority: Authority, official: Identity, case: str
) -> None:
    """Today's list knows more than the answers that the document brought."""
    level, days, verdict, subindication = REVOKED[case]
    at = NOW + 20 * DAY
    told = authority.crl((official, NOW + days * DAY), at=at)
    signature = newest(check(make(level), at, lists=(told,)))
    assert (signature.verdict, signature.ades_subindication) == (verdict, subindication)
    assert signature.revoked_at == NOW + days * DAY


def test_a_revoked_authority_of_stamps(
    make: Make, check: Check, authority: Authority, lasting: Lasting
) -> None:
    """Its stamps prove nothing any more unless another stamp proves them older."""
    at = NOW + 20 * DAY
    told = authority.crl((lasting.tsa, NOW + DAY), at=at)
    signature = newest(check(make(Level.B_T), at, lists=(told,)))
    assert (signature.time_source, signature.level) == ("claimed", "B-B")
    assert "Dấu thời gian không hợp lệ." in signature.sentences


def test_the_document_alone_is_enough(make: Make, check: Check) -> None:
    """Without any list from us: its own answers, while they are in force for the newest stamp."""
    soon = NOW + timedelta(minutes=5)
    assert newest(check(make(Level.B_LTA), soon, lists=())).level == "B-LTA"
    assert check(make(Level.B_LTA), soon, lists=()).verdict is VALID
    assert check(make(Level.B_T), soon, lists=()).verdict is OPEN


def test_answers_of_others_count_for_nothing(
    make: Make, check: Check, authority: Authority, lasting: Lasting, official: Identity
) -> None:
    """A store filled by somebody without the responder's key."""
    forger = Lasting(authority, lasting.clock)
    forger.responder = authority.person("Trả lời OCSP", extended=(ExtendedKeyUsageOID.CLIENT_AUTH,))
    path = make(Level.B_LT)
    lasting._answers.clear()  # the forger's own are made instead
    lasting.responder = forger.responder
    forged = make(Level.B_LT)
    soon = NOW + timedelta(minutes=5)
    assert newest(check(path, soon)).level == "B-LT"
    assert newest(check(forged, soon)).level == "B-T"


def ades_of(path: Path, authority: Authority, crls: list[bytes], at: datetime) -> str:
    """pyHanko's AdES subindication of the newest signature, by the same roots and lists."""
    policy = PdfSignatureValidationSpec(
        SignatureValidationSpec(
            cert_validation_policy=CertValidationPolicySpec(
                trust_manager=SimpleTrustManager.build(trust_roots=roots(authority.root.der)),
                revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO),
            ),
            revinfo_gathering_policy=RevocationInfoGatheringSpec(
                RevinfoOnlineFetchingRule.LOCAL_ONLY
            ),
            local_knowledge=LocalKnowledge(
                known_crls=[CRLContainer(asn1_crl.CertificateList.load(one)) for one in crls],
                known_certs=roots(authority.issuing.der),
            ),
        )
    )
    timing = ValidationTimingInfo(
        validation_time=at, best_signature_time=at, point_in_time_validation=True
    )
    with path.open("rb") as file:
        reader = PdfFileReader(file, strict=False)
        embedded = reader.embedded_regular_signatures[-1]
        if reader.embedded_timestamp_signatures:
            judged = ades_lta_validation(embedded, policy, timing_info=timing)
        else:
            spec = policy.signature_validation_spec
            store = _dss_to_local_knowledge(reader)
            known = dataclasses.replace(
                spec.local_knowledge,
                known_crls=[*spec.local_knowledge.known_crls, *store.known_crls],
                known_ocsps=store.known_ocsps,
                known_certs=[*spec.local_knowledge.known_certs, *store.known_certs],
            )
            with_time = any(
                attribute["type"].native == "signature_time_stamp_token"
                for attribute in embedded.signer_info["unsigned_attrs"]
            )
            judge: Any = ades_with_time_validation if with_time else ades_basic_validation
            judged = judge(
                embedded.signed_data,
                dataclasses.replace(spec, local_knowledge=known),
                timing_info=timing,
                raw_digest=embedded.compute_digest(),
            )
        return str(asyncio.run(judged).ades_subindic.standard_name)


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("days", [1, 300, 900, 2600])
def test_as_pyhanko_judges(
    make: Make, check: Check, authority: Authority, level: Level, days: int
) -> None:
    """Passed or not passed, as its AdES validation, over levels and years.

    One difference is meant: pyHanko takes today's list as a word about who expired long ago. A
    list may leave such certificates out (RFC 5280, 3.3), so nobody who was revoked stands on it.
    """
    at = NOW + days * DAY
    lists = [authority.crl(at=at), authority.crl(issuer=authority.root, at=at)]
    path = make(level)
    theirs = ades_of(path, authority, lists, at)
    ours = newest(check(path, at, lists=tuple(lists)))
    if (level, days) == (Level.B_T, 900):
        assert (theirs, ours.ades_subindication) == ("OK", "TRY_LATER")
        return
    assert (ours.ades_indication == "TOTAL-PASSED") == (theirs == "OK")


def test_many_signers_each_at_the_last_level(
    make: Make, check: Check, lasting: Lasting, sign: Sign, tmp_path: Path
) -> None:
    """Every earlier signature stays valid and keeps its level."""
    path = tmp_path / "0.pdf"
    shutil.copy(PDF / "quyet_dinh.pdf", path)
    for number in range(3):
        who = lasting.certified(f"Người ký {number}", days=(-30, 700))
        box = Box(x0=60, y0=60 + 60 * number, x1=230, y1=110 + 60 * number)
        path = make(Level.B_LTA, path, who=who, box=box)
    found = check(path, NOW + 900 * DAY)
    assert [(one.kind, one.verdict) for one in found.signatures] == [
        ("signature", VALID), ("timestamp", VALID)
    ] * 3  # fmt: skip
    assert {one.level for one in found.signatures} == {"B-LTA", ""}


@pytest.mark.parametrize("is_prepared", [True, False])
def test_a_certified_document(
    make: Make, check: Check, lasting: Lasting, sandbox: Sandbox, authority: Authority,
    tmp_path: Path, is_prepared: bool,
) -> None:  # fmt: skip
    """Its first signature allows others in the fields that were there, and no further fields;
    that the update is ours is no excuse."""
    source, fields = PDF / "quyet_dinh.pdf", tmp_path / "fields.pdf"
    slots = [Slot(name="B", page=1, box=Box(x0=60, y0=60, x1=230, y1=110))]
    if is_prepared:
        prepare_fields(source, fields, slots, sandbox=sandbox)
        source = fields
    certified = make(Level.B_LTA, source, certify=True)
    found = check(certified, NOW + DAY)
    assert (found.verdict, [one.certified for one in found.signatures]) == (VALID, [True, False])
    ready = certified
    if not is_prepared:  # no signing page offers this, and signing itself refuses a new field
        prepare_fields(certified, fields, slots, sandbox=sandbox)
        ready = fields
    second = lasting.certified("Lê Văn C", days=(-30, 700))
    both = make(Level.B_LTA, ready, who=second, box=None, field_name="B")
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (certified, ready, both)]
    pairs = list(pairwise(hashes))
    for known in (None, lambda _: pairs):
        told = validate(
            both, trust_roots=[authority.root.der], intermediates=[authority.issuing.der],
            crls=[authority.crl()], at=NOW + DAY, known=known, sandbox=sandbox,
        )  # fmt: skip
        assert told.verdict is (VALID if is_prepared else INVALID)
        assert [one.certified for one in told.signatures] == [True, False, False, False]
