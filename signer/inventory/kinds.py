"""The closed lists of the inventory: kinds of units and people, sexes, states of an import."""

from enum import StrEnum

from signer.errors import N_


class UnitKind(StrEnum):
    """What a unit is (R1); districts are closed since 30/06/2025."""

    CITY = "city"
    DEPARTMENT = "department"
    DISTRICT = "district"
    WARD = "ward"
    COMMUNE = "commune"
    DIVISION = "division"
    SERVICE_UNIT = "service_unit"


class PersonKind(StrEnum):
    """The classes of the Law on Cadres and Civil Servants, and the Law on Public Employees."""

    CADRE = "can_bo"
    CIVIL_SERVANT = "cong_chuc"
    PUBLIC_EMPLOYEE = "vien_chuc"
    WORKER = "nguoi_lao_dong"


class SigningRole(StrEnum):
    """What somebody signs with the own certificate (domain.md 4.1); one person may have several."""

    SPECIALIST = "specialist"
    LEADER = "leader"
    CLERK = "clerk"
    ONE_STOP = "one_stop"


class Sex(StrEnum):
    """As the personal identity number encodes it."""

    MALE = "male"
    FEMALE = "female"


class IdNumberKind(StrEnum):
    """A personal identity number has 12 digits; the old identity card had 9."""

    PERSONAL = "personal"
    OLD_CARD = "old_card"


class ImportState(StrEnum):
    """Checked only; begun and to be continued; every valid row stored; and back again."""

    CHECKED = "checked"
    APPLYING = "applying"
    APPLIED = "applied"
    UNDOING = "undoing"
    UNDONE = "undone"


UNIT_KIND_NAMES: dict[UnitKind, str] = {
    UnitKind.CITY: N_("Thành phố"),
    UnitKind.DEPARTMENT: N_("Sở, ban, ngành"),
    UnitKind.DISTRICT: N_("Quận, huyện, thị xã"),
    UnitKind.WARD: N_("Phường"),
    UnitKind.COMMUNE: N_("Xã"),
    UnitKind.DIVISION: N_("Phòng"),
    UnitKind.SERVICE_UNIT: N_("Đơn vị sự nghiệp"),
}
PERSON_KIND_NAMES: dict[PersonKind, str] = {
    PersonKind.CADRE: N_("Cán bộ"),
    PersonKind.CIVIL_SERVANT: N_("Công chức"),
    PersonKind.PUBLIC_EMPLOYEE: N_("Viên chức"),
    PersonKind.WORKER: N_("Người lao động"),
}
SIGNING_ROLE_NAMES: dict[SigningRole, str] = {
    SigningRole.SPECIALIST: N_("Chuyên viên (ký nháy)"),
    SigningRole.LEADER: N_("Lãnh đạo"),
    SigningRole.CLERK: N_("Văn thư"),
    SigningRole.ONE_STOP: N_("Một cửa"),
}
SEX_NAMES: dict[Sex, str] = {Sex.MALE: N_("Nam"), Sex.FEMALE: N_("Nữ")}
