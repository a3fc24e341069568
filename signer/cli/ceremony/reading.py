"""A ceremony's file read: every scalar a string, every fault with its line and field."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from signer.ca.hierarchy import RevokedCa
from signer.ca.names import ca_name
from signer.ca.outputs import sha256
from signer.cli.ceremony.places import fault_at, first_fault, parsed
from signer.cli.ceremony.plan import (
    ISSUING_FILE,
    CaStep,
    Ceremony,
    CrlStep,
    CrossStep,
    KeyPlace,
    KnownCa,
    Nonsense,
    Operator,
    Place,
    RoleStep,
    Step,
    TokenPlace,
    require_sense,
)
from signer.cli.ceremony.shapes import REQUIRED, CeremonyShape
from signer.config import Settings
from signer.errors import N_, ConfigError, Invalid, SignerError


def read_ceremony(file: Path, settings: Settings) -> Ceremony:
    """The ceremony in the file, whole and sensible; `ConfigError` names line and field.

    What it leaves out is the installation's: organisation, addresses, and the label and PIN file
    of the token and keys that the service itself uses.
    """
    try:
        raw = file.read_bytes()
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(N_("Không đọc được tệp nghi lễ %(file)s."), file=file.name) from error
    data, lines = parsed(text, file.name)
    try:
        loaded = CeremonyShape().load(data)
        ceremony = _ceremony(loaded, settings, file=file.name, sha256=sha256(raw))
        require_sense(ceremony)
    except ValidationError as error:
        place, why = first_fault(error.messages, lines)
        raise fault_at(file.name, place, lines, SignerError(why)) from error
    except Nonsense as error:
        raise fault_at(file.name, error.place, lines, error.why) from error
    return ceremony


def _ceremony(loaded: Mapping[str, Any], settings: Settings, *, file: str, sha256: str) -> Ceremony:
    """The values, with what the file left out taken from the installation."""
    organisation = loaded.get("organisation")
    country = loaded.get("country", "VN")
    tokens = _named(
        "tokens", [_token(t, settings, index) for index, t in enumerate(loaded["tokens"])]
    )
    known = _named(
        "known",
        [
            KnownCa(
                name=k["name"],
                certificate=k["certificate"],
                key=_key(k, settings.issuing_key_label, ("known", index)),
            )
            for index, k in enumerate(loaded["known"])
        ],
    )
    steps = []
    for index, values in enumerate(loaded["steps"]):
        here: Place = ("steps", index)
        if "common_name" in values:
            _require_name(
                values["common_name"], organisation or settings.organisation, country, here
            )
        step = _step(values, settings, here)
        _require_service(step, tokens, settings, here)
        steps.append(step)
    return Ceremony(
        file=file,
        sha256=sha256,
        title=loaded["title"],
        place=loaded["place"],
        held_on=loaded["held_on"],
        operators=tuple(Operator(**operator) for operator in loaded["operators"]),
        organisation=organisation,
        country=country,
        addresses=loaded.get("addresses"),
        tokens=tokens,
        known=known,
        steps=tuple(steps),
    )


def _token(values: Mapping[str, Any], settings: Settings, index: int) -> TokenPlace:
    is_services = "label" not in values
    if is_services != ("pin_file" not in values):
        missing = "label" if is_services else "pin_file"
        raise Nonsense(("tokens", index, missing), REQUIRED)
    return TokenPlace(
        name=values["name"],
        label=settings.token_label if is_services else values["label"],
        pin_file=settings.below_home(
            settings.token_pin_file if is_services else Path(values["pin_file"])
        ),
    )


def _named(place: str, things: list[Any]) -> dict[str, Any]:  # TokenPlace or KnownCa
    found: dict[str, Any] = {}
    for index, thing in enumerate(things):
        if thing.name in found:
            raise Nonsense((place, index, "name"), N_("Tên này đã dùng ở trên."))
        found[thing.name] = thing
    return found


def _key(values: Mapping[str, Any], default_label: str | None, here: Place) -> KeyPlace:
    label = values["key"].get("label", default_label)
    if label is None:
        raise Nonsense((*here, "key", "label"), REQUIRED)
    return KeyPlace(token=values["token"], label=label, algorithm=values["key"]["algorithm"])


def _step(values: Mapping[str, Any], settings: Settings, here: Place) -> Step:
    make, output = values["make"], values["output"]
    name = values.get("name", Path(output).stem)
    if make in ("root", "subordinate"):
        label = settings.issuing_key_label if output == ISSUING_FILE else None
        return CaStep(
            name=name,
            key=_key(values, label, here),
            issuer=values.get("issuer"),
            signature=values["signature"],
            common_name=values["common_name"],
            not_before=values["not_before"],
            validity_days=values["validity_days"],
            path_length=values.get("path_length"),
            output=output,
        )
    if make == "cross":
        return CrossStep(
            name=name,
            subject=values["subject"],
            issuer=values["issuer"],
            signature=values["signature"],
            not_before=values["not_before"],
            validity_days=values["validity_days"],
            path_length=values["path_length"],
            output=output,
        )
    if make == "crl":
        return CrlStep(
            name=values.get("name", output),
            issuer=values["issuer"],
            signature=values["signature"],
            validity_days=values["validity_days"],
            revoked=tuple(
                RevokedCa(
                    serial=int(entry["serial"], 16),
                    reason=entry["reason"],
                    at=entry["at"],
                )
                for entry in values["revoked"]
            ),
            output=output,
        )
    role = make.removesuffix("-signer")
    label = settings.ocsp_key_label if role == "ocsp" else settings.tsa_key_label
    return RoleStep(
        name=name,
        role=role,
        issuer=values["issuer"],
        key=_key(values, label, here),
        common_name=values["common_name"],
        output=output,
    )


def _require_name(text: str, organisation: str, country: str, here: Place) -> None:
    try:
        ca_name(country=country, organisation=organisation, common_name=text)
    except Invalid as error:
        top = error.field in ("organisation", "country")
        place: Place = (error.field or "",) if top else (*here, "common_name")
        raise Nonsense(place, error.sentence, **error.values) from error


def _require_service(
    step: Step, tokens: Mapping[str, TokenPlace], settings: Settings, here: Place
) -> None:
    """What the service will use lies where its settings look for it."""
    if isinstance(step, CaStep) and step.output == ISSUING_FILE:
        label = settings.issuing_key_label
    elif isinstance(step, RoleStep):
        label = settings.ocsp_key_label if step.role == "ocsp" else settings.tsa_key_label
    else:
        return
    token = tokens.get(step.key.token)
    if token is not None and token.label != settings.token_label:
        raise Nonsense(
            (*here, "token"),
            N_("Hệ thống tìm khóa này trên token “%(label)s” (thiết lập token_label)."),
            label=settings.token_label,
        )
    if step.key.label != label:
        raise Nonsense(
            (*here, "key", "label"),
            N_("Hệ thống tìm khóa này theo nhãn “%(label)s” (xem thiết lập)."),
            label=label,
        )
