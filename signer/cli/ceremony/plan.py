"""What one ceremony makes: the values of a file in `certs/`, and the rules they must keep.

Pure: neither the HSM nor the folder of the certificates is looked at here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from signer.ca.hierarchy import RevokedCa
from signer.ca.hierarchy_lint import strength_of
from signer.errors import N_, SignerError

CHAIR, WITNESS = "người chủ trì", "người chứng kiến"
ROLES = (CHAIR, "người giữ mã PIN", WITNESS, "người thao tác")
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
    """A key pair: on which token, under which label, of which kind, and how it signs here."""

    token: str
    label: str
    algorithm: str
    signature: str
    """The scheme; empty for the usual one of such a key."""


@dataclass(frozen=True, kw_only=True)
class KnownCa:
    """A CA that an earlier ceremony made: its certificate, and where its key is."""

    name: str
    key: KeyPlace
    output: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One output, called by its name in later steps."""

    make: str
    name: str
    output: str


@dataclass(frozen=True, kw_only=True)
class CaStep(Step):
    """A CA with a key of its own: a root when nobody issues it."""

    key: KeyPlace
    issuer: str | None = None
    common_name: str
    validity_days: int


@dataclass(frozen=True, kw_only=True)
class CrossStep(Step):
    """A CA that is there already, certified once more, by another one."""

    subject: str
    issuer: str
    validity_days: int


@dataclass(frozen=True, kw_only=True)
class CrlStep(Step):
    """The list of what a CA of this ceremony has revoked."""

    issuer: str
    validity_days: int
    revoked: Sequence[RevokedCa]


@dataclass(frozen=True, kw_only=True)
class RoleStep(Step):
    """A signer of OCSP answers or time stamps, certified by the issuing CA of the service."""

    issuer: str
    key: KeyPlace
    common_name: str

    @property
    def role(self) -> str:
        """`ocsp` or `tsa`."""
        return self.make.removesuffix("-signer")


@dataclass(frozen=True, kw_only=True)
class Ceremony:
    """One file: everything that is made, in its order, and who is there."""

    file: str
    sha256: str
    title: str
    place: str
    operators: Sequence[Operator]
    tokens: Sequence[TokenPlace]
    known: Sequence[KnownCa]
    steps: Sequence[Step]

    @property
    def transcript(self) -> str:
        """The name of its transcript, beside the outputs."""
        return f"{Path(self.file).stem}.transcript.txt"

    def token_of(self, key: KeyPlace) -> TokenPlace:
        """Where the key is."""
        return next(token for token in self.tokens if token.name == key.token)

    def ca_of(self, name: str) -> CaStep | KnownCa:
        """The CA of this name, made here or known before."""
        made = [step for step in self.steps if isinstance(step, CaStep)]
        cas: list[CaStep | KnownCa] = [*made, *self.known]
        return next(ca for ca in cas if ca.name == name)


def require_sense(ceremony: Ceremony) -> None:
    """The file asks for nothing that must not be made; `Nonsense` says what, and where."""
    _require_people(ceremony.operators)
    _require_distinct("tokens", ceremony.tokens, "name", "label", "pin_file")
    _require_distinct("known", ceremony.known, "name")
    _require_distinct("steps", ceremony.steps, "output", "name")
    _require_keys(ceremony)
    above: dict[str, CaStep | KnownCa] = {known.name: known for known in ceremony.known}
    for index, step in enumerate(ceremony.steps):
        here: Place = ("steps", index)
        for name in ("output", "name"):
            taken = {getattr(known, name) for known in ceremony.known}
            _require(getattr(step, name) not in taken, (*here, name), _TAKEN[name])
        if isinstance(step, CaStep | CrossStep):
            _require_certifiable(step, above, here)
        elif isinstance(step, CrlStep):
            _require_list(step, _ca(step.issuer, above, (*here, "issuer")), here)
        elif isinstance(step, RoleStep):
            _require_issuing(step, above, here)
        if isinstance(step, CaStep):
            above[step.name] = step


def _require(holds: bool, place: Place, sentence: str, **values: object) -> None:
    if not holds:
        raise Nonsense(place, sentence, **values)


def _require_people(operators: Sequence[Operator]) -> None:
    roles: dict[str, set[str]] = {}
    for index, operator in enumerate(operators):
        here: Place = ("operators", index)
        others = roles.setdefault(operator.name, set())
        _require(operator.role not in others, here, N_("Người này đã có tên với cùng vai trò."))
        watches = WITNESS in others | {operator.role} and bool(others)
        told = N_("Người chứng kiến không được giữ vai trò khác.")
        _require(not watches, (*here, "role"), told)
        others.add(operator.role)
    has_chair = any(operator.role == CHAIR for operator in operators)
    _require(has_chair, ("operators",), N_("Phải có một người chủ trì."))


_TAKEN = {
    "name": N_("Tên này đã dùng ở trên."),
    "output": N_("Tệp này đã dùng ở trên."),
    "label": N_("Hai token cùng một nhãn."),
    "pin_file": N_("Hai token cùng một tệp mã PIN."),
}


def _require_distinct(place: str, things: Iterable[object], *fields: str) -> None:
    for field in fields:
        seen: set[object] = set()
        for index, thing in enumerate(things):
            value = getattr(thing, field)
            _require(value not in seen, (place, index, field), _TAKEN[field])
            seen.add(value)


def _require_keys(ceremony: Ceremony) -> None:
    """Every key is on a token of the file, and no two have one label there."""
    tokens = {token.name for token in ceremony.tokens}
    unknown = N_("Không có token nào tên là “%(name)s” trong mục tokens.")
    twice = N_("Nhãn khóa này đã dùng trên cùng token.")
    taken: set[tuple[str, str]] = set()
    for place, things in (("known", ceremony.known), ("steps", ceremony.steps)):
        for index, thing in enumerate(things):
            if not isinstance(thing, KnownCa | CaStep | RoleStep):
                continue
            key, here = thing.key, (place, index)
            _require(key.token in tokens, (*here, "token"), unknown, name=key.token)
            _require((key.token, key.label) not in taken, (*here, "key", "label"), twice)
            taken.add((key.token, key.label))


def _ca(name: str, above: Mapping[str, CaStep | KnownCa], place: Place) -> CaStep | KnownCa:
    told = N_("Chưa có CA nào tên là “%(name)s” ở các bước trên.")
    _require(name in above, place, told, name=name)
    return above[name]


def _require_certifiable(
    step: CaStep | CrossStep, above: Mapping[str, CaStep | KnownCa], here: Place
) -> None:
    """Its issuer is a CA made above that may and can certify it, for so long."""
    if step.issuer is None:
        return
    issuer_place, token, key = ((*here, name) for name in ("issuer", "token", "key"))
    issuer = _ca(step.issuer, above, issuer_place)
    if isinstance(step, CrossStep):
        _ca(step.subject, above, (*here, "subject"))
        told = N_("Chứng thực chéo cần hai CA khác nhau.")
        _require(step.subject != step.issuer, issuer_place, told)
    else:
        # Who opens one token opens only one CA.
        told = N_("Khóa của CA gốc và khóa của CA cấp dưới phải ở hai token.")
        _require(issuer.key.token != step.key.token, token, told)
        is_strong = strength_of(issuer.key.algorithm) >= strength_of(step.key.algorithm)
        _require(is_strong, key, N_("Khóa của CA cấp yếu hơn khóa mà nó chứng nhận."))
    if isinstance(issuer, CaStep):
        told = N_("Thời hạn vượt ra ngoài thời hạn của CA cấp.")
        _require(step.validity_days <= issuer.validity_days, (*here, "validity_days"), told)
        told = N_("CA cấp không được phép có CA này ở dưới.")
        _require(issuer.issuer is None, issuer_place, told)  # else its path length is 0


def _require_list(step: CrlStep, issuer: CaStep | KnownCa, here: Place) -> None:
    name = f"{Path(issuer.output).stem}.crl"  # the address that the certificates below name
    told = N_("Danh sách của CA này phải tên là “%(name)s”.")
    _require(step.output == name, (*here, "output"), told, name=name)
    serials = {revoked.serial for revoked in step.revoked}
    told = N_("Một số hiệu bị thu hồi hai lần.")
    _require(len(serials) == len(step.revoked), (*here, "revoked"), told)


def _require_issuing(step: RoleStep, above: Mapping[str, CaStep | KnownCa], here: Place) -> None:
    """The ledger of the service issues it, so it can be no other CA, and the service reads it."""
    is_ours = step.issuer in above and above[step.issuer].output == ISSUING_FILE
    told = N_("Chứng thư này chỉ do CA cấp chứng thư của hệ thống (tệp %(file)s) cấp.")
    _require(is_ours, (*here, "issuer"), told, file=ISSUING_FILE)
    file, told = ROLE_FILES[step.role], N_("Hệ thống đọc chứng thư này từ tệp %(file)s.")
    _require(step.output == file, (*here, "output"), told, file=file)
