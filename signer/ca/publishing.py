"""Publishing revocation lists: number and lines, HSM, outcome, files."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signer.audit import Audit, Happening
from signer.ca import crl_ledger
from signer.ca.certificate import (
    Addresses,
    CaKey,
    key_identifier,
    raw_subject,
    sign_tbs,
    whole_second,
)
from signer.ca.crl import crl_tbs
from signer.ca.crl_ledger import DrawnList, FinishedList, Shard, SignedList
from signer.ca.issuing import held
from signer.ca.profiles import IssuingPolicy
from signer.ca.published import PublishedFiles
from signer.ca.schemes import scheme_for
from signer.clock import Clock
from signer.db import release, transaction
from signer.errors import N_, NotFound, Unavailable

_TOGETHER = 16
"""How many lists share a commit: few enough that nobody waits long for the write lock."""
_PAUSE_PER_ENTRY = timedelta(milliseconds=1)
"""How long a complete list that misses a change is left alone, for each of its lines. Making it
costs some microseconds a line, so however long it gets it takes below one per cent of a core;
the list that a certificate points to and OCSP know of every change at once."""


class Publishing:
    """The part of an `Authority` that publishes lists; use it through that."""

    def __init__(
        self,
        *,
        key: CaKey,
        certificate: x509.Certificate,
        chain: Sequence[x509.Certificate],
        profile: IssuingPolicy,
        clock: Clock,
        audit: Audit,
        addresses: Addresses,
        published: Path | None,
        root_crl: Path | None,
    ) -> None:
        self._key = key
        self._certificate = certificate
        self._profile = profile
        self._clock = clock
        self._audit = audit
        self._addresses = addresses
        self._files = None if published is None else PublishedFiles(published / "pki")
        self._root_crl = root_crl
        self._fixed = {
            "issuing.cer": certificate.public_bytes(Encoding.DER),
            "root.cer": (chain[-1] if chain else certificate).public_bytes(Encoding.DER),
        }

    def publish(self, shard: Shard, actor: str) -> bytes:
        """A new list of the shard (None: the complete one) is signed, stored and in its file.

        Its number is higher than any before. `NotFound` for a shard that does not exist;
        `Unavailable` when the HSM is away: the number taken is then left out.
        """
        self._require(shard)
        (der,) = self._publish([shard], actor)
        self._write_files()
        return der

    def current_der(self, shard: Shard) -> bytes:
        """The newest list of the shard; one is made first if there is none, or it has run out or
        misses a change. While the HSM is away a list serves until it runs out."""
        now = self._clock.now()
        found = crl_ledger.newest_lists([shard]).get(shard)
        if found is not None:
            changes = crl_ledger.newest_changes(found.audit_seq)
            if now < found.next_update and not _misses(found, changes, now):
                return self._stored(shard)
        else:
            self._require(shard)
        release()
        try:
            (der,) = self._publish([shard], "system")
        except Unavailable:
            if found is None or now >= found.next_update:
                raise
            return self._stored(shard)  # until the HSM is back, what it said last
        return der

    def current_ders(self) -> list[bytes]:
        """The complete list and, for what it does not know yet, those of the shards."""
        found = crl_ledger.newest_lists([None]).get(None)  # first this: what follows is newer
        lists = [self.current_der(None)]
        missed = crl_ledger.newest_changes(found.audit_seq) if found is not None else {}
        release()
        return lists + [self.current_der(shard) for shard in missed if shard is not None]

    def refresh(self, actor: str) -> bool:
        """Publishes every list that is due and puts the files right; True if a list was made."""
        shards = crl_ledger.shards_of(self._profile.crl_shards)
        due = self._due(shards)
        for start in range(0, len(due), _TOGETHER):
            self._publish(due[start : start + _TOGETHER], actor)
        self._write_files()
        return bool(due)

    def _due(self, shards: Sequence[Shard]) -> list[Shard]:
        """Those without a list, past half of its life, or with one that misses a change."""
        now = self._clock.now()
        newest = crl_ledger.newest_lists(shards)
        changes = crl_ledger.newest_changes(min((n.audit_seq for n in newest.values()), default=0))
        due = []
        for shard in shards:
            found = newest.get(shard)
            if (
                found is None
                or now >= found.this_update + (found.next_update - found.this_update) / 2
                or _misses(found, changes, now)
            ):
                due.append(shard)
        release()
        return due

    def _publish(self, shards: Sequence[Shard], actor: str) -> list[bytes]:
        """One commit for numbers and lines, the HSM, one commit for what came of it."""
        life = timedelta(seconds=self._profile.crl_seconds)
        with transaction():
            drawn = crl_ledger.draw(shards, whole_second(self._clock.now()), life)
        with held(self._key) as key:
            finished = [self._finish(one, key) for one in drawn]
        with transaction():
            crl_ledger.store(finished)
            self._audit.record_many(actor, [_event(one) for one in finished])
        return [one.der for one in finished]

    def _finish(self, drawn: DrawnList, key: CaKey) -> FinishedList:
        public_key = self._certificate.public_key()
        scheme = scheme_for(public_key, self._profile.signature or None)
        tbs = crl_tbs(
            signature_algorithm_der=scheme.algorithm_der,
            issuer_name_der=raw_subject(self._certificate),
            issuer_key_identifier=key_identifier(self._certificate),
            number=drawn.number,
            this_update=drawn.this_update,
            next_update=drawn.next_update,
            entries=drawn.entries.der,
            distribution_point=None
            if drawn.shard is None
            else self._addresses.crl_shard(drawn.shard),
        )
        der = sign_tbs(key, tbs, public_key, scheme)
        return FinishedList(drawn=drawn, der=der, sha256=hashlib.sha256(der).hexdigest())

    def _write_files(self) -> None:
        """The published folder says what the database says; heals what a crash left."""
        if self._files is None:
            return
        release()
        self._files.update(self._wanted_files, self._content)

    def _wanted_files(self) -> dict[str, str]:
        release()  # what others stored while we waited for our turn is to be seen
        shards = crl_ledger.shards_of(self._profile.crl_shards)
        newest = crl_ledger.newest_lists(shards)
        release()
        wanted = {_file_name(found.shard): found.sha256 for found in newest.values()}
        fixed = self._fixed
        if self._root_crl is not None and self._root_crl.exists():
            fixed = fixed | {"root.crl": self._root_crl.read_bytes()}
        return wanted | {name: hashlib.sha256(der).hexdigest() for name, der in fixed.items()}

    def _content(self, name: str) -> bytes:
        if name == "root.crl" and self._root_crl is not None:
            return self._root_crl.read_bytes()
        if name in self._fixed:
            return self._fixed[name]
        stem = name.removeprefix("crl/").removesuffix(".crl")
        return self._stored(None if stem == "issuing" else int(stem))

    def _stored(self, shard: Shard) -> bytes:
        found = crl_ledger.newest_der(shard)
        release()
        if found is None:
            raise RuntimeError(f"the newest list of shard {shard} has no bytes")
        return found

    def _require(self, shard: Shard) -> None:
        known = crl_ledger.shards_of(self._profile.crl_shards)
        release()
        if shard not in known:
            raise NotFound(N_("Không có danh sách thu hồi số %(number)s."), number=shard)


def _misses(found: SignedList, changes: Mapping[Shard, int], now: datetime) -> bool:
    """The list does not know of the last change, and has had its pause."""
    own = changes.get(found.shard, -1)
    if found.audit_seq < own:  # a certificate that names this very list as its own
        return True
    if found.shard is not None or found.audit_seq >= max(changes.values(), default=-1):
        return False
    age = now - found.this_update
    # One made by a clock that was ahead waits for nothing.
    return age >= _PAUSE_PER_ENTRY * found.entries or age < timedelta()


def _file_name(shard: Shard) -> str:
    return "issuing.crl" if shard is None else f"crl/{shard}.crl"


def _event(finished: FinishedList) -> Happening:
    details: dict[str, object] = {
        "entries": finished.drawn.entries.count,
        "sha256": finished.sha256,
    }
    if finished.drawn.shard is not None:
        details["shard"] = finished.drawn.shard
    return Happening(action="crl.publish", subject=f"crl:{finished.drawn.number}", details=details)
