"""What one ceremony makes: the values of a file in `certs/`, and the rules they must keep.

Pure: neither the HSM nor the folder of the certificates is looked at here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from signer.ca.hierarchy import RevokedCa
from signer.ca.hierarchy_lint import strength_of
from signer.ca.schemes import SCHEMES, USUAL
from signer.errors import N_, SignerError

CHAIR, PIN_HOLDER, WITNESS, HAND = (
    "người chủ trì",
    "người giữ mã PIN",
    "người chứng kiến",
    "người thao tác",
)
ROLES = (CHAIR, PIN_HOLDER, WITNESS, HAND)
LONGEST_CA_DAYS = 7300  # Decree 68/2024/NĐ-CP article 9: twenty years
ISSUING_FILE = "issuing.pem"
ROLE_FILES = {"ocsp": "ocsp.pem", "tsa": "tsa.pem"}
"""What the service reads its certificates from."""
LONGEST_CRL_DAYS = 400  # a root's list is renewed at a ceremony, once a year

Place = tuple[str | int, ...]
"""Where in the file something stands: ("steps", 2, "token")."""


class Nonsense(Exception):
    """A rule that the file breaks: where, and one sentence why."""

    def __init__(self, place: Place, sentence: str, **values: object) -> None:
        super().__init__(sentence)
        self.place = place
        self.why = SignerError(sentence, **values)


@dataclass(frozen=True, kw_only=True)
class Operator:
    """Somebody who is there."""

    name: str
    role: str


@dataclass(frozen=True, kw_only=True)
class TokenPlace:
    """A token and the file its PIN is read from, below the home."""

    name: str
    label: str
    pin_file: Path


@dataclass(frozen=True, kw_only=True)
class KeyPlace:
    """A key pair: on which token, under which label, of which kind."""

    token: str
    label: str
    algorithm: str


@dataclass(frozen=True, kw_only=True)
class KnownCa:
    """A CA that an earlier ceremony made: its certificate, and where its key is."""

    name: str
    certificate: str
    key: KeyPlace


@dataclass(frozen=True, kw_only=True)
class CaStep:
    """A CA with a key of its own: a root when nobody issues it."""

    name: str
    key: KeyPlace
    issuer: str | None
    signature: str
    """The scheme its issuer signs it with; empty for the usual one of the issuer's key."""
    common_name: str
    not_before: date | None
    """None: from the moment it is made."""
    validity_days: int
    path_length: int | None
    output: str


@dataclass(frozen=True, kw_only=True)
class CrossStep:
    """A CA that is there already, certified once more, by another one."""

    name: str
    subject: str
    issuer: str
    signature: str
    not_before: date | None
    validity_days: int
    path_length: int | None
    output: str


@dataclass(frozen=True, kw_only=True)
class CrlStep:
    """The list of what a CA of this ceremony has revoked."""

    name: str
    issuer: str
    signature: str
    validity_days: int
    revoked: tuple[RevokedCa, ...]
    output: str


@dataclass(frozen=True, kw_only=True)
class RoleStep:
    """A signer of OCSP answers or time stamps, certified by the issuing CA of the service."""

    name: str
    role: str
    """`ocsp` or `tsa`."""
    issuer: str
    key: KeyPlace
    common_name: str
    output: str


Step = CaStep | CrossStep | CrlStep | RoleStep


@dataclass(frozen=True, kw_only=True)
class Ceremony:
    """One file: everything that is made, in its order, and who is there."""

    file: str
    sha256: str
    title: str
    place: str
    held_on: date | None
    """The day it is to be held; None for whenever it is."""
    operators: tuple[Operator, ...]
    organisation: str | None
    """The O of every CA's name; None for the installation's."""
    country: str
    addresses: str | None
    """Where relying parties fetch certificates and lists; None for the installation's."""
    tokens: Mapping[str, TokenPlace]
    known: Mapping[str, KnownCa]
    steps: tuple[Step, ...]

    @property
    def transcript(self) -> str:
        """The name of its transcript, beside the outputs."""
        return f"{Path(self.file).stem}.transcript.txt"

    def maker_of(self, name: str) -> CaStep | KnownCa:
        """The CA of this name, made here or known before."""
        for step in self.steps:
            if isinstance(step, CaStep) and step.name == name:
                return step
        return self.known[name]

    def certificate_of(self, name: str) -> str:
        """The file of that CA's certificate."""
        maker = self.maker_of(name)
        return maker.output if isinstance(maker, CaStep) else maker.certificate


def require_sense(ceremony: Ceremony) -> None:
    """The file asks for nothing that must not be made; `Nonsense` says what, and where."""
    _require_people(ceremony.operators)
    _require_tokens(ceremony)
    names: dict[str, Step | KnownCa] = dict(ceremony.known)
    outputs = {known.certificate for known in ceremony.known.values()} | {ceremony.transcript}
    keys: set[tuple[str, str]] = set()
    for index, step in enumerate(ceremony.steps):
        here: Place = ("steps", index)
        if step.output in outputs:
            raise Nonsense((*here, "output"), N_("Tệp này đã dùng ở trên."))
        if step.name in names:
            raise Nonsense((*here, "name"), N_("Tên này đã dùng ở trên."))
        if not isinstance(step, RoleStep):
            _require_issuer(ceremony, step, names, here)
        if isinstance(step, CaStep | RoleStep):
            _require_key(ceremony, step.key, keys, here)
        if isinstance(step, CaStep) and step.issuer is not None:
            _require_apart(ceremony, step, here)
        if isinstance(step, CrossStep):
            _require_subject(step, names, here)
        if isinstance(step, CrlStep):
            _require_list(ceremony, step, here)
        if isinstance(step, RoleStep):
            _require_issuing(ceremony, step, names, here)
        names[step.name] = step
        outputs.add(step.output)


def _require_people(operators: Sequence[Operator]) -> None:
    roles: dict[str, set[str]] = {}
    for index, operator in enumerate(operators):
        others = roles.setdefault(operator.name, set())
        if operator.role in others:
            raise Nonsense(("operators", index), N_("Người này đã có tên với cùng vai trò."))
        if WITNESS in others | {operator.role} and others:
            raise Nonsense(
                ("operators", index, "role"), N_("Người chứng kiến không được giữ vai trò khác.")
            )
        others.add(operator.role)
    if not any(operator.role == CHAIR for operator in operators):
        raise Nonsense(("operators",), N_("Phải có một người chủ trì."))


def _require_tokens(ceremony: Ceremony) -> None:
    labels: set[str] = set()
    files: set[Path] = set()
    for index, token in enumerate(ceremony.tokens.values()):
        if token.label in labels:
            raise Nonsense(("tokens", index, "label"), N_("Hai token cùng một nhãn."))
        if token.pin_file in files:
            raise Nonsense(("tokens", index, "pin_file"), N_("Hai token cùng một tệp mã PIN."))
        labels.add(token.label)
        files.add(token.pin_file)
    for index, known in enumerate(ceremony.known.values()):
        if known.key.token not in ceremony.tokens:
            raise Nonsense(("known", index, "token"), _NO_TOKEN, name=known.key.token)


def _require_issuer(
    ceremony: Ceremony,
    step: CaStep | CrossStep | CrlStep,
    names: Mapping[str, Step | KnownCa],
    here: Place,
) -> None:
    """Its issuer is a CA made above, fit to certify it, that signs as the step says."""
    name = step.name if step.issuer is None else step.issuer
    maker = step if isinstance(step, CaStep) and step.issuer is None else names.get(name)
    if not isinstance(maker, CaStep | KnownCa):
        raise Nonsense(
            (*here, "issuer"), N_("Chưa có CA nào tên là “%(name)s” ở các bước trên."), name=name
        )
    _require_scheme(step.signature, maker.key.algorithm, here)
    if isinstance(step, CrlStep) or maker is step:
        return
    if isinstance(maker, CaStep):
        _require_nested(step, maker, here)
    if isinstance(step, CaStep) and strength_of(maker.key.algorithm) < strength_of(
        step.key.algorithm
    ):
        raise Nonsense((*here, "key"), N_("Khóa của CA cấp yếu hơn khóa mà nó chứng nhận."))


def _require_scheme(signature: str, algorithm: str, here: Place) -> None:
    kind = algorithm if algorithm in USUAL else algorithm[:3]
    if signature and SCHEMES[signature].key != kind:
        raise Nonsense(
            (*here, "signature"),
            N_("Khóa %(key)s của CA cấp không ký theo cách này."),
            key=algorithm,
        )


def _require_nested(step: CaStep | CrossStep, maker: CaStep, here: Place) -> None:
    """What is made with its issuer in one ceremony does not outlive it."""
    starts = (step.not_before, maker.not_before)
    lag = (starts[0] - starts[1]).days if starts[0] and starts[1] else 0
    if lag < 0 or step.validity_days + lag > maker.validity_days:
        raise Nonsense((*here, "validity_days"), N_("Thời hạn vượt ra ngoài thời hạn của CA cấp."))
    if maker.path_length is not None and (
        step.path_length is None or step.path_length >= maker.path_length
    ):
        raise Nonsense((*here, "issuer"), N_("CA cấp không được phép có CA này ở dưới."))


def _require_key(
    ceremony: Ceremony, key: KeyPlace, keys: set[tuple[str, str]], here: Place
) -> None:
    if key.token not in ceremony.tokens:
        raise Nonsense((*here, "token"), _NO_TOKEN, name=key.token)
    place = (key.token, key.label)
    taken = {(known.key.token, known.key.label) for known in ceremony.known.values()}
    if place in keys or place in taken:
        raise Nonsense((*here, "key", "label"), N_("Nhãn khóa này đã dùng trên cùng token."))
    keys.add(place)


def _require_apart(ceremony: Ceremony, step: CaStep, here: Place) -> None:
    """No CA's key lies beside that of the CA above it: who opens one token opens only one."""
    issuer = ceremony.maker_of(step.issuer or "")
    if issuer.key.token == step.key.token:
        raise Nonsense(
            (*here, "token"), N_("Khóa của CA gốc và khóa của CA cấp dưới phải ở hai token.")
        )


def _require_subject(step: CrossStep, names: Mapping[str, Step | KnownCa], here: Place) -> None:
    if not isinstance(names.get(step.subject), CaStep | KnownCa):
        raise Nonsense(
            (*here, "subject"),
            N_("Chưa có CA nào tên là “%(name)s” ở các bước trên."),
            name=step.subject,
        )
    if step.subject == step.issuer:
        raise Nonsense((*here, "issuer"), N_("Chứng thực chéo cần hai CA khác nhau."))


def _require_list(ceremony: Ceremony, step: CrlStep, here: Place) -> None:
    stem = Path(ceremony.certificate_of(step.issuer)).stem
    if step.output != f"{stem}.crl":  # the address that the certificates below name
        raise Nonsense(
            (*here, "output"),
            N_("Danh sách của CA này phải tên là “%(name)s”."),
            name=f"{stem}.crl",
        )
    serials = [revoked.serial for revoked in step.revoked]
    if len(set(serials)) != len(serials):
        raise Nonsense((*here, "revoked"), N_("Một số hiệu bị thu hồi hai lần."))


def _require_issuing(
    ceremony: Ceremony, step: RoleStep, names: Mapping[str, Step | KnownCa], here: Place
) -> None:
    """The ledger of the service issues it, so it can be no other CA, and the service reads it."""
    maker = names.get(step.issuer)
    if not isinstance(maker, CaStep | KnownCa) or (
        ceremony.certificate_of(step.issuer) != ISSUING_FILE
    ):
        raise Nonsense(
            (*here, "issuer"),
            N_("Chứng thư này chỉ do CA cấp chứng thư của hệ thống (tệp %(file)s) cấp."),
            file=ISSUING_FILE,
        )
    if step.output != ROLE_FILES[step.role]:
        raise Nonsense(
            (*here, "output"),
            N_("Hệ thống đọc chứng thư này từ tệp %(file)s."),
            file=ROLE_FILES[step.role],
        )


_NO_TOKEN = N_("Không có token nào tên là “%(name)s” trong mục tokens.")
