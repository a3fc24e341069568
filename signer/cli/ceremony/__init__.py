"""Ceremonies: keys on tokens, the certificates of CAs, and a transcript of both.

One YAML file is one ceremony. Held again with the same file it changes nothing; cut anywhere, it
is simply held again.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signer.ca.certificate import whole_second
from signer.ca.outputs import Output, alone, sha256
from signer.ca.published import PublishedFiles
from signer.cli.ceremony import transcript
from signer.cli.ceremony.holding import Done, Holding, Outcome, crl_is_due
from signer.cli.ceremony.plan import Ceremony, CrlStep, RoleStep, Step
from signer.cli.ceremony.reading import read_ceremony
from signer.cli.ceremony.tokens import Tokens
from signer.config import Settings
from signer.role_signers import ensure_role_signers
from signer.services import Services

__all__ = [
    "EMBEDDED",
    "Ceremony",
    "Done",
    "Held",
    "Outcome",
    "ceremony_is_due",
    "ceremony_of",
    "ensure_role_signers",
    "hold_ceremony",
    "look_at_ceremony",
    "read_ceremony",
]

EMBEDDED = Path(__file__).parents[3] / "certs" / "ceremony.yaml"


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a ceremony came to."""

    done: tuple[Done, ...]
    transcript: Path | None
    """When it had to be written."""

    @property
    def made(self) -> list[Path]:
        """The files that were made or renewed."""
        return [one.file for one in self.done if one.outcome is Outcome.MADE]

    @property
    def waiting(self) -> list[Step]:
        """The steps that wait for the database, or for a token that is elsewhere."""
        return [one.step for one in self.done if one.outcome is Outcome.WAITING]


def ceremony_of(settings: Settings) -> Ceremony:
    """The ceremony of this installation: `ceremony.yaml` in its home, else the embedded one."""
    own = settings.home / "ceremony.yaml"
    return read_ceremony(own if own.exists() else EMBEDDED, settings)


def hold_ceremony(
    settings: Settings,
    at: datetime,
    *,
    ceremony: Ceremony | None = None,
    rooms: Callable[[], Services | None] = lambda: None,
    tell: Callable[[Step, Done | None], None] = lambda step, done: None,
) -> Held:
    """Every output of the ceremony is there and in its transcript; what exists is kept.

    The roles' certificates are issued by the ledger, so `rooms` is asked for the service once it is
    their turn; without one they wait. `tell` is called before each step and after it. PIN files of
    new tokens appear below the home, 0600.
    """
    ceremony = ceremony or ceremony_of(settings)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone(settings.pki), closing(Tokens(ceremony, settings)) as tokens:
        tokens.clear_unfinished()
        holding = Holding(tokens=tokens, at=whole_second(at), rooms=rooms)
        done = []
        for step in ceremony.steps:
            tell(step, None)
            done.append(holding.take(step))
            tell(step, done[-1])
        _publish(settings, ceremony)
        entered = transcript.enter(settings.pki, ceremony, done, tokens, at)
    return Held(done=tuple(done), transcript=entered)


def _publish(settings: Settings, ceremony: Ceremony) -> None:
    """Certificates and lists of CAs lie where the addresses in certificates below them lead."""
    contents: dict[str, bytes] = {}
    for step in ceremony.steps:
        there = Output(settings.pki / step.output).content()
        if there is None or isinstance(step, RoleStep):
            continue
        if isinstance(step, CrlStep):
            contents[step.output] = there
        else:  # RFC 5280 section 4.2.2.1: DER
            certificate = x509.load_pem_x509_certificate(there)
            name = f"{Path(step.output).stem}.cer"
            contents[name] = certificate.public_bytes(Encoding.DER)
    hashes = {name: sha256(content) for name, content in contents.items()}
    PublishedFiles(settings.published / "pki").update(lambda: hashes, contents.__getitem__)


def look_at_ceremony(settings: Settings, at: datetime, ceremony: Ceremony) -> list[Done]:
    """What holding it would come to; makes nothing. Raises what holding it would raise at once."""
    with closing(Tokens(ceremony, settings)) as tokens:
        holding = Holding(tokens=tokens, at=whole_second(at), only_look=True)
        return [holding.take(step) for step in ceremony.steps]


def ceremony_is_due(settings: Settings, at: datetime, ceremony: Ceremony) -> bool:
    """Something is missing that needs no database, or a list runs out; asks no HSM.

    Without its token, which may be locked away by now, a root's list cannot be renewed here.
    """
    for step in ceremony.steps:
        output = Output(settings.pki / step.output)
        there = output.content()
        if isinstance(step, RoleStep):
            continue
        if there is None or output.intent() is not None:
            return True
        if (
            isinstance(step, CrlStep)
            and crl_is_due(there, at)
            and ceremony.token_of(ceremony.ca_of(step.issuer).key).pin_file.exists()
        ):
            return True
    return not transcript.is_entered(settings.pki, ceremony)
