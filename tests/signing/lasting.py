"""What a lasting signature needs, from software keys: a TSA, OCSP answers, the root's list."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from signer.ca import ocsp
from signer.ca.certificate import whole_second
from signer.ca.profiles import load_profiles
from signer.ca.roles import RoleSigner
from signer.ca.schemes import scheme_for
from signer.ca.timestamp import TimestampAuthority
from signer.clock import Clock
from signer.signing.levels import Material
from tests.signing.conftest import DER, NOW, Authority, Identity, key_usage, name_of

ASKED_THERE = x509.AuthorityInformationAccess(
    [
        x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP,
            x509.UniformResourceIdentifier("http://ocsp.invalid"),
        )
    ]
)


class Lasting:
    """The TSA and the OCSP responder beside an authority; both say what the clock says."""

    def __init__(
        self, authority: Authority, clock: Clock, tsa_days: tuple[int, int] = (-10, 2500)
    ) -> None:
        self.authority, self.clock = authority, clock
        self.tsa = self.certified("Dấu thời gian", ExtendedKeyUsageOID.TIME_STAMPING, tsa_days)
        self.responder = self.certified(
            "Trả lời OCSP", ExtendedKeyUsageOID.OCSP_SIGNING, (tsa_days[0], 2500)
        )
        role = RoleSigner(key=self.tsa.key, certificate=self.tsa.certificate)  # type: ignore[arg-type]
        self.stamper = TimestampAuthority(
            lambda: role,
            load_profiles().tsa,
            clock,
            [authority.issuing.certificate],
        )
        self.root_list = authority.crl(issuer=authority.root, at=clock.now(), days=400)
        self.asked: list[datetime] = []
        self._answers: dict[tuple[int, datetime], bytes] = {}

    def certified(
        self,
        name: str,
        usage: x509.ObjectIdentifier | None = None,
        days: tuple[int, int] = (-10, 2500),
    ) -> Identity:
        """A certificate about which OCSP is asked, as our own authority issues them."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuing = self.authority.issuing
        builder = (
            x509.CertificateBuilder()
            .subject_name(name_of(name))
            .issuer_name(issuing.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + timedelta(days=days[0]))
            .not_valid_after(NOW + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                key_usage(digital_signature=True, content_commitment=True), critical=True
            )
            .add_extension(ASKED_THERE, critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing.key.public_key()),
                critical=False,
            )
        )
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        if usage == ExtendedKeyUsageOID.OCSP_SIGNING:
            builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
        return Identity(key, builder.sign(issuing.key, hashes.SHA256()))

    def material(self, *signers: Identity) -> Material:
        """About these signers and the TSA."""
        asked = [who.certificate for who in (*signers, self.tsa)]
        issuing = self.authority.issuing.certificate
        return Material(
            certificates=(
                *(one.public_bytes(DER) for one in asked),
                self.responder.der,
                self.authority.issuing.der,
                self.authority.root.der,
            ),
            crls=(self.root_list,),
            answer_sizes=tuple(
                ocsp.longest_response(issuing, one.serial_number, self.responder.certificate)
                for one in asked
            ),
            answers=lambda since: self._told(asked, since),
        )

    def _told(self, asked: list[x509.Certificate], since: datetime) -> tuple[bytes, ...]:
        self.asked.append(since)
        now = whole_second(self.clock.now())
        return tuple(self.answer(one.serial_number, now) for one in asked)

    def answer(self, serial: int, now: datetime) -> bytes:
        """The OCSP answer of this second: good."""
        if (serial, now) not in self._answers:
            scheme = scheme_for(self.responder.certificate.public_key(), None)
            single = ocsp.single_response(
                ocsp.cert_id(self.authority.issuing.certificate, serial).der,
                ocsp.CertStatus(is_known=True),
                now,
                now + timedelta(minutes=10),
            )
            named = ocsp.responder_id(self.responder.certificate)
            data = ocsp.response_data(named, now, [single], None)
            self._answers[serial, now] = ocsp.response(
                data,
                scheme.algorithm_der,
                scheme.sign(self.responder.key, data),
                self.responder.certificate,
            )
        return self._answers[serial, now]
