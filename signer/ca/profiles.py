"""Certificate profiles: what `certs/profiles.toml` says, checked once and frozen."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from signer.ca.schemes import SCHEMES
from signer.errors import N_, ConfigError, Invalid

PROFILES = Path(__file__).parents[2] / "certs" / "profiles.toml"
Kind = Literal["person", "organisation", "system", "ocsp", "tsa"]

MAX_PERSONAL_VALIDITY_DAYS = 1825  # Decree 68/2024/NĐ-CP article 9: five years
_EXTENSION_DAYS = 1095  # Decree 68/2024/NĐ-CP article 9: an extension is three years at most
_LONGEST_DAYS: dict[str, int] = {
    "person": MAX_PERSONAL_VALIDITY_DAYS,
    "organisation": MAX_PERSONAL_VALIDITY_DAYS,
    "system": MAX_PERSONAL_VALIDITY_DAYS,
    # Nobody can look up whether it is revoked, so it is short-lived (RFC 6960 4.2.2.2.1).
    "ocsp": 366,
    "tsa": 3650,  # no longer than the issuing CA as we make it
}
KEY_USAGES = ("digital_signature", "content_commitment")
KEY_ALGORITHMS = ("p256", "p384", "rsa3072", "rsa4096")
DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"  # RFC 9336 section 3.1
TIME_STAMPING = "1.3.6.1.5.5.7.3.8"  # RFC 3161 section 2.3
OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"  # RFC 6960 section 4.2.2.2
_ANY_PURPOSE = "2.5.29.37.0"
STAMP_HASHES = ("sha256", "sha384", "sha512")
MAX_SHARDS = 4096  # every one is a file, signed anew each day


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One kind of end-entity certificate."""

    name: str
    kind: Kind
    validity_days: int
    key_usage: tuple[str, ...]
    """cryptography's names of the bits; the extension is critical (RFC 5280 4.2.1.3)."""
    extended_key_usage: tuple[str, ...]
    extended_key_usage_critical: bool
    policy: str
    key_algorithms: tuple[str, ...]
    ocsp_no_check: bool
    """It says of itself that nobody need ask whether it is revoked (RFC 6960 4.2.2.2.1)."""
    revocation_addresses: bool
    """It says where its CRL and the OCSP responder are."""


@dataclass(frozen=True, kw_only=True)
class IssuingPolicy:
    """How the issuing CA works, day by day; what it is, its ceremony decided."""

    crl_seconds: int
    """How long its CRL is good for."""
    signature: str
    """The scheme it signs with, which must fit its key; empty for the usual one."""
    crl_shards: int
    """Into how many lists its certificates are spread; 0 for one complete list alone."""


@dataclass(frozen=True, kw_only=True)
class OcspPolicy:
    """How OCSP answers are given."""

    answer_seconds: int
    """From thisUpdate to nextUpdate."""
    max_age_seconds: int
    """How long a cache between us and the asker may keep one (RFC 5019 section 6.2)."""


@dataclass(frozen=True, kw_only=True)
class TsaPolicy:
    """How time stamps are given."""

    policy_oid: str
    accuracy_seconds: int
    hashes: tuple[str, ...]
    """What a stamp may be asked over."""


@dataclass(frozen=True, kw_only=True)
class ProfileSet:
    """All of the file."""

    issuing: IssuingPolicy
    profiles: Mapping[str, Profile]
    ocsp: OcspPolicy
    tsa: TsaPolicy

    def profile_of(self, name: str) -> Profile:
        """The profile of this name; `Invalid` when there is none."""
        try:
            return self.profiles[name]
        except KeyError as error:
            raise Invalid(
                N_("Không có mẫu chứng thư nào tên là “%(name)s”."), name=name, field="profile"
            ) from error


def load_profiles(file: Path = PROFILES) -> ProfileSet:
    """The file's profiles; `ConfigError` for a missing, unknown or impossible entry."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        profiles = {name: _profile(name, entry) for name, entry in table.pop("profiles").items()}
        loaded = ProfileSet(
            issuing=_issuing(table.pop("issuing")),
            profiles=profiles,
            ocsp=_ocsp(table.pop("ocsp")),
            tsa=_tsa(table.pop("tsa")),
        )
        if table:
            raise ValueError(f"unknown entry {next(iter(table))}")
    except KeyError as error:
        raise ConfigError(_BAD_FILE, file=file.name, why=f"no entry {error}") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(_BAD_FILE, file=file.name, why=str(error)) from error
    return loaded


_BAD_FILE = N_("Tệp mẫu chứng thư %(file)s không hợp lệ: %(why)s.")


def _issuing(entry: dict[str, Any]) -> IssuingPolicy:
    _refuse_unknown(entry, {"crl_hours", "crl_shards", "signature"})
    return IssuingPolicy(
        crl_seconds=_number(entry, "crl_hours", 1, 744) * 3600,
        signature=_one_of(entry["signature"], tuple(SCHEMES)) if "signature" in entry else "",
        crl_shards=_number(entry, "crl_shards", 0, MAX_SHARDS, 0),
    )


def _ocsp(entry: dict[str, Any]) -> OcspPolicy:
    _refuse_unknown(entry, set(OcspPolicy.__dataclass_fields__))
    answer = _number(entry, "answer_seconds", 60, 7 * 86400)
    return OcspPolicy(
        answer_seconds=answer, max_age_seconds=_number(entry, "max_age_seconds", 0, answer)
    )


def _tsa(entry: dict[str, Any]) -> TsaPolicy:
    _refuse_unknown(entry, set(TsaPolicy.__dataclass_fields__))
    return TsaPolicy(
        policy_oid=_oid(entry["policy_oid"]),
        accuracy_seconds=_number(entry, "accuracy_seconds", 1, 60),
        hashes=tuple(_one_of(name, STAMP_HASHES) for name in _list(entry["hashes"])),
    )


def _profile(name: str, entry: dict[str, Any]) -> Profile:
    _refuse_unknown(entry, set(Profile.__dataclass_fields__) - {"name"})
    kind = cast(Kind, _one_of(entry["kind"], get_args(Kind)))
    longest = _EXTENSION_DAYS if name == "personal-extension" else _LONGEST_DAYS[kind]
    profile = Profile(
        name=name,
        kind=kind,
        validity_days=_number(entry, "validity_days", 1, longest),
        key_usage=tuple(_one_of(bit, KEY_USAGES) for bit in _list(entry["key_usage"])),
        extended_key_usage=tuple(_oid(oid) for oid in _list(entry["extended_key_usage"])),
        extended_key_usage_critical=_flag(entry, "extended_key_usage_critical", False),
        policy=_oid(entry["policy"]),
        key_algorithms=tuple(
            _one_of(key, KEY_ALGORITHMS) for key in _list(entry["key_algorithms"])
        ),
        ocsp_no_check=_flag(entry, "ocsp_no_check", False),
        revocation_addresses=_flag(entry, "revocation_addresses", True),
    )
    for why, is_kept in _demands(profile):
        if not is_kept:
            raise ValueError(f"{name}: {why}")
    return profile


def _demands(profile: Profile) -> list[tuple[str, bool]]:
    """What its kind asks of a profile, and whether it keeps it."""
    purposes, kind = set(profile.extended_key_usage), profile.kind
    signs_documents = kind in ("person", "organisation")
    return [
        # RFC 9336 section 3.1, and non-repudiation of what a person or a body signs.
        (
            "needs content_commitment",
            not signs_documents or "content_commitment" in profile.key_usage,
        ),
        ("needs documentSigning", not signs_documents or DOCUMENT_SIGNING in purposes),
        # RFC 6960 section 4.2.2.2; it signs for the CA and for nothing else.
        ("OCSPSigning stands alone", (kind == "ocsp") == (OCSP_SIGNING in purposes)),
        ("OCSPSigning stands alone", kind != "ocsp" or purposes == {OCSP_SIGNING}),
        # RFC 3161 section 2.3: this purpose and no other, critical.
        ("timeStamping stands alone", (kind == "tsa") == (TIME_STAMPING in purposes)),
        (
            "timeStamping alone and critical",
            kind != "tsa" or (purposes == {TIME_STAMPING} and profile.extended_key_usage_critical),
        ),
        ("anyExtendedKeyUsage says nothing", _ANY_PURPOSE not in purposes),
        ("only an OCSP signer has ocsp_no_check", (kind == "ocsp") == profile.ocsp_no_check),
        # RFC 6960 section 4.2.2.2.1: either nocheck or addresses, or it could never be judged.
        (
            "ocsp_no_check or revocation_addresses, one of them",
            profile.ocsp_no_check != profile.revocation_addresses,
        ),
    ]


def _one_of(value: object, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
    return str(value)


def _number(entry: dict[str, Any], name: str, low: int, high: int, default: int = -1) -> int:
    value = entry[name] if default < 0 else entry.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{name} is not a whole number within {low} to {high}")
    return value


def _flag(entry: dict[str, Any], name: str, default: bool) -> bool:
    value = entry.get(name, default)
    if type(value) is not bool:
        raise ValueError(f"{name} is neither true nor false")
    return value


def _oid(value: object) -> str:
    # Arcs below 2^31: common ASN.1 libraries refuse larger ones.
    if (
        not isinstance(value, str)
        or not re.fullmatch(r"([01]\.[0-3]?\d|2\.\d{1,10})(\.(0|[1-9]\d{0,9}))+", value)
        or any(int(arc) >= 1 << 31 for arc in value.split("."))
    ):
        raise ValueError(f"{value!r} is no object identifier")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list) or not value or len(set(map(str, value))) != len(value):
        raise ValueError(f"{value!r} is not a list of different values")
    return value


def _refuse_unknown(entry: dict[str, Any], known: set[str]) -> None:
    unknown = set(entry) - known
    if unknown:
        raise ValueError(f"unknown entry {sorted(unknown)[0]}")
