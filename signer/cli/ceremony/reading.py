"""A ceremony's file read: every fault with its line and field."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from signer.ca.names import ca_name
from signer.ca.outputs import sha256
from signer.cli.ceremony.places import fault_at, first_fault, parsed
from signer.cli.ceremony.plan import (
    ISSUING_FILE,
    ROLE_FILES,
    CaStep,
    Ceremony,
    KnownCa,
    Nonsense,
    Place,
    RoleStep,
    TokenPlace,
    require_sense,
)
from signer.cli.ceremony.shapes import REQUIRED, CeremonyShape
from signer.config import Settings
from signer.errors import N_, ConfigError, Invalid, SignerError


def read_ceremony(file: Path, settings: Settings) -> Ceremony:
    """The ceremony in the file, whole and sensible; `ConfigError` names line and field.

    What it leaves out is the installation's: the label and PIN file of the token that the service
    itself uses, and the labels of its keys there.
    """
    try:
        raw = file.read_bytes()
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(N_("Không đọc được tệp nghi lễ %(file)s."), file=file.name) from error
    data, lines = parsed(text, file.name)
    try:
        said = CeremonyShape().load(data)
        said["tokens"] = [_token(t, settings, index) for index, t in enumerate(said["tokens"])]
        for place in ("known", "steps"):
            said[place] = [
                _settled(thing, said["tokens"], settings, (place, index))
                for index, thing in enumerate(said[place])
            ]
        ceremony = Ceremony(file=file.name, sha256=sha256(raw), **said)
        require_sense(ceremony)
    except ValidationError as error:
        where, why = first_fault(error.messages, lines)
        raise fault_at(file.name, where, lines, SignerError(why)) from error
    except Nonsense as error:
        raise fault_at(file.name, error.place, lines, error.why) from error
    return ceremony


def _token(said: Mapping[str, str], settings: Settings, index: int) -> TokenPlace:
    if bool(said["label"]) != bool(said["pin_file"]):
        raise Nonsense(("tokens", index, "pin_file" if said["label"] else "label"), REQUIRED)
    return TokenPlace(
        name=said["name"],
        label=said["label"] or settings.token_label,
        pin_file=settings.below_home(Path(said["pin_file"] or settings.token_pin_file)),
    )


def _settled(thing: Any, tokens: list[TokenPlace], settings: Settings, here: Place) -> Any:
    """A step or known CA whose key has its label; what the service uses is where it will look."""
    if not isinstance(thing, CaStep | RoleStep | KnownCa):
        return thing
    if not isinstance(thing, KnownCa):
        _require_name(thing.common_name, settings, here)
    labels = {
        ISSUING_FILE: settings.issuing_key_label,
        ROLE_FILES["ocsp"]: settings.ocsp_key_label,
        ROLE_FILES["tsa"]: settings.tsa_key_label,
    }
    wanted = labels.get(ROLE_FILES[thing.role] if isinstance(thing, RoleStep) else thing.output)
    label = thing.key.label or wanted
    if label is None:
        raise Nonsense((*here, "key", "label"), REQUIRED)
    if wanted is not None and any(
        token.name == thing.key.token and token.label != settings.token_label for token in tokens
    ):
        raise Nonsense(
            (*here, "token"),
            N_("Hệ thống tìm khóa này trên token “%(label)s” (thiết lập token_label)."),
            label=settings.token_label,
        )
    if wanted not in (None, label):
        raise Nonsense(
            (*here, "key", "label"),
            N_("Hệ thống tìm khóa này theo nhãn “%(label)s” (xem thiết lập)."),
            label=wanted,
        )
    return replace(thing, key=replace(thing.key, label=label))


def _require_name(text: str, settings: Settings, here: Place) -> None:
    try:
        ca_name(organisation=settings.organisation, common_name=text)
    except Invalid as error:
        raise Nonsense((*here, "common_name"), error.sentence, **error.values) from error
