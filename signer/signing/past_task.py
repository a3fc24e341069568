"""In the sandbox: what time stamps prove, and what was known about certificates then.

Past signature validation (EN 319 102-1, 5.6): each time stamp over the document proves that what
it covers was there; so the newest is judged now, each older one as of the next, and a signature
as of the oldest good stamp over it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509

from signer.signing.chain import WEAK_DIGESTS, Path, Trust, may_stamp
from signer.signing.pdf_task import entry_of, raw_items
from signer.signing.revocation import (
    CLOCK_SKEW,
    Evidence,
    Revocation,
    RevocationState,
    load_answer,
    load_crl,
    revocation_of,
)
from signer.signing.signed_data import SignedData, Token


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One thing in the document security store and the revision that holds it."""

    encoded: bytes
    revision: int


@dataclass(frozen=True, kw_only=True)
class Store:
    """The document security store (EN 319 142-1, 5.4.2)."""

    certificates: tuple[Stored, ...] = ()
    crls: tuple[Stored, ...] = ()
    answers: tuple[Stored, ...] = ()


def store_of(reader: Any) -> Store:
    """The store of the newest revision. What it holds is evidence only once it verifies."""
    store = entry_of(reader.root, "/DSS")
    if store is None:
        return Store()
    return Store(
        certificates=_streams(reader, store, "/Certs"),
        crls=_streams(reader, store, "/CRLs"),
        answers=_streams(reader, store, "/OCSPs"),
    )


def _streams(reader: Any, store: Any, key: str) -> tuple[Stored, ...]:
    return tuple(
        Stored(
            encoded=item.get_object().data,
            revision=reader.xrefs.get_last_change(item.reference),
        )
        for item in raw_items(entry_of(store, key, ()))
    )


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """A time stamp whose signature is over the right bytes, and what it is worth."""

    at: datetime
    authority: str
    is_good: bool
    problem: str
    """An AdES subindication when it is not."""
    revision: int | None = None
    """A document time stamp's: it covers all revisions up to this one."""
    chain: tuple[x509.Certificate, ...] = ()


@dataclass(kw_only=True)
class Past:
    """What is known about certificates, growing by every time stamp that proves good."""

    trust: Trust
    store: Store
    stamps: list[Stamp] = field(default_factory=list)
    """The good document time stamps, newest first."""

    def __post_init__(self) -> None:
        self._certificates = [_certificate(one.encoded) for one in self.store.certificates]
        self._lists = [(load_crl(one.encoded), one.revision) for one in self.store.crls]
        self._answers = [(load_answer(one.encoded), one.revision) for one in self.store.answers]
        self._own = [Evidence(crl=crl, proven_at=self.trust.at) for crl in self.trust.crls]
        self._evidence: tuple[int, list[Evidence]] | None = None

    def proven_at(self, revision: int) -> datetime:
        """When this revision was there at the latest, by what is proven so far."""
        return min(
            (
                one.at
                for one in self.stamps
                if one.revision is not None and one.revision >= revision
            ),
            default=self.trust.at,
        )

    def evidence(self) -> list[Evidence]:
        """Lists and answers of the operator and of the document."""
        if self._evidence is None or self._evidence[0] != len(self.stamps):
            helpers = [one for one in self._certificates if one is not None]
            found = [
                Evidence(crl=crl, proven_at=self.proven_at(revision), revision=revision)
                for crl, revision in self._lists
                if crl is not None
            ]
            found += [
                Evidence(
                    answer=answer,
                    proven_at=self.proven_at(revision),
                    revision=revision,
                    helpers=helpers,
                )
                for answer, revision in self._answers
                if answer is not None
            ]
            self._evidence = (len(self.stamps), [*self._own, *found])
        return self._evidence[1]

    def carried_by(self, data: SignedData, revision: int) -> list[Evidence]:
        """Lists and answers inside a CMS object."""
        proven = self.proven_at(revision)
        lists = (load_crl(one) for one in data.crls)
        answers = (load_answer(one) for one in data.answers)
        return [
            *(Evidence(crl=one, proven_at=proven, revision=revision) for one in lists if one),
            *(Evidence(answer=one, proven_at=proven, revision=revision) for one in answers if one),
        ]

    def path_of(self, data: SignedData, moment: datetime, *, is_stamp: bool) -> Path:
        """The path of the one who signed this, also by certificates of the document."""
        embedded = [one for one in data.certificates if _certificate(one) is not None]
        embedded += [
            one.encoded
            for one, loaded in zip(self.store.certificates, self._certificates, strict=True)
            if loaded is not None
        ]
        return self.trust.path_of(data.certificate, embedded, moment, is_stamp=is_stamp)

    def standing(
        self,
        chain: Sequence[x509.Certificate],
        moment: datetime,
        evidence: Sequence[Evidence],
    ) -> tuple[Revocation, Revocation | None]:
        """(the last certificate's, the first problem of one between it and the root).

        `moment` is when the certificate was used at the latest.
        """
        ends: datetime | None = None
        for authority, issuer in zip(chain[1:-1], chain, strict=False):
            told = revocation_of(
                authority, issuer, evidence, self.trust.at, moment=moment, proven_before=ends
            )
            if told.state is RevocationState.REVOKED and told.revoked_at is not None:
                if moment >= told.revoked_at or moment == self.trust.at:
                    return told, told
                ends = told.revoked_at  # its word counts as far as it is proven to be older
                continue
            is_pinned = self.trust.is_pinned(authority)
            if told.state is not RevocationState.GOOD and (
                not is_pinned or told.state is RevocationState.SUSPENDED
            ):
                return told, told
        issuer = chain[-2] if len(chain) > 1 else chain[-1]
        told = revocation_of(
            chain[-1], issuer, evidence, self.trust.at, moment=moment, proven_before=ends
        )
        return told, None

    def stamp(self, token: Token, *, is_over: bool, revision: int, proven_at: datetime) -> Stamp:
        """What the token is worth as of `proven_at`, when it was there at the latest."""
        certificate = token.data.certificate
        path = Path(state="untrusted")
        problem = self._problem_of(token, is_over, proven_at)
        if not problem:
            path = self.path_of(token.data, proven_at, is_stamp=True)
            problem = _PATH_PROBLEMS.get(path.state, "CERTIFICATE_CHAIN_GENERAL_FAILURE")
        if not problem:
            evidence = [*self.evidence(), *self.carried_by(token.data, revision)]
            told, above = self.standing(path.chain, proven_at, evidence)
            problem = revocation_problem(told, above, proven_at)
        return Stamp(
            at=token.at,
            authority=_name_of(certificate),
            is_good=not problem,
            problem=problem,
            chain=path.chain,
        )

    def _problem_of(self, token: Token, is_over: bool, proven_at: datetime) -> str:
        if not is_over:
            return "HASH_FAILURE"
        if token.at > proven_at + CLOCK_SKEW:
            return "TIMESTAMP_ORDER_FAILURE"
        if is_weak(token.data) or token.imprint_hash.name in WEAK_DIGESTS:
            return "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
        if not may_stamp(token.data.certificate):
            return "CHAIN_CONSTRAINTS_FAILURE"
        return ""


_PATH_PROBLEMS = {
    "trusted": "",
    "untrusted": "NO_CERTIFICATE_CHAIN_FOUND",
    "expired": "OUT_OF_BOUNDS_NO_POE",
    "not_yet_valid": "OUT_OF_BOUNDS_NO_POE",
    "weak": "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
}


def revocation_problem(told: Revocation, above: Revocation | None, moment: datetime) -> str:
    """The AdES subindication, empty when nothing stands against the certificate as of then."""
    if above is not None:
        revoked = above.state is RevocationState.REVOKED
        return "REVOKED_CA_NO_POE" if revoked else "TRY_LATER"
    if told.state is RevocationState.GOOD:
        return ""
    if told.revoked_at is not None and moment < told.revoked_at:
        return ""
    return "REVOKED_NO_POE" if told.state is RevocationState.REVOKED else "TRY_LATER"


def level_of(
    past: Past,
    data: SignedData,
    chain: Sequence[x509.Certificate],
    stamps: Iterable[Stamp],
    moment: datetime,
    revision: int,
) -> str:
    """B-T, B-LT or B-LTA of a good B-B signature (EN 319 142-1, 6.3): the signature's chain and
    its stamps' against what the document itself brings."""
    good = [stamp for stamp in stamps if stamp.is_good]
    if not good:
        return "B-B"
    own = [one for one in past.evidence() if one.revision is not None]
    own += past.carried_by(data, revision)
    wanted = [(chain, moment), *((one.chain, one.at) for one in good if one.revision is None)]
    if not chain or not _is_complete(past, wanted, own):
        return "B-T"
    for stamp in past.stamps:
        covered = [one for one in own if (one.revision or 0) <= (stamp.revision or 0)]
        if _is_complete(past, wanted, covered):
            return "B-LTA"
    return "B-LT"


def _is_complete(
    past: Past,
    wanted: Sequence[tuple[Sequence[x509.Certificate], datetime]],
    evidence: Sequence[Evidence],
) -> bool:
    return all(
        revocation_of(certificate, issuer, evidence, past.trust.at, moment=moment).state
        in (RevocationState.GOOD, RevocationState.REVOKED)
        for chain, moment in wanted
        for certificate, issuer in zip(chain[1:], chain, strict=False)
    )


def is_weak(data: SignedData) -> bool:
    """Below Circular 15/2025: SHA-1 or older, RSA under 2048 bits (R35)."""
    key = data.certificate.public_key()
    size = getattr(key, "key_size", 256)
    if hasattr(key, "public_numbers") and hasattr(key.public_numbers(), "n") and size < 2048:
        return True
    return bool({data.digest.name, data.signed_with.name} & WEAK_DIGESTS)


def _certificate(encoded: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(encoded)
    except ValueError:
        return None


def _name_of(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return ", ".join(str(name.value) for name in names)
