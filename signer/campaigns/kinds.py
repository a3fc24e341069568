"""The closed lists of a campaign: why somebody lacks a certificate, how a task stands, what scores.

Pure, with the words of the office for each; and the check of what is typed freely beside them.
"""

from enum import StrEnum

from signer.errors import N_, Invalid
from signer.inventory.names import clean_text
from signer.reports.coverage import View


class LackCause(StrEnum):
    """Why somebody has no certificate yet; the list of the field's own reports (domain.md 3.1)."""

    NEW_STAFF = "new_staff"
    NO_EMAIL = "no_email"
    ID_MISMATCH = "id_mismatch"
    REORGANISATION = "reorganisation"
    REQUEST_SENT = "request_sent"
    DEVICE_BROKEN = "device_broken"
    NO_TRANSACTIONS = "no_transactions"
    LONG_LEAVE = "long_leave"
    OTHER = "other"
    """Only with a note that says what."""


class TaskState(StrEnum):
    """How a task stands, as its unit reports it (R60)."""

    OPEN = "open"
    DONE = "done"
    LATE = "late"
    ADJUST = "adjust"


class Measure(StrEnum):
    """Where a and b of a criterion come from: a figure that is counted here, or somebody's hand."""

    COVERAGE = "coverage"
    LEADERS = "leaders"
    ONE_STOP = "one_stop"
    TASKS = "tasks"
    TYPED = "typed"


CAUSE_NAMES: dict[LackCause, str] = {
    LackCause.NEW_STAFF: N_("Mới tuyển dụng, điều động"),
    LackCause.NO_EMAIL: N_("Chưa có thư điện tử công vụ"),
    LackCause.ID_MISMATCH: N_("Sai lệch thông tin định danh"),
    LackCause.REORGANISATION: N_("Chờ sắp xếp tổ chức"),
    LackCause.REQUEST_SENT: N_("Đã gửi đề nghị, chờ cấp"),
    LackCause.DEVICE_BROKEN: N_("Thiết bị hỏng hoặc bị khóa"),
    LackCause.NO_TRANSACTIONS: N_("Không phát sinh giao dịch điện tử"),
    LackCause.LONG_LEAVE: N_("Nghỉ chế độ dài hạn"),
    LackCause.OTHER: N_("Nguyên nhân khác"),
}
TASK_STATE_NAMES: dict[TaskState, str] = {
    TaskState.OPEN: N_("Đang thực hiện"),
    TaskState.DONE: N_("Hoàn thành"),
    TaskState.LATE: N_("Chậm"),
    TaskState.ADJUST: N_("Cần điều chỉnh"),
}
MEASURE_NAMES: dict[Measure, str] = {
    Measure.COVERAGE: N_("Số người đã được cấp trên số người thuộc diện cấp"),
    Measure.LEADERS: N_("Số lãnh đạo đã được cấp trên tổng số lãnh đạo"),
    Measure.ONE_STOP: N_("Số cán bộ một cửa đã được cấp trên tổng số cán bộ một cửa"),
    Measure.TASKS: N_("Số nhiệm vụ hoàn thành đúng hạn trên số nhiệm vụ được giao"),
    Measure.TYPED: N_("Nhập tay, có tài liệu kiểm chứng"),
}
VIEW_WORDS: dict[str, str] = {
    View.LACKS: N_("chưa được cấp chứng thư"),
    View.PENDING: N_("đang chờ duyệt hoặc chờ cấp"),
    View.EXPIRING: N_("có chứng thư sắp hết hạn"),
    View.UNUSED: N_("đã được cấp nhưng chưa dùng"),
    View.MUST_REVOKE: N_("đã rời cơ quan mà chứng thư còn hiệu lực"),
}
"""What a reminder may be about, after "12 người …"; nobody is reminded of those who have one."""
USUAL_CRITERIA: tuple[tuple[str, str, int, Measure], ...] = (
    ("TC1", N_("Tỷ lệ cán bộ, công chức, viên chức được cấp chữ ký số"), 50, Measure.COVERAGE),
    ("TC2", N_("Tỷ lệ lãnh đạo được cấp chữ ký số"), 20, Measure.LEADERS),
    ("TC3", N_("Tỷ lệ cán bộ một cửa được cấp chữ ký số"), 10, Measure.ONE_STOP),
    ("TC4", N_("Hoàn thành nhiệm vụ được giao đúng hạn"), 20, Measure.TASKS),
)
"""What a new campaign begins with: a hundred points; any of it may be replaced.

The text of the provincial index sets was not found (domain.md 3), so none of them is claimed."""


def text_within(
    text: str,
    field: str,
    limit: int,
    *,
    least: int = 0,
    sentence: str = N_("Nội dung dài quá %(limit)d ký tự."),
) -> str:
    """The text as it is stored; `Invalid` with the sentence when it is too short or too long."""
    text = clean_text(text)
    if not least <= len(text) <= limit:
        raise Invalid(sentence, field=field, limit=limit)
    return text
