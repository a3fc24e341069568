"""On what ground a certificate may be ended, held or changed: the closed lists of the decree (R25).

Decree 68/2024/NĐ-CP article 15 (change of information) and article 17 (revocation). Expiry, which
article 17 also names, needs no act. Holding a certificate is not in the decree: the city suspends
its use while somebody is suspended from duty, or while an exposed key is only suspected.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from signer.ca.crl import RevocationReason
from signer.errors import N_
from signer.inventory.states import PersonState


class Act(StrEnum):
    """What is done to a certificate; the values of `revocation.kind`."""

    REVOKE = "revoke"
    SUSPEND = "suspend"
    RELEASE = "release"
    CHANGE = "change"
    """Only as a draft: the clerk requests a certificate with new data, or revokes."""


class Holder(StrEnum):
    """Whose certificates a ground is about."""

    ANYBODY = "anybody"
    PERSON = "person"
    BODY = "body"
    SYSTEM = "system"


class Ground(StrEnum):
    """One line of the closed lists; the values of `revocation.ground`."""

    KEY_EXPOSED = "key_exposed"
    DEVICE_LOST = "device_lost"
    DEVICE_UNSAFE = "device_unsafe"
    DEVICE_BROKEN = "device_broken"
    PROSECUTION_REQUEST = "prosecution_request"
    POLICE_REQUEST = "police_request"
    MANAGING_BODY_REQUEST = "managing_body_request"
    NEW_POSITION = "new_position"
    RETIRED = "retired"
    RESIGNED = "resigned"
    DECEASED = "deceased"
    BODY_DISSOLVED = "body_dissolved"
    BODY_SPLIT = "body_split"
    BODY_MERGED = "body_merged"
    SYSTEM_STOPPED = "system_stopped"
    CHANGED_BODY = "changed_body"
    CHANGED_EMAIL = "changed_email"
    BODY_RENAMED = "body_renamed"
    BODY_MOVED = "body_moved"
    SYSTEM_RENAMED = "system_renamed"
    SYSTEM_UPGRADED = "system_upgraded"
    SUSPENDED_FROM_DUTY = "suspended_from_duty"


@dataclass(frozen=True, kw_only=True)
class GroundRule:
    """What a ground says, where it stands, and what it allows."""

    code: Ground
    label: str
    source: str
    holder: Holder
    acts: frozenset[Act]
    reason: RevocationReason
    """What the CRL says when the certificate is revoked on it; a suspension is always a hold."""

    @property
    def needs_document(self) -> bool:
        """The decree asks for a paper; where a key may be in wrong hands it follows (R28)."""
        return self.reason is not RevocationReason.KEY_COMPROMISE

    @property
    def is_urgent(self) -> bool:
        """Done before the answer is there, whatever the number of people: use stops at once."""
        return Act.SUSPEND in self.acts


_ARTICLE_15 = N_("Nghị định 68/2024/NĐ-CP, Điều 15")
_ARTICLE_17 = N_("Nghị định 68/2024/NĐ-CP, Điều 17")
_DUTY = N_("Trạng thái công tác trong danh sách cán bộ")

_REVOKE, _CHANGE, _SUSPEND = {Act.REVOKE}, {Act.CHANGE}, {Act.SUSPEND}
_MOVED, _REPLACED, _HELD = (
    RevocationReason.AFFILIATION_CHANGED,
    RevocationReason.SUPERSEDED,
    RevocationReason.CERTIFICATE_HOLD,
)
_EXPOSED, _ENDED, _WITHDRAWN = (
    RevocationReason.KEY_COMPROMISE,
    RevocationReason.CESSATION_OF_OPERATION,
    RevocationReason.PRIVILEGE_WITHDRAWN,
)
_TABLE = (
    # Article 17, all subscribers: the subscriber's request, confirmed by the body.
    (_ARTICLE_17, Holder.ANYBODY, _REVOKE | _SUSPEND, (
        (Ground.KEY_EXPOSED, N_("Khóa bí mật bị lộ hoặc nghi bị lộ"), _EXPOSED),
        (Ground.DEVICE_LOST, N_("Thiết bị lưu khóa bí mật bị thất lạc"), _EXPOSED),
        (Ground.DEVICE_UNSAFE, N_("Thiết bị lưu khóa bí mật không còn an toàn"), _EXPOSED),
    )),
    (_ARTICLE_17, Holder.ANYBODY, _REVOKE, (
        (Ground.DEVICE_BROKEN, N_("Thiết bị lưu khóa bí mật bị hỏng"), _ENDED),
        (
            Ground.PROSECUTION_REQUEST,
            N_("Văn bản yêu cầu của cơ quan tiến hành tố tụng"),
            _WITHDRAWN,
        ),
        (Ground.POLICE_REQUEST, N_("Văn bản yêu cầu của cơ quan công an"), _WITHDRAWN),
        (
            Ground.MANAGING_BODY_REQUEST,
            N_("Văn bản yêu cầu của cơ quan, tổ chức quản lý trực tiếp"),
            _WITHDRAWN,
        ),
    )),
    (_ARTICLE_17, Holder.PERSON, _REVOKE, (
        (
            Ground.NEW_POSITION,
            N_("Chuyển sang vị trí công tác mới không phù hợp với chứng thư"),
            _MOVED,
        ),
        (Ground.RETIRED, N_("Nghỉ hưu"), _ENDED),
        (Ground.RESIGNED, N_("Thôi việc"), _ENDED),
        (Ground.DECEASED, N_("Từ trần"), _ENDED),
    )),
    (_ARTICLE_17, Holder.BODY, _REVOKE, (
        (Ground.BODY_DISSOLVED, N_("Cơ quan, tổ chức giải thể"), _ENDED),
        (Ground.BODY_SPLIT, N_("Cơ quan, tổ chức chia, tách"), _ENDED),
        (Ground.BODY_MERGED, N_("Cơ quan, tổ chức sáp nhập"), _ENDED),
    )),
    (_ARTICLE_17, Holder.SYSTEM, _REVOKE, (
        (Ground.SYSTEM_STOPPED, N_("Thiết bị, dịch vụ, phần mềm ngừng hoạt động"), _ENDED),
    )),
    # Article 15: the data of the certificate no longer fit.
    (_ARTICLE_15, Holder.PERSON, _CHANGE, (
        (Ground.CHANGED_BODY, N_("Thay đổi cơ quan, tổ chức công tác"), _MOVED),
        (Ground.CHANGED_EMAIL, N_("Thay đổi địa chỉ thư điện tử công vụ"), _REPLACED),
    )),
    (_ARTICLE_15, Holder.BODY, _CHANGE, (
        (Ground.BODY_RENAMED, N_("Cơ quan, tổ chức đổi tên"), _REPLACED),
        (Ground.BODY_MOVED, N_("Cơ quan, tổ chức đổi địa chỉ"), _REPLACED),
    )),
    (_ARTICLE_15, Holder.SYSTEM, _CHANGE, (
        (Ground.SYSTEM_RENAMED, N_("Dịch vụ, phần mềm đổi tên"), _REPLACED),
        (Ground.SYSTEM_UPGRADED, N_("Dịch vụ, phần mềm được nâng cấp"), _REPLACED),
    )),
    # The state of the person in the roster: the paper is at hand.
    (_DUTY, Holder.PERSON, _SUSPEND, (
        (Ground.SUSPENDED_FROM_DUTY, N_("Tạm đình chỉ công tác"), _HELD),
    )),
)  # fmt: skip

GROUNDS: Mapping[Ground, GroundRule] = MappingProxyType(
    {
        code: GroundRule(
            code=code,
            label=label,
            source=source,
            holder=holder,
            acts=frozenset(acts),
            reason=reason,
        )
        for source, holder, acts, grounds in _TABLE
        for code, label, reason in grounds
    }
)

GROUND_OF_STATE: Mapping[PersonState, Ground] = MappingProxyType(
    {
        PersonState.RETIRED: Ground.RETIRED,
        PersonState.RESIGNED: Ground.RESIGNED,
        PersonState.DISMISSED: Ground.RESIGNED,  # "thôi việc" is also ordered as a punishment
        PersonState.DECEASED: Ground.DECEASED,
        PersonState.TRANSFERRED: Ground.NEW_POSITION,
        PersonState.ROTATED: Ground.NEW_POSITION,
        PersonState.SUSPENDED: Ground.SUSPENDED_FROM_DUTY,
    }
)
"""The ground a draft proposes for somebody in that state."""


def grounds_for(act: Act) -> tuple[GroundRule, ...]:
    """The grounds on which that may be done to a person's certificate, as a form lists them."""
    return tuple(
        rule
        for rule in GROUNDS.values()
        if act in rule.acts and rule.holder in (Holder.ANYBODY, Holder.PERSON)
    )


BODY_GROUNDS = (
    *(Ground.KEY_EXPOSED, Ground.DEVICE_LOST, Ground.MANAGING_BODY_REQUEST),
    *(Ground.BODY_DISSOLVED, Ground.BODY_SPLIT, Ground.BODY_MERGED, Ground.BODY_RENAMED),
)
"""Those of the closed lists on which a body's seal is ended, as a form lists them."""
