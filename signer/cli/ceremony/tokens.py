"""The tokens of one ceremony: opened when a step needs them, made only for keys that are made."""

from signer.ca.certificate import CaKey
from signer.ca.hierarchy_lint import algorithm_of
from signer.cli.ceremony.plan import Ceremony, KeyPlace, TokenPlace
from signer.config import Settings
from signer.errors import N_, ConfigError, NotFound, Unavailable
from signer.pkcs11 import (
    Hsm,
    Vault,
    clear_unfinished_token,
    configure_softhsm,
    ensure_ca_key,
    ensure_token,
    private_key_of,
)
from signer.pkcs11.token import has_token


class Tokens:
    """Where the keys of a ceremony are. A token that is locked away is not an error to look for."""

    def __init__(self, ceremony: Ceremony, settings: Settings) -> None:
        self.ceremony = ceremony
        self.settings = settings
        self._open: dict[str, Hsm] = {}

    def clear_unfinished(self) -> None:
        """No token that a killed ceremony left half-made is in the way. Comes before all else."""
        self._find_softhsm()
        for token in self.ceremony.tokens:
            clear_unfinished_token(token.pin_file)

    def find_key(self, place: KeyPlace) -> CaKey | None:
        """The key that is there; None when it is not, or its token is elsewhere.

        `ConfigError` when a key of that label is of another kind.
        """
        token = self.ceremony.token_of(place)
        hsm = self._here(token)
        if hsm is None:
            return None
        try:
            key = private_key_of(hsm, place.label)
        except NotFound:
            return None
        _require_kind(key, place, token.label)
        return key

    def require_key(self, place: KeyPlace) -> None:
        """The key is on its token, if that is here; `ConfigError` when it is not."""
        if self.has(place) and self.find_key(place) is None:
            raise ConfigError(
                N_("Token “%(token)s” không có khóa “%(label)s” của chứng thư đã có."),
                token=self.ceremony.token_of(place).label,
                label=place.label,
            )

    def make_key(self, place: KeyPlace) -> CaKey:
        """The key is there, on its token, both made now if they were not."""
        token = self.ceremony.token_of(place)
        configure_softhsm(self.settings.home)
        ensure_token(self.settings.pkcs11_module, token.label, token.pin_file)
        hsm = self._opened(token)
        if token.label == self.settings.token_label:
            Vault(hsm).prepare()
        key = ensure_ca_key(hsm, place.label, place.algorithm)
        _require_kind(key, place, token.label)
        return key

    def has(self, place: KeyPlace) -> bool:
        """Whether the key's token is here."""
        return self._here(self.ceremony.token_of(place)) is not None

    def serial_of(self, token: TokenPlace) -> str:
        """What the token itself calls itself: serial number and model; empty if it is elsewhere."""
        hsm = self._here(token)
        if hsm is None:
            return ""
        status = hsm.status()
        return f"{status.serial} ({status.model})"

    def close(self) -> None:
        """No session of this process is left open."""
        for hsm in self._open.values():
            hsm.close()
        self._open.clear()

    def _here(self, token: TokenPlace) -> Hsm | None:
        if token.name in self._open:
            return self._open[token.name]
        if not token.pin_file.exists():
            return None  # locked away, perhaps without its token
        self._find_softhsm()
        try:
            is_here = has_token(self.settings.pkcs11_module, token.label)
        except Unavailable:
            is_here = False
        return self._opened(token) if is_here else None

    def _opened(self, token: TokenPlace) -> Hsm:
        if token.name not in self._open:
            self._open[token.name] = Hsm(self.settings.pkcs11_module, token.label, token.pin_file)
        return self._open[token.name]

    def _find_softhsm(self) -> None:
        if (self.settings.home / "tokens").is_dir():
            configure_softhsm(self.settings.home)


def _require_kind(key: CaKey, place: KeyPlace, token_label: str) -> None:
    found = algorithm_of(key.public_key())
    if found != place.algorithm:
        raise ConfigError(
            N_(
                "Token “%(token)s” đã có khóa “%(label)s” loại %(found)s, "
                "khác loại %(wanted)s ghi trong tệp."
            ),
            token=token_label,
            label=place.label,
            found=found,
            wanted=place.algorithm,
        )
