"""Settings: read once, from `settings.toml` in SIGNER_HOME and from SIGNER_* variables."""

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import get_type_hints

from signer.errors import N_, ConfigError

_CHOICES = {
    "signature_level": ("b-b", "b-t", "b-lt", "b-lta"),
    "tsa_failure": ("refuse", "sign_without"),
}
_POSITIVE = (
    *("tsa_seconds", "tsa_tries", "tsa_at_once", "restamp_days"),
    *("batch_limit", "activation_minutes", "pin_attempts"),
)

_NOT_VALID = N_("Thiết lập “%(key)s” có giá trị không hợp lệ: %(value)s.")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting with its embedded default; production changes values, never code."""

    home: Path
    """Holds all state: database, token, PIN files, document store."""
    database_url: str = ""
    """SQLAlchemy address; empty means SQLite in `home`. Production: postgresql+psycopg://…"""
    pkcs11_module: Path = Path("/usr/lib/softhsm/libsofthsm2.so")
    token_label: str = "signer-issuing"
    token_pin_file: Path = Path("issuing.pin")
    """Relative paths are below `home`. The file must be readable by its owner only (0600)."""
    hsm_sessions: int = 8
    hsm_wait_seconds: float = 5.0
    """How long a caller waits for a free HSM session before it is told to come back later."""
    hsm_call_seconds: float = 8.0
    """The longest that the HSM keeps a caller, even if it never answers; 9 keeps all below 10 s."""
    files_url: str = ""
    """obstore address; empty means `home`/files. Production: s3://bucket/prefix"""
    base_url: str = "http://localhost:8080"
    """What people type, and where passkeys work; not 127.0.0.1, for WebAuthn knows hosts by name.

    Also the base of the CRL and AIA addresses in certificates."""
    validation_url: str = ""
    """Where relying parties reach OCSP, CRLs and the TSA; empty means `base_url`. It goes into
    every certificate, so it must stay valid for as long as they do."""
    proxies: int = 0
    """How many proxies of ours stand in front and add to X-Forwarded-For; 0 believes none.

    Without it everybody behind a proxy has one address, and with it one share of `limits`.
    """
    organisation: str = "ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI"
    locality: str = "Hà Nội"
    email_domains: tuple[str, ...] = ("hanoi.gov.vn",)
    """Official e-mail addresses end in one of these or in a subdomain of one (R3)."""
    upload_limit_bytes: int = 120 * 1024 * 1024
    roster_limit_bytes: int = 120 * 1024 * 1024
    """A workbook of a million officials has about 110 MB."""
    session_idle_minutes: int = 30
    session_absolute_hours: int = 12
    pin_attempts: int = 5
    signature_level: str = "b-lta"
    """b-b, b-t, b-lt or b-lta (ETSI EN 319 142-1): how long a signature can be checked."""
    tsa_url: str = ""
    """An outside time-stamping authority (RFC 3161 over HTTP); empty means our own. Its certificate
    and those above it, up to the root, then lie in pki/tsa-outside.pem."""
    tsa_seconds: float = 180.0
    """How long an outside TSA may take; up to 131 s were measured (R36)."""
    tsa_tries: int = 3
    tsa_at_once: int = 4
    tsa_failure: str = "refuse"
    """refuse: a document waits for its stamp; sign_without: it goes on, visibly without one."""
    restamp_days: int = 180
    """An archived document gets a new stamp so long before the old one's certificate ends."""
    algorithm_ends: tuple[str, ...] = ()
    """The last days on which algorithms prove anything, such as "sha256 2035-12-31" or "p256
    2030-12-31", as ETSI TS 119 312 or the Government's authority has them. Archived documents are
    stamped again `restamp_days` before; after a change run `signer restamp --all` once."""
    certify_first: bool = False
    """The first signature of a document certifies it: only further signatures are allowed then."""
    batch_limit: int = 100
    """The most documents that one activation signs (R46)."""
    activation_minutes: int = 5
    """How long a list of documents, once offered for signing, can be approved."""
    passkey_host: str = ""
    """The host passkeys are bound to (WebAuthn's RP ID); empty means that of `base_url`."""
    worker_in_server: bool = True
    """A worker thread beside the server; False where `signer worker` processes do the long work."""
    issuing_key_label: str = "issuing-ca"
    """The label of the issuing CA's private key on the token."""
    ocsp_key_label: str = "ocsp-signer"
    tsa_key_label: str = "tsa-signer"
    expiry_alert_days: tuple[int, ...] = (180, 90, 60, 30)
    """The lists of what expires (R19); renewal opens with the first of them."""
    unused_after_days: int = 90
    """A certificate without a signature for this long is listed as issued but not used (R55).

    After a change of this or of `own_ca_counts` run `signer inventory recount`."""
    own_ca_counts: bool = True
    """Certificates of our own issuing CA count toward coverage. A city whose officials hold the
    government's certificates says false: an internal CA is no official-duty authority (R16)."""
    trust: Path = Path("trust")
    """The folder of anchors.toml: issuers of certificates from outside, each file with its
    SHA-256 pin, and whether its certificates count (R16, R17). Relative: below `home`."""
    period_closing_day: int = 14
    """The day of the month that closes its report (Decree 09/2019, article 12); 31 is its last."""
    renewal_min_days_left: int = 0
    """Below this a renewal is refused; the former Decree 130/2018 asked for 60."""
    renewals_allowed: int = 1
    """How often one key may be renewed before a new key is needed (Decree 130/2018: once)."""
    secret_key_file: Path = Path("secret.key")
    demo: bool = field(default=False)
    """True when the data are invented: every page then wears the sample-data band."""

    def __post_init__(self) -> None:
        if not 1 <= self.period_closing_day <= 31:
            raise ConfigError(
                N_("Thiết lập “%(key)s” phải là một ngày từ 1 đến 31, không phải %(value)s."),
                key="period_closing_day",
                value=self.period_closing_day,
            )
        for key, choices in _CHOICES.items():
            if (value := getattr(self, key)) not in choices:
                raise ConfigError(
                    N_("Thiết lập “%(key)s” phải là một trong: %(choices)s; không phải %(value)s."),
                    key=key,
                    choices=", ".join(choices),
                    value=value,
                )
        _ = self.algorithm_days  # refuses what is no day
        for key in _POSITIVE:
            if not (value := getattr(self, key)) > 0:
                raise ConfigError(
                    N_("Thiết lập “%(key)s” phải lớn hơn 0, không phải %(value)s."),
                    key=key,
                    value=value,
                )

    @property
    def algorithm_days(self) -> Mapping[str, date]:
        """`algorithm_ends` as days by the algorithm's name."""
        found = {}
        for told in self.algorithm_ends:
            name, _, day = told.partition(" ")
            try:
                found[name] = date.fromisoformat(day.strip())
            except ValueError as error:
                raise ConfigError(_NOT_VALID, key="algorithm_ends", value=told) from error
        return found

    def below_home(self, path: Path) -> Path:
        """The path itself when absolute, else the path below `home`."""
        return path if path.is_absolute() else self.home / path

    @property
    def database(self) -> str:
        """The address of the database, with the embedded default filled in."""
        return self.database_url or f"sqlite:///{self.home / 'signer.sqlite3'}"

    @property
    def validation_address(self) -> str:
        """The base of the OCSP, CRL and TSA addresses, without a slash at its end."""
        address = (self.validation_url or self.base_url).rstrip("/")
        # An address in a certificate has a full host name or a number (RFC 5280, 4.2.1.6).
        return address.replace("://localhost", "://127.0.0.1", 1)

    @property
    def published(self) -> Path:
        """The folder of files that a web server may hand out as they are: certificates, CRLs."""
        return self.home / "published"

    @property
    def pki(self) -> Path:
        """The folder of public certificates: root.pem and issuing.pem."""
        return self.home / "pki"


def read_secret(file: Path) -> str:
    """The secret in the file; `ConfigError` unless only its owner may read it."""
    try:
        mode = file.stat().st_mode
        secret = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(N_("Không đọc được tệp bí mật %(file)s."), file=file.name) from error
    if mode & 0o077:
        raise ConfigError(
            N_("Tệp bí mật %(file)s phải chỉ cho chủ sở hữu đọc (quyền 0600)."), file=file.name
        )
    if len(secret) < 32:
        raise ConfigError(N_("Tệp bí mật %(file)s quá ngắn."), file=file.name)
    return secret


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process; `ConfigError` names the first unknown or malformed key."""
    home = Path(environ.get("SIGNER_HOME", "instance")).absolute()
    known = {f.name for f in dataclasses.fields(Settings)} - {"home"}
    values: dict[str, object] = {}
    file = home / "settings.toml"
    if file.exists():
        values |= _parse_toml(file)
    values |= {
        key.removeprefix("SIGNER_").lower(): value
        for key, value in environ.items()
        if key.startswith("SIGNER_") and key != "SIGNER_HOME"
    }
    for key in values:
        if key not in known:
            raise ConfigError(N_("Không có thiết lập nào tên là “%(key)s”."), key=key)
    types = get_type_hints(Settings)
    parsed = {key: _parse(key, value, types[key]) for key, value in values.items()}
    return Settings(home=home, **parsed)  # type: ignore[arg-type]  # checked by _parse above


def _parse_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            N_("Tệp thiết lập %(file)s không đọc được: %(why)s."), file=file.name, why=str(error)
        ) from error


def _parse(key: str, value: object, wanted: object) -> object:
    try:
        if wanted is bool:
            if isinstance(value, bool):
                return value
            return {"1": True, "true": True, "0": False, "false": False}[str(value).lower()]
        if wanted in (tuple[str, ...], tuple[int, ...]):
            items = value.split(",") if isinstance(value, str) else value
            kind = str if wanted == tuple[str, ...] else int
            return tuple(kind(str(item).strip()) for item in items)  # type: ignore[attr-defined]  # a TOML array; anything else fails below
        return wanted(str(value))  # type: ignore[operator]  # str, int, float or Path
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(_NOT_VALID, key=key, value=value) from error
