"""Certificate profiles: what `certs/profiles.toml` says, checked once and frozen."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signer.errors import N_, ConfigError, Invalid

PROFILES = Path(__file__).parents[2] / "certs" / "profiles.toml"
MAX_PERSONAL_VALIDITY_DAYS = 1825  # Decree 68/2024/NĐ-CP article 9: five years
KEY_USAGES = ("digital_signature", "content_commitment")
KEY_ALGORITHMS = ("p256", "p384", "rsa3072", "rsa4096")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One kind of end-entity certificate."""

    name: str
    validity_days: int
    key_usage: tuple[str, ...]
    """cryptography's names of the bits; the extension is critical (RFC 5280 4.2.1.3)."""
    extended_key_usage: tuple[str, ...]
    policy: str
    key_algorithms: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CaProfile:
    """The root or the issuing CA itself."""

    common_name: str
    key: str
    validity_days: int
    crl_seconds: int
    """How long its CRL is good for."""


@dataclass(frozen=True, kw_only=True)
class ProfileSet:
    """All of the file."""

    root: CaProfile
    issuing: CaProfile
    profiles: Mapping[str, Profile]

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
            root=_ca(table.pop("root")), issuing=_ca(table.pop("issuing")), profiles=profiles
        )
        if table:
            raise ValueError(f"unknown entry {next(iter(table))}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            N_("Tệp mẫu chứng thư %(file)s không hợp lệ: %(why)s."), file=file.name, why=str(error)
        ) from error
    return loaded


def _ca(entry: dict[str, Any]) -> CaProfile:
    known = {"common_name", "key", "validity_days", "crl_days", "crl_hours"}
    _refuse_unknown(entry, known)
    return CaProfile(
        common_name=str(entry["common_name"]),
        key=_one_of(entry["key"], KEY_ALGORITHMS),
        validity_days=int(entry["validity_days"]),
        crl_seconds=int(entry.get("crl_days", 0)) * 86400 + int(entry.get("crl_hours", 0)) * 3600,
    )


def _profile(name: str, entry: dict[str, Any]) -> Profile:
    known = set(Profile.__dataclass_fields__) - {"name"}
    _refuse_unknown(entry, known)
    days = int(entry["validity_days"])
    if not 1 <= days <= MAX_PERSONAL_VALIDITY_DAYS:
        raise ValueError(f"validity_days of {name} is not within 1 to {MAX_PERSONAL_VALIDITY_DAYS}")
    return Profile(
        name=name,
        validity_days=days,
        key_usage=tuple(_one_of(bit, KEY_USAGES) for bit in entry["key_usage"]),
        extended_key_usage=tuple(str(oid) for oid in entry["extended_key_usage"]),
        policy=str(entry["policy"]),
        key_algorithms=tuple(_one_of(key, KEY_ALGORITHMS) for key in entry["key_algorithms"]),
    )


def _one_of(value: object, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
    return str(value)


def _refuse_unknown(entry: dict[str, Any], known: set[str]) -> None:
    unknown = set(entry) - known
    if unknown:
        raise ValueError(f"unknown entry {sorted(unknown)[0]}")
