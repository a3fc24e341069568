"""A ceremony held: each step looks at what there is, and makes what is missing, once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signer.ca import hierarchy
from signer.ca.certificate import (
    Addresses,
    CaKey,
    last_second,
    new_serial,
    raw_subject,
    sign_tbs,
    specimen_of,
)
from signer.ca.hierarchy_lint import algorithm_of, require_clean_ca
from signer.ca.names import ca_name
from signer.ca.outputs import Output
from signer.ca.schemes import SignatureScheme, scheme_for
from signer.cli.ceremony.plan import CaStep, Ceremony, CrlStep, CrossStep, KnownCa, RoleStep, Step
from signer.cli.ceremony.tokens import Tokens
from signer.config import Settings
from signer.errors import N_, ConfigError, SignerError
from signer.role_signers import RoleWish, make_role_signers
from signer.services import Services


class Outcome(StrEnum):
    """What came of a step, or would."""

    KEPT = "kept"
    """It was there already, as the file says."""
    MADE = "made"
    MISSING = "missing"
    """Looked at only: it would be made."""
    WAITING = "waiting"
    """It needs what is not here: the database of the service, or a token that is elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """One step and what came of it."""

    step: Step
    file: Path
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class Holding:
    """Takes the steps of one ceremony in their order.

    With `only_look` nothing is made, and what is there is compared all the same.
    """

    tokens: Tokens
    at: datetime
    """A whole second."""
    rooms: Callable[[], Services | None] = lambda: None
    only_look: bool = False

    @property
    def ceremony(self) -> Ceremony:
        """Whose steps are taken."""
        return self.tokens.ceremony

    @property
    def settings(self) -> Settings:
        """The installation's."""
        return self.tokens.settings

    def take(self, step: Step) -> Done:
        """The step's output is there, as the file says; made now if it was not.

        `ConfigError` when it is there and says something else.
        """
        if isinstance(step, RoleStep):
            outcome = self._certify_role(step)
        elif isinstance(step, CrlStep):
            outcome = self._list(step)
        else:
            assert isinstance(step, CaStep | CrossStep)
            outcome = self._certify(step)
        return Done(step=step, file=self.settings.pki / step.output, outcome=outcome)

    def _output(self, of: Step | KnownCa) -> Output:
        return Output(self.settings.pki / of.output)

    # Certificates of CAs -----------------------------------------------------------------------

    def _certify(self, step: CaStep | CrossStep) -> Outcome:
        output = self._output(step)
        there = output.content()
        if there is not None:
            found = _read(there, step.output)
            if isinstance(step, CaStep):
                self.tokens.require_key(step.key)
            _require_same(found, self._facts(step, found))
            if not self.only_look and output.intent() is not None:
                output.forget_intent()
            return Outcome.KEPT
        if self.only_look:
            self._require_possible(step)
            return Outcome.MISSING
        if isinstance(step, CaStep):
            self.tokens.make_key(step.key)
        made = self._signed(step, output)
        output.settle(made.public_bytes(Encoding.PEM))
        return Outcome.MADE

    def _signed(self, step: CaStep | CrossStep, output: Output) -> x509.Certificate:
        """The certificate: its bytes stored, then signed; those of a ceremony cut before, first."""
        issuer, key, scheme = self._signer(step)
        tbs_der = output.intent()
        if tbs_der is None:
            tbs_der = hierarchy.ca_tbs(self._facts(step, None), new_serial())
        else:
            half_done = x509.load_der_x509_certificate(specimen_of(tbs_der, scheme))
            _require_same(half_done, self._facts(step, half_done))
        require_clean_ca(specimen_of(tbs_der, scheme), issuer, is_specimen=True)
        output.intend(tbs_der)
        made = sign_tbs(key, tbs_der, key.public_key(), scheme)
        require_clean_ca(made, issuer)
        return x509.load_der_x509_certificate(made)

    def _facts(self, step: CaStep | CrossStep, found: x509.Certificate | None) -> hierarchy.CaFacts:
        """What the file wants said; what it leaves open is as `found` has it, or decided now."""
        not_before = self.at if found is None else found.not_valid_before_utc
        above = None if step.issuer is None else self._above(step.issuer)
        if isinstance(step, CrossStep):
            subject = self._certificate_of(step.subject)
            subject_der, public_key = raw_subject(subject), subject.public_key()
            path_length = hierarchy.path_length_of(subject)
        else:
            subject_der = self._name(step.common_name, found)
            path_length = None if step.issuer is None else 0
            key = self.tokens.find_key(step.key)
            if key is None and found is None:
                raise ConfigError(N_("Thiếu khóa “%(label)s”."), label=step.key.label)
            public_key = (key or found).public_key()  # type: ignore[union-attr]  # one of them is
        issuer_key = public_key if above is None else above.certificate.public_key()
        return hierarchy.CaFacts(
            subject_der=subject_der,
            public_key_der=hierarchy.spki(public_key),
            not_before=not_before,
            not_after=last_second(not_before, step.validity_days),
            path_length=path_length,
            scheme=scheme_for(issuer_key, self._signing_ca(step).key.signature or None),
            above=above,
        )

    def _above(self, issuer: str) -> hierarchy.Above:
        addresses = Addresses(base_url=self.settings.validation_address)
        stem = Path(self.ceremony.ca_of(issuer).output).stem
        return hierarchy.Above(
            certificate=self._certificate_of(issuer),
            certificate_address=addresses.certificate(stem),
            crl_address=addresses.crl(stem),
        )

    def _name(self, common_name: str, found: x509.Certificate | None) -> bytes:
        """The organisation of a name that was made stays: the installation's may change."""
        organisation = self.settings.organisation
        if found is not None:
            (attribute,) = found.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
            organisation = str(attribute.value)
        return ca_name(organisation=organisation, common_name=common_name).public_bytes()

    def _require_possible(self, step: CaStep | CrossStep) -> None:
        """Before anything is made: it fits below its issuer, if that exists already."""
        if step.issuer is not None and self._output(self._signing_ca(step)).file.exists():
            end = last_second(self.at, step.validity_days)
            hierarchy.require_within(self._certificate_of(step.issuer), self.at, end)
        if isinstance(step, CaStep):
            self.tokens.find_key(step.key)  # a key of another kind is told here

    # Lists -------------------------------------------------------------------------------------

    def _list(self, step: CrlStep) -> Outcome:
        output = self._output(step)
        was_cut = output.intent() is not None and not self.only_look
        if was_cut:
            self._finish_list(step, output)
        there = output.content()
        number, listed = (0, {}) if there is None else hierarchy.read_crl(there)
        _require_still_listed(step, listed)
        if there is not None and len(listed) == len(step.revoked):
            if not crl_is_due(there, self.at):
                return Outcome.MADE if was_cut else Outcome.KEPT
            if not self.tokens.has(self._signing_ca(step).key):
                return Outcome.WAITING  # locked away, as a root should be
        if self.only_look:
            return Outcome.MISSING
        issuer, key, scheme = self._signer(step)
        tbs_der = hierarchy.root_crl_tbs(
            issuer or self._certificate_of(step.issuer),
            scheme,
            number=number + 1,
            this_update=self.at,
            next_update=self.at + timedelta(days=step.validity_days),
            revoked=step.revoked,
        )
        output.intend(tbs_der)
        output.settle(sign_tbs(key, tbs_der, key.public_key(), scheme))
        return Outcome.MADE

    def _finish_list(self, step: CrlStep, output: Output) -> None:
        """The list of a ceremony that was cut is signed now, unless it was already."""
        tbs_der, there = output.intent() or b"", output.content()
        _, key, scheme = self._signer(step)
        number, _ = hierarchy.read_crl(specimen_of(tbs_der, scheme))
        if there is not None and hierarchy.read_crl(there)[0] >= number:
            output.forget_intent()
        else:
            output.settle(sign_tbs(key, tbs_der, key.public_key(), scheme))

    # Roles -------------------------------------------------------------------------------------

    def _certify_role(self, step: RoleStep) -> Outcome:
        there = self._output(step).content()
        if there is not None:
            found = _read(there, step.output)
            name = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
            if algorithm_of(found.public_key()) != step.key.algorithm:
                raise _differs(found, N_("khóa"))
            if name != step.common_name:
                raise _differs(found, N_("tên chủ thể"))
        if self.only_look:
            return Outcome.MISSING if there is None else Outcome.KEPT
        rooms = self.rooms()
        if rooms is None:
            return Outcome.WAITING if there is None else Outcome.KEPT
        self.tokens.find_key(step.key)  # a key of another kind is told before it is certified
        wish = RoleWish(role=step.role, common_name=step.common_name, algorithm=step.key.algorithm)
        return Outcome.MADE if make_role_signers(rooms, [wish]) else Outcome.KEPT

    # Who signs ---------------------------------------------------------------------------------

    def _signer(
        self, step: CaStep | CrossStep | CrlStep
    ) -> tuple[x509.Certificate | None, CaKey, SignatureScheme]:
        """The issuer's certificate (None for a root that signs itself), its key, and how it signs.

        `ConfigError` when its token is not here or holds another key than its certificate.
        """
        issuer = None if step.issuer is None else self._certificate_of(step.issuer)
        wanted = self._signing_ca(step).key
        key = self.tokens.find_key(wanted)
        if key is None:
            raise ConfigError(
                N_("Token “%(token)s” với khóa “%(label)s” không có ở máy này."),
                token=self.ceremony.token_of(wanted).label,
                label=wanted.label,
            )
        if issuer is not None and issuer.public_key() != key.public_key():
            raise _differs(issuer, N_("khóa"))
        return issuer, key, scheme_for(key.public_key(), wanted.signature or None)

    def _signing_ca(self, step: CaStep | CrossStep | CrlStep) -> CaStep | KnownCa:
        return self.ceremony.ca_of(step.issuer or step.name)

    def _certificate_of(self, name: str) -> x509.Certificate:
        """The certificate of a CA made above or known before; `ConfigError` if it is not there."""
        ca = self.ceremony.ca_of(name)
        pem = self._output(ca).content()
        if pem is None:
            raise ConfigError(N_("Thiếu chứng thư CA %(file)s."), file=ca.output)
        return _read(pem, ca.output)


def crl_is_due(crl_der: bytes, at: datetime) -> bool:
    """Less than a third of the list's time is left."""
    crl = x509.load_der_x509_crl(crl_der)
    end = crl.next_update_utc
    return end is None or hierarchy.is_running_out(crl.last_update_utc, end, at)


def _require_still_listed(step: CrlStep, listed: Mapping[int, hierarchy.RevokedCa]) -> None:
    """RFC 5280 section 3.3: what was revoked stays on the list."""
    for serial, entry in listed.items():
        if entry not in step.revoked:
            raise ConfigError(
                N_(
                    "Danh sách %(file)s đã thu hồi số hiệu %(serial)s; tệp nghi lễ phải giữ "
                    "nguyên dòng đó."
                ),
                file=step.output,
                serial=f"{serial:x}",
            )


def _read(pem: bytes, file: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise ConfigError(N_("Tệp chứng thư %(file)s không đọc được."), file=file) from error


def _require_same(found: x509.Certificate, facts: hierarchy.CaFacts) -> None:
    words = hierarchy.differing(found, facts)
    if words:
        raise _differs(found, words[0])


def _differs(found: x509.Certificate, what: str) -> ConfigError:
    name = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    return ConfigError(
        N_(
            "Chứng thư “%(name)s” đã có nhưng khác với tệp nghi lễ hoặc với token ở: %(what)s. "
            "Không có gì được thay đổi."
        ),
        name=name,
        what=SignerError(what),
    )
