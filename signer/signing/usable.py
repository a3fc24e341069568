"""Who may sign now, and with which key: each refusal is one sentence with its reason."""

from datetime import datetime

from signer.ca.authority import Authority, CertificateStatus
from signer.errors import N_, Forbidden, Invalid, NotFound
from signer.inventory.duplicates import service_of
from signer.inventory.models import Person
from signer.inventory.policy import rules
from signer.issuance import keys
from signer.issuance.keys import CurrentKey
from signer.signing.activation import locked


def usable_key(authority: Authority, person: Person, now: datetime) -> CurrentKey:
    """The person's key; refused by name when person, certificate or key may not sign now."""
    require_may_sign(person)
    key = keys.find_current_key(person.id)
    if key is None:
        raise NotFound(N_("Bạn chưa được cấp chứng thư chữ ký số."))
    return _in_force(authority, key, now)


def usable_seal(authority: Authority, person: Person, unit_id: int, now: datetime) -> CurrentKey:
    """The key of the body's seal; for whoever keeps it now, and refused by name otherwise."""
    require_may_sign(person)
    key = keys.find_seal_key(unit_id)
    if key is None:
        raise NotFound(N_("Cơ quan chưa có con dấu số đang dùng được."))
    if key.person_id != person.id:
        raise Forbidden(N_("Bạn không phải là người giữ con dấu số của cơ quan này."))
    return _in_force(authority, key, now)


def _in_force(authority: Authority, key: CurrentKey, now: datetime) -> CurrentKey:
    status = authority.status_of(int(key.serial_hex, 16), now)
    if status is CertificateStatus.REVOKED:
        raise Forbidden(N_("Chứng thư số đã bị thu hồi"))
    if status is CertificateStatus.SUSPENDED:
        raise Forbidden(N_("Chứng thư số đang bị tạm dừng nên chưa dùng để ký được."))
    if status is CertificateStatus.EXPIRED:
        raise Forbidden(N_("Chứng thư số đã hết hạn sử dụng"))
    if status is not CertificateStatus.GOOD:
        raise Forbidden(N_("Chứng thư số chưa có hiệu lực"))
    if key.state == "locked":
        raise locked()
    if key.state == "ready":
        raise Invalid(N_("Bạn chưa kích hoạt chữ ký số. Hãy đặt mã PIN trước."), field="pin")
    return key


def require_may_sign(person: Person) -> None:
    """`Forbidden` for whoever may not sign in the present state of service (R11)."""
    state, _ = service_of([person.id])[person.id]
    if not rules()[state].may_sign:
        raise Forbidden(N_("Người này không còn ở trạng thái công tác được ký số."))
