"""What a person's certificate is to say, and where an existing one says something else."""

from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from sqlalchemy import Row, select

from signer.ca.names import SubjectFacts, mailbox, spelled, subject_der, written
from signer.config import Settings
from signer.db import db
from signer.errors import SignerError
from signer.inventory.models import OrgUnit
from signer.issuance.holdings import Holding, chain

Applicant = Holding | Row[*tuple[Any, ...]]
"""Who gets a certificate: a full name, an e-mail address and a unit path. Rows of columns, never
the session's own objects: those are read anew, one by one, after each commit."""


class Subjects:
    """Subjects as official certificates write them (domain.md 2.2): units in capitals."""

    def __init__(self, settings: Settings, unit_paths: Sequence[str]) -> None:
        """Reads the names of these units and of those above them, in one query."""
        self._settings = settings
        wanted = {above for path in unit_paths for above in chain(path)}
        rows = db.session.execute(
            select(OrgUnit.path, OrgUnit.name).where(OrgUnit.path.in_(wanted))
        )
        names: dict[str, str] = {row[0]: row[1] for row in rows}
        self._units = {
            path: tuple(names[above].upper() for above in chain(path)[1:])
            for path in set(unit_paths)
        }

    def of(self, person: Applicant) -> SubjectFacts:
        """The subject of this person's certificate, as the inventory has it today."""
        return SubjectFacts(
            common_name=person.full_name,
            organisation=self._settings.organisation,
            units=self.units(person.unit_path),
            locality=self._settings.locality,
            country="VN",
            email=person.email or "",
        )

    def units(self, path: str) -> tuple[str, ...]:
        """From the highest unit below the city to the unit at the path itself."""
        return self._units[path]


def units_in(certificate_der: bytes) -> tuple[str, ...]:
    """The units that a certificate names, the highest first."""
    return _units_of(x509.load_der_x509_certificate(certificate_der).subject)


def says(certificate_der: bytes, subject: SubjectFacts) -> bool:
    """True when the certificate's subject is this one, byte for byte; decides most cases fast."""
    try:
        return subject_der(subject) in certificate_der
    except SignerError:
        return False


def units_as_written(units: Sequence[str]) -> tuple[str, ...] | None:
    """These units as a certificate writes them; None when no certificate can."""
    try:
        return tuple(written(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units)
    except SignerError:
        return None


def has_changed(certificate_der: bytes, subject: SubjectFacts) -> bool:
    """True when a certificate for this subject would say something else than this one does."""
    certificate = x509.load_der_x509_certificate(certificate_der)
    addresses: list[str] = []
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        addresses = names.value.get_values_for_type(x509.RFC822Name)
    except x509.ExtensionNotFound:
        pass
    common_name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return (
        _units_of(certificate.subject) != units_as_written(subject.units)
        or common_name != spelled(subject.common_name)
        or [address.lower() for address in addresses] != [mailbox(subject.email or "").lower()]
    )


def _units_of(name: x509.Name) -> tuple[str, ...]:
    attributes = name.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return tuple(str(attribute.value) for attribute in attributes)
