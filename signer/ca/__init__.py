"""The authority's room: subject facts and a key in, certificates and revocation lists out."""

from signer.ca.authority import Authority, CertificateStatus
from signer.ca.crl import RevocationReason
from signer.ca.issuing import IssueOrder
from signer.ca.ledger import IssuedCertificate
from signer.ca.models import Certificate, CertificateState
from signer.ca.names import SubjectFacts
from signer.ca.profiles import Profile, ProfileSet, load_profiles
from signer.ca.revoking import RevocationOrder

__all__ = [
    "Authority",
    "Certificate",
    "CertificateState",
    "CertificateStatus",
    "IssueOrder",
    "IssuedCertificate",
    "Profile",
    "ProfileSet",
    "RevocationOrder",
    "RevocationReason",
    "SubjectFacts",
    "load_profiles",
]
