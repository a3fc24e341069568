"""What makes a signature last: time stamps over it, and what it will be validated with."""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signer.ca.authority import Authority
from signer.ca.certificate import whole_second
from signer.ca.ocsp import longest_response
from signer.ca.responder import OcspResponder
from signer.ca.timestamp import TimestampAuthority
from signer.clock import HANOI, Clock
from signer.config import Settings
from signer.errors import N_, Conflict, Unavailable
from signer.signing.algorithms import earliest_end
from signer.signing.levels import Level, Material, Stamper
from signer.signing.tsa_client import OutsideTsa

_REMEMBERED = 4_000
"""Certificates whose material and newest answer are at hand, some 10 KB each."""
_AHEAD = timedelta(seconds=5)
"""How far another authority's clock may be before ours: what lasts is proved in order."""


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Stamping:
    """Time stamps, ours or an outside authority's, and validation material. Threads share it.

    Nothing here may be called inside a transaction: the HSM and the ledger are asked.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        authority: Authority,
        responder: OcspResponder,
        timestamps: TimestampAuthority,
    ) -> None:
        self.level = Level(settings.signature_level)
        """What a signature gets when nobody asks for another level."""
        self.is_outside = bool(settings.tsa_url)
        """Stamps come over the network and may take minutes."""
        self.may_go_without = settings.tsa_failure == "sign_without"
        """While there are no stamps, signatures are made at B-B, visibly."""
        self._clock = clock
        self._authority = authority
        self._responder = responder
        self._outside = OutsideTsa(settings, clock) if self.is_outside else None
        self._timestamps = timestamps
        self._root_list = _RootList(settings.pki / "root.crl")
        self._kept: OrderedDict[bytes, tuple[object, Material]] = OrderedDict()
        self._answers: OrderedDict[int, tuple[datetime, bytes]] = OrderedDict()
        self._lock = threading.Lock()
        self._algorithm_days = settings.algorithm_days
        self._ending: tuple[tuple[bytes, ...], tuple[datetime, str | None]] | None = None
        self.protects_until: datetime | None = None
        """What `stamps_until` said last; for those who may not ask, inside a transaction."""

    def stamper(self) -> Stamper:
        """Makes the time stamps, whatever level is asked for."""
        return self._outside or self._timestamps

    def material_of(self, certificate_der: bytes) -> Material:
        """What a signature or stamp by this certificate is validated with; kept while it is true.

        `Unavailable` while there is no OCSP signer, or no TSA.
        """
        self.stamps_until()
        rests_on = self._tsa_chain(), self._responder.certificate(), self._crls()
        with self._lock:
            found = self._kept.get(certificate_der)
        if found is not None and found[0] == rests_on:
            return found[1]
        material = self._material(certificate_der, *rests_on)
        with self._lock:
            _remember(self._kept, certificate_der, (rests_on, material))
        return material

    def _material(
        self,
        certificate_der: bytes,
        tsa_chain: Sequence[bytes],
        responder: x509.Certificate,
        crls: tuple[bytes, ...],
    ) -> Material:
        asked = dict.fromkeys(self._own_serials((certificate_der, *tsa_chain)))
        issuer = self._authority.certificate
        certificates = (
            certificate_der,
            *self._authority.chain_der(),  # root included, or AdES validation has no proof of it
            *tsa_chain,
            responder.public_bytes(Encoding.DER),
        )
        return Material(
            certificates=tuple(dict.fromkeys(certificates)),
            crls=crls,
            answer_sizes=tuple(longest_response(issuer, serial, responder) for serial in asked),
            answers=lambda since: tuple(self._answer(serial, since) for serial in asked),
        )

    def _own_serials(self, certificates: Sequence[bytes]) -> list[int]:
        """Of those that our CA issued: of others its responder knows nothing."""
        read = [x509.load_der_x509_certificate(certificate) for certificate in certificates]
        issuer = self._authority.certificate.subject
        return [one.serial_number for one in read if one.issuer == issuer]

    def _crls(self) -> tuple[bytes, ...]:
        return (*self._root_list.ders(), *(self._outside.crls() if self._outside else ()))

    def _tsa_chain(self) -> tuple[bytes, ...]:
        if self._outside is not None:
            return self._outside.chain_der
        return (self._timestamps.certificate().public_bytes(Encoding.DER),)

    def stamps_until(self) -> datetime:
        """When the TSA's present certificate, or an algorithm of its stamps, ends.

        `Unavailable` while there is no certificate.
        """
        return self._end()[0]

    def require_lasting(self, since: datetime) -> datetime:
        """`stamps_until`; `Conflict` when an algorithm of today's stamps ends before `since`: no
        stamp helps then before the TSA has another key."""
        end, algorithm = self._end()
        if algorithm is not None and end < since:
            raise Conflict(
                N_("Dấu thời gian dùng %(algorithm)s, hết giá trị ngày %(day)s: cần đổi khóa TSA."),
                algorithm=algorithm,
                day=f"{end.astimezone(HANOI) - timedelta(days=1):%d/%m/%Y}",
            )
        return end

    def _end(self) -> tuple[datetime, str | None]:
        chain = self._tsa_chain()
        if self._ending is None or self._ending[0] != chain:
            above = () if self._outside else self._authority.chain_der()
            read = [x509.load_der_x509_certificate(der) for der in (*chain, *above)]
            self._ending = chain, earliest_end(read, self._algorithm_days)
        self.protects_until = self._ending[1][0]
        return self._ending[1]

    @property
    def outside_roots(self) -> tuple[bytes, ...]:
        """DER; what stamps of the outside authority end in, for whoever judges them."""
        chain = self._outside.chain_der if self._outside else ()
        read = [(der, x509.load_der_x509_certificate(der)) for der in chain]
        return tuple(der for der, one in read if one.issuer == one.subject)

    def _answer(self, serial: int, since: datetime) -> bytes:
        """The answer, its thisUpdate not before `since`; the same one within a second."""
        wanted = whole_second(since)
        if (ahead := wanted - self._clock.now()) > timedelta():
            if ahead > _AHEAD:
                raise Unavailable(_CLOCKS)
            time.sleep(ahead.total_seconds())
        now = whole_second(self._clock.now())
        with self._lock:
            found = self._answers.get(serial)
        if found is not None and found[0] == now:
            return found[1]
        answer = self._responder.fresh(serial)
        with self._lock:
            _remember(self._answers, serial, (now, answer))
        return answer


class _RootList:
    """The root's list about our CA, read again when its file is another."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[object, tuple[bytes, ...]] = (None, ())

    def ders(self) -> tuple[bytes, ...]:
        """The list alone; nothing before a ceremony made one."""
        try:
            facts = self._file.stat()
        except FileNotFoundError:
            return ()
        mark = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
        if self._seen[0] != mark:
            self._seen = (mark, (self._file.read_bytes(),))
        return self._seen[1]


def _remember(kept: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _REMEMBERED:
        kept.popitem(last=False)


_CLOCKS = N_("Đồng hồ của máy chủ chậm hơn đồng hồ cấp dấu thời gian; hãy chỉnh lại đồng hồ.")
