"""The OCSP responder: what it says of a certificate is signed once and repeated until it changes.

Three places hold an answer: the memory of this process, the ledger's table of answers, and, for
those in neither, the HSM. What is not said again (a nonce, several CertIDs, a certificate that is
not ours) is signed for its asker and kept nowhere.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from sqlalchemy.exc import SQLAlchemyError

from signer.ca import ocsp, ocsp_ledger
from signer.ca.authority import Authority
from signer.ca.certificate import whole_second
from signer.ca.ocsp import Answer, CertId, CertStatus, Malformed, OcspRequest
from signer.ca.ocsp_ledger import KeptAnswer, Known
from signer.ca.ocsp_memory import AnswerMemory, Remembered
from signer.ca.profiles import ProfileSet
from signer.ca.roles import RoleSigner
from signer.ca.schemes import scheme_for
from signer.ca.watching import LedgerWatch
from signer.clock import Clock
from signer.db import release
from signer.errors import N_, SignerError, Unavailable

REMEMBERED = 50_000
"""Answers in one process's memory, about 2 KB each."""
_QUEUED = 20_000
"""Answers that wait to be stored; beyond it they are only remembered."""
_STORED_TOGETHER = 500
_RENEWED_TOGETHER = 100
_RECALLED_TOGETHER = 1000
_NEWER_THAN_ALL = 2**31 - 1  # the largest INTEGER of PostgreSQL
_COLLECT_SECONDS = 0.2
"""How long answers are collected before they are stored in one commit."""
_SIGNING_AT_ONCE = 4
"""Callers in the HSM at a time; the others of its sessions are for those who issue and sign."""
_LOOKING_UP_AT_ONCE = 2
"""Callers in the database at a time: sixteen threads that hand the interpreter to each other
between the statements of their look-ups answer a fifth of what two do."""
_TURN_SECONDS = 2.0
_REST_SECONDS = 1.0
"""How long an HSM that was away is not asked again."""
_SLOW_SECONDS = 0.5
"""A state read longer ago than this is read again before it is told."""

_MALFORMED = ocsp.passing(ocsp.MALFORMED_REQUEST)
_INTERNAL_ERROR = ocsp.passing(ocsp.INTERNAL_ERROR)
_TRY_LATER = ocsp.passing(ocsp.TRY_LATER)
_UNAUTHORIZED = ocsp.passing(ocsp.UNAUTHORIZED)

_NO_SIGNER = N_("Chưa có khóa và chứng thư còn hiệu lực của dịch vụ OCSP.")
_AWAY = N_("HSM đang không trả lời; hãy thử lại sau ít giây.")
_BUSY = N_("Có quá nhiều câu hỏi OCSP cùng lúc; hãy thử lại sau ít giây.")
_BAD_SIGNATURE = N_("HSM trả về chữ ký không khớp với khóa của dịch vụ OCSP.")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Signed:
    """An answer as it was signed, and what it rests on."""

    der: bytes
    this_update: datetime
    next_update: datetime
    before: int
    """The newest audit event when the states were read."""
    found: dict[int, Known]
    signer: RoleSigner

    def passing(self) -> Answer:
        return ocsp.passing(self.der, self.this_update, self.next_update)


class OcspResponder:
    """Answers for the certificates of one authority. Threads share it; one for each process.

    `remembered` needs no database; `answer` and `keep` need one. Somebody calls `keep` in the
    background whenever `wait_for_work` says so, or nothing is stored and nothing renewed early.
    """

    def __init__(
        self,
        authority: Authority,
        signer: Callable[[], RoleSigner | None],
        profiles: ProfileSet,
        clock: Clock,
        remembered: int = REMEMBERED,
    ) -> None:
        self._issuer_ids = ocsp.issuer_ids(authority.certificate)
        self._issuer = authority.certificate
        self._signer_now = signer
        self._signer: RoleSigner | None = None
        self._changing = threading.Lock()
        self._life = timedelta(seconds=profiles.ocsp.answer_seconds)
        self._max_age = min(timedelta(seconds=profiles.ocsp.max_age_seconds), self._life / 2)
        self._clock = clock
        self._limit = remembered
        self._memory = AnswerMemory(remembered)
        self.watch = LedgerWatch(self._memory.forget)
        self._turns = threading.BoundedSemaphore(_SIGNING_AT_ONCE)
        self._look_ups = threading.BoundedSemaphore(_LOOKING_UP_AT_ONCE)
        self._resting_until = float("-inf")
        self._unstored: deque[tuple[KeptAnswer, CertStatus]] = deque(maxlen=_QUEUED)
        self._ageing: dict[bytes, None] = {}  # a set that keeps the order
        self._has_work = threading.Event()

    # Answering ---------------------------------------------------------------------------------

    def remembered(self, request_der: bytes) -> Answer | None:
        """The answer, if it needs neither database nor HSM; None sends the caller to `answer`."""
        if not self.watch.is_fresh():
            return None
        cert_id = ocsp.bare_cert_id(request_der)
        if cert_id is not None and (answer := self._found(cert_id)) is not None:
            return answer
        try:
            request = ocsp.parse_request(request_der)
        except Malformed:
            return _MALFORMED
        if request.nonce is not None or len(request.cert_ids) != 1:
            return None
        return self._found(request.cert_ids[0].der)

    def answer(self, request_der: bytes) -> Answer:
        """The answer to whatever was sent, a failure of ours included; raises nothing."""
        try:
            request = ocsp.parse_request(request_der)
        except Malformed:
            return _MALFORMED
        try:
            release()  # nothing of an earlier snapshot is told
            self.look()
            if self._signer is None:
                return _UNAUTHORIZED  # RFC 5019 section 2.2.3: it cannot answer for this CA
            if request.nonce is None and len(request.cert_ids) == 1:
                (cert_id,) = request.cert_ids
                return self._found(cert_id.der) or self._single(cert_id)
            return self._for_this_caller(request)
        except (Unavailable, SQLAlchemyError) as error:
            _log.warning("an OCSP question is put off", reason=type(error).__name__)
            return _TRY_LATER
        except Exception:  # noqa: BLE001  # whatever broke, the asker is owed an OCSPResponse
            _log.exception("an OCSP question could not be answered")
            return _INTERNAL_ERROR

    def fresh(self, serial: int) -> bytes:
        """An OCSPResponse about this serial of our CA, signed now, kept nowhere; `Unavailable`
        without signer or HSM."""
        self.look()
        cert_id = ocsp.cert_id(self._issuer, serial)
        return self._signed(OcspRequest(cert_ids=(cert_id,), nonce=None)).der

    def certificate(self) -> x509.Certificate:
        """The certificate of whoever signs the answers; `Unavailable` when nobody does."""
        self.look()
        if self._signer is None:
            raise Unavailable(_NO_SIGNER)
        return self._signer.certificate

    def _found(self, cert_id: bytes) -> Answer | None:
        """The answer in the memory, unless it has run out."""
        found = self._memory.find(cert_id)
        return None if found is None else self._in_time(cert_id, found)

    def _in_time(self, cert_id: bytes, found: Remembered) -> Answer | None:
        """The answer while it is good; past half its life, a new one will be signed."""
        now = self._clock.now()
        if found.this_update <= now < found.renew_at:
            return found.answer
        left = found.next_update - now
        if left <= timedelta() or now < found.this_update:
            return None
        self._ageing[cert_id] = None
        self._has_work.set()
        if left < self._max_age:  # RFC 5019 section 6.2: no cache keeps it beyond nextUpdate
            return ocsp.cacheable(found.answer.der, found.this_update, found.next_update, left)
        return found.answer

    def _single(self, cert_id: CertId) -> Answer:
        """The answer about one certificate, from the ledger's table or newly signed."""
        with self._look_ups:
            before = ocsp_ledger.newest_event()  # first this, then the state: see there
            found = ocsp_ledger.found(cert_id) if self._is_ours(cert_id) else None
            release()
        if found is None:
            return self._for_this_caller(OcspRequest(cert_ids=(cert_id,), nonce=None))
        known, kept = found
        if kept is not None and self._still_says(kept, known.status):
            remembered = self._rememberable(cert_id.serial, kept)
            if (in_time := self._in_time(cert_id.der, remembered)) is not None:
                self._remember(cert_id.der, remembered, before, self._signer)
                return in_time
        return self._newly_signed(cert_id)

    def _newly_signed(self, cert_id: CertId) -> Answer:
        """A new answer about one certificate, remembered and queued to be stored."""
        signed = self._signed(OcspRequest(cert_ids=(cert_id,), nonce=None))
        known = signed.found.get(cert_id.serial)
        if known is None:
            return signed.passing()
        kept = KeptAnswer(
            certificate_id=known.certificate_id,
            cert_id=cert_id.der,
            der=signed.der,
            this_update=signed.this_update,
            next_update=signed.next_update,
        )
        remembered = self._rememberable(cert_id.serial, kept)
        self._remember(cert_id.der, remembered, signed.before, signed.signer)
        self._unstored.append((kept, known.status))
        self._has_work.set()
        return remembered.answer

    def _for_this_caller(self, request: OcspRequest) -> Answer:
        return self._signed(request).passing()

    def _signed(self, request: OcspRequest) -> "_Signed":
        """What the ledger says of every CertID, signed. `Unavailable` while the HSM is away.

        Read again when the HSM took long, so that what is told was true a moment ago.
        """
        while True:
            before = ocsp_ledger.newest_event()  # first this, then the state: see there
            found = self._known(request.cert_ids)
            release()
            read_at = time.monotonic()
            signed = self._sign(request, before, found)
            if time.monotonic() - read_at <= _SLOW_SECONDS:
                return signed
            now = self._known(request.cert_ids)
            release()
            if now == found:
                return signed

    def _known(self, cert_ids: Sequence[CertId]) -> dict[int, Known]:
        return ocsp_ledger.known({c.serial for c in cert_ids if self._is_ours(c)})

    def _is_ours(self, cert_id: CertId) -> bool:
        return cert_id.issuer in self._issuer_ids and cert_id.serial > 0

    # Signing -----------------------------------------------------------------------------------

    def _sign(self, request: OcspRequest, before: int, found: dict[int, Known]) -> "_Signed":
        signer = self._signer
        now = whole_second(self._clock.now())
        if signer is None or not signer.is_valid(now):
            raise Unavailable(_NO_SIGNER)
        # Nobody can check an answer after its signer's certificate has run out.
        next_update = min(now + self._life, signer.certificate.not_valid_after_utc)
        singles = [
            ocsp.single_response(
                cert_id.der,
                found[cert_id.serial].status
                if cert_id.serial in found and self._is_ours(cert_id)
                else ocsp.UNKNOWN,
                now,
                next_update,
            )
            for cert_id in request.cert_ids
        ]
        data = ocsp.response_data(
            ocsp.responder_id(signer.certificate), now, singles, request.nonce
        )
        algorithm, signature = self._signature(signer, data)
        return _Signed(
            der=ocsp.response(data, algorithm, signature, signer.certificate),
            this_update=now,
            next_update=next_update,
            before=before,
            found=found,
            signer=signer,
        )

    def _signature(self, signer: RoleSigner, data: bytes) -> tuple[bytes, bytes]:
        """(AlgorithmIdentifier, signature), checked; `Unavailable` while the HSM is away."""
        if time.monotonic() < self._resting_until:
            raise Unavailable(_AWAY)
        if not self._turns.acquire(timeout=_TURN_SECONDS):
            raise Unavailable(_BUSY)
        public_key = signer.certificate.public_key()
        scheme = scheme_for(public_key)
        try:
            signature = scheme.sign(signer.key, data)
            scheme.verify(public_key, signature, data)
        except Unavailable:
            self._resting_until = time.monotonic() + _REST_SECONDS
            raise
        except InvalidSignature as error:
            raise SignerError(_BAD_SIGNATURE) from error
        finally:
            self._turns.release()
        return scheme.algorithm_der, signature

    def _still_says(self, kept: KeptAnswer, status: CertStatus) -> bool:
        """The stored answer is by the signer of today and agrees with the ledger."""
        signer = self._signer
        if signer is None:
            return False
        data = ocsp.response_data(
            ocsp.responder_id(signer.certificate),
            kept.this_update,
            [ocsp.single_response(kept.cert_id, status, kept.this_update, kept.next_update)],
            None,
        )
        return data in kept.der

    def _rememberable(self, serial: int, kept: KeptAnswer) -> Remembered:
        life = kept.next_update - kept.this_update
        return Remembered(
            answer=ocsp.cacheable(kept.der, kept.this_update, kept.next_update, self._max_age),
            serial=serial,
            this_update=kept.this_update,
            next_update=kept.next_update,
            renew_at=kept.this_update + life / 2,
        )

    # Remembering -------------------------------------------------------------------------------

    def look(self) -> None:
        """What moved in the ledger, or was signed by another signer, is forgotten."""
        if self.watch.is_fresh():
            return
        signer = self._signer_now()
        with self._changing:  # two that see a new signer at once: the second forgets nothing anew
            if signer is not self._signer:
                self._signer = signer
                self._memory.forget(None)
        self.watch.look()

    def _remember(
        self, cert_id: bytes, remembered: Remembered, before: int, signer: RoleSigner | None
    ) -> None:
        """What was true when `before` was the newest event, unless more has been seen since."""
        self._memory.put(
            cert_id,
            remembered,
            is_true=lambda: self.watch.seen <= before and signer is self._signer,
        )

    # In the background -------------------------------------------------------------------------

    def wait_for_work(self, seconds: float) -> bool:
        """True as soon as `keep` has something to do; gives it time to become worth a commit."""
        if not self._has_work.wait(seconds):
            return False
        time.sleep(_COLLECT_SECONDS)
        return True

    def wake(self) -> None:
        """Whoever waits for work goes on at once, though there may be none."""
        self._has_work.set()

    def recall(self) -> int:
        """What is stored is remembered, as far as there is room for it; how many answers.

        A process that begins need not look up one by one what others signed before it.
        """
        self.look()
        now, last, recalled = self._clock.now(), _NEWER_THAN_ALL, 0
        while len(self._memory) < self._limit:
            signer, before = self._signer, ocsp_ledger.newest_event()
            page = ocsp_ledger.kept_before(last, min(_RECALLED_TOGETHER, self._limit))
            release()
            if not page:
                break
            for serial, status, kept in page:
                if kept.this_update <= now < kept.next_update and self._still_says(kept, status):
                    found = self._rememberable(serial, kept)
                    self._remember(kept.cert_id, found, before, signer)
                    recalled += 1
            last = page[-1][2].certificate_id
        return recalled

    def keep(self) -> int:
        """New answers are stored, ageing ones signed anew; how many were stored.

        `Unavailable` when the HSM is away: then the ageing ones go on until they run out.
        """
        self._has_work.clear()
        stored = 0
        while self._unstored:
            count = min(len(self._unstored), _STORED_TOGETHER)
            stored += ocsp_ledger.keep([self._unstored.popleft() for _ in range(count)])
        for cert_id in list(self._ageing)[:_RENEWED_TOGETHER]:
            self._newly_signed(ocsp.cert_id_of(cert_id))
            self._ageing.pop(cert_id, None)
        return stored
