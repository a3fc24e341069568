"""Tokens made at set-up: SoftHSM's configuration, a token with random PINs in files of 0600."""

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pkcs11
from pkcs11 import TokenFlag

from signer.errors import N_, ConfigError
from signer.pkcs11.guard import Guard, Stalled
from signer.pkcs11.hsm import read_pin
from signer.pkcs11.lease import translated
from signer.pkcs11.library import CKR_OK, Library, left, library_of

T = TypeVar("T")

_SOFTHSM_VARIABLE = "SOFTHSM2_CONF"
_UNFINISHED = ".unfinished"
_SECONDS = 8.0
"""How long a token may take to be found, or to be made."""


def configure_softhsm(home: Path) -> Path:
    """SoftHSM of this process and its children keeps its tokens in `home`/tokens.

    Returns the configuration file. One already named in the environment is left alone. Must
    come before the first lease of the process.
    """
    named = os.environ.get(_SOFTHSM_VARIABLE)
    if named:
        return Path(named)
    tokens = home / "tokens"
    tokens.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = home / "softhsm2.conf"
    text = (
        f"directories.tokendir = {tokens}\n"
        "objectstore.backend = file\n"
        "objectstore.umask = 0077\n"
        "log.level = ERROR\n"
        "slots.removable = false\n"
    )
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
    os.environ[_SOFTHSM_VARIABLE] = str(file)
    return file


def ensure_token(module: Path, label: str, pin_file: Path) -> bool:
    """A token of this label exists and its user PIN is in `pin_file`; True when it was made now.

    A new token gets random PINs: the user's in `pin_file`, the security officer's beside it in
    `<name>.so`, both 0600. `ConfigError` when there is a token but no PIN file for it. One that
    was cut while it was made is cleared away first.
    """
    clear_unfinished_token(pin_file)
    if has_token(module, label):
        read_pin(pin_file)
        return False
    user_pin, so_pin = secrets.token_hex(16), secrets.token_hex(16)
    # The files come first: a token whose PIN was lost is of no use, a PIN without token harmless.
    write_secret(pin_file.with_suffix(".so"), so_pin)
    write_secret(pin_file, user_pin)
    mark = pin_file.with_suffix(_UNFINISHED)
    write_secret(mark, " ".join(folder.name for folder in _softhsm_tokens()))
    create_token(module, label, so_pin, user_pin)
    mark.unlink()
    return True


def clear_unfinished_token(pin_file: Path) -> None:
    """A token whose making was cut is out of the way. Comes before the library is loaded.

    One half-made by SoftHSM keeps it from showing any. It was never used: the mark, which lists
    the tokens there were before, goes first. It is moved aside all the same, not deleted.
    """
    mark = pin_file.with_suffix(_UNFINISHED)
    if not mark.exists():
        return
    before = mark.read_text(encoding="ascii").split()
    for folder in _softhsm_tokens():
        if folder.name not in before:
            aside = folder.parent.with_suffix(_UNFINISHED)
            aside.mkdir(mode=0o700, exist_ok=True)
            folder.rename(aside / folder.name)
    mark.unlink()


def _softhsm_tokens() -> list[Path]:
    """The folders of SoftHSM's tokens; none where another module is used."""
    file = Path(os.environ.get(_SOFTHSM_VARIABLE, ""))
    if not file.is_file():
        return []
    for line in file.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "directories.tokendir":
            return sorted(folder for folder in Path(value.strip()).iterdir() if folder.is_dir())
    return []


def has_token(module: Path, label: str) -> bool:
    """Whether the module sees an initialised token of this label; `Unavailable` if it is away."""
    library = library_of(module)

    def look(guard: Guard, deadline: float) -> bool:
        library.make_ready(guard, deadline)
        try:
            guard.call(lambda: library.token(label), left(deadline))
        except pkcs11.NoSuchToken:
            return False
        return True

    return _administered(library, look)


def create_token(module: Path, label: str, so_pin: str, user_pin: str) -> None:
    """A free slot of the module holds a new token with these PINs.

    No PIN is ever in a process's arguments. `ConfigError` when no slot is free. Sessions of
    this process on the same module die and are opened anew by their next lease.
    """
    library = library_of(module)

    def create(guard: Guard, deadline: float) -> None:
        library.make_ready(guard, deadline, afresh=True)  # a fresh library shows the free slot
        guard.call(lambda: _initialise(library, label, so_pin, user_pin), left(deadline))
        library.distrust(library.generation)  # SoftHSM renumbers its slots at the next start

    _administered(library, create)


def _administered(library: Library, work: Callable[[Guard, float], T]) -> T:
    deadline = time.monotonic() + _SECONDS
    try:
        with library.opening(deadline) as guard:
            return work(guard, deadline)
    except (pkcs11.PKCS11Error, Stalled) as error:
        library.distrust(library.generation)
        raise translated(error) from error


def _initialise(library: Library, label: str, so_pin: str, user_pin: str) -> None:
    free = [
        slot for slot in library.slots() if not slot.get_token().flags & TokenFlag.TOKEN_INITIALIZED
    ]
    if not free:
        raise ConfigError(
            N_("Thiết bị bảo mật không còn khe trống để tạo “%(label)s”."), label=label
        )
    if library.init_token(free[0].slot_id, so_pin.encode(), label) != CKR_OK:
        raise ConfigError(N_("Không tạo được token “%(label)s” trong HSM."), label=label)
    session = library.token(label).open(rw=True, so_pin=so_pin)
    try:
        session.init_pin(user_pin)
    finally:
        session.close()


def write_secret(file: Path, secret: str) -> None:
    """The file holds the secret, is new, and is readable by its owner only; safe on disk."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(secret + "\n")
        stream.flush()
        os.fsync(stream.fileno())
