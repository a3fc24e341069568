"""The record of what happened, for those who watch over it."""

import json

from flask import render_template, request
from flask.typing import ResponseReturnValue

from signer.accounts import Permission
from signer.errors import N_
from signer.services import services
from signer.web.access import actor
from signer.web.forms import number_in_query
from signer.web.pages import Pages

blueprint = Pages("audit", __name__)

PAGE_SIZE = 50
ACTION_NAMES = {
    "account.created": N_("Lập tài khoản"),
    "account.locked": N_("Tạm khóa tài khoản"),
    "account.password_changed": N_("Đổi mật khẩu"),
    "session.started": N_("Đăng nhập"),
    "session.ended": N_("Đăng xuất"),
    "request.created": N_("Lập đề nghị"),
    "request.approved": N_("Duyệt đề nghị"),
    "request.rejected": N_("Không duyệt đề nghị"),
    "request.cancelled": N_("Rút lại đề nghị"),
    "job.created": N_("Bắt đầu công việc"),
    "job.finished": N_("Hoàn thành công việc"),
    "job.paused": N_("Tạm dừng công việc"),
    "job.running": N_("Tiếp tục công việc"),
    "job.cancelled": N_("Hủy công việc"),
    "job.retried": N_("Làm lại phần chưa thành công"),
    "unit.created": N_("Thêm đơn vị"),
    "unit.changed": N_("Sửa đơn vị"),
    "unit.facts_changed": N_("Sửa tư cách và mã của đơn vị"),
    "unit.focal_named": N_("Phân công cán bộ đầu mối"),
    "unit.deputy_named": N_("Phân công người thay cán bộ đầu mối"),
    "unit_change.planned": N_("Đặt ngày thay đổi cơ cấu đơn vị"),
    "unit_change.carried_out": N_("Thay đổi cơ cấu đơn vị"),
    "unit_change.refused": N_("Không thực hiện được thay đổi cơ cấu đơn vị"),
    "unit_change.undone": N_("Hoàn tác thay đổi cơ cấu đơn vị"),
    "roster.checked": N_("Kiểm tra tệp danh sách"),
    "roster.applied": N_("Ghi danh sách"),
    "roster.undone": N_("Hoàn tác lần nạp danh sách"),
    "coverage.compared": N_("Đối chiếu số liệu bao phủ với dữ liệu gốc"),
    "roster.errors_exported": N_("Tải các dòng lỗi của danh sách"),
    "people.created": N_("Thêm cán bộ"),
    "people.taken_back": N_("Hoàn tác việc thêm, sửa cán bộ"),
    "person.changed": N_("Sửa thông tin cán bộ"),
    "person.account_linked": N_("Gắn tài khoản với cán bộ"),
    "person.merged": N_("Gộp hồ sơ trùng"),
    "person.separated": N_("Tách lại hồ sơ đã gộp"),
    "person.kept_apart": N_("Xác nhận hai hồ sơ là hai người"),
    "person.reconsidered": N_("Xét lại hai hồ sơ"),
    "duplicates.found": N_("Tìm hồ sơ trùng"),
    "policy.changed": N_("Đổi chính sách trạng thái công tác"),
    "person.id_revealed": N_("Xem số định danh cá nhân"),
    "list.exported": N_("Tải danh sách về máy"),
    "certificate.issue": N_("Ký chứng thư"),
    "certificate.revoke": N_("Thu hồi chứng thư"),
    "certificate.suspend": N_("Tạm dừng chứng thư"),
    "certificate.release": N_("Cho dùng lại chứng thư"),
    "certificate.abandon": N_("Bỏ số hiệu chứng thư dở dang"),
    "ledger.checked": N_("Kiểm tra sổ chứng thư"),
    "revocation.drafted": N_("Nêu việc cần xử lý về chứng thư"),
    "revocation.ordered": N_("Ra lệnh thu hồi, tạm dừng hoặc cho dùng lại"),
    "revocation.dismissed": N_("Bỏ qua việc cần xử lý về chứng thư"),
    "outside.checked": N_("Kiểm tra tệp chứng thư bên ngoài"),
    "outside.applied": N_("Ghi tệp chứng thư bên ngoài"),
    "outside.stored": N_("Ghi chứng thư bên ngoài"),
    "outside.confirmed": N_("Xác nhận chủ thể của chứng thư bên ngoài"),
    "outside.rejected": N_("Gỡ chứng thư bên ngoài khỏi cán bộ"),
    "outside.crl": N_("Nạp danh sách thu hồi của tổ chức khác"),
    "outside.compared": N_("Cập nhật trạng thái chứng thư bên ngoài"),
    "crl.publish": N_("Công bố danh sách chứng thư bị thu hồi"),
    "dossier.created": N_("Lập hồ sơ"),
    "document.signed": N_("Ký văn bản"),
    "person.certified": N_("Cấp chứng thư cho cán bộ"),
    "person.renewed": N_("Gia hạn chứng thư cho cán bộ"),
    "person.revoked": N_("Thu hồi chứng thư của cán bộ"),
    "person.suspended": N_("Tạm dừng chứng thư của cán bộ"),
    "person.released": N_("Cho dùng lại chứng thư của cán bộ"),
    "key.activated": N_("Kích hoạt khóa ký"),
    "key.locked": N_("Khóa ký bị khóa"),
    "key.replaced": N_("Cấp lại khóa ký"),
    "pin.wrong": N_("Nhập sai mã PIN"),
    "document.returned": N_("Trả lại văn bản"),
    "report.drafted": N_("Lưu bản nháp báo cáo"),
    "report.frozen": N_("Chốt báo cáo"),
    "campaign.started": N_("Mở chiến dịch"),
    "campaign.changed": N_("Sửa chiến dịch"),
    "campaign.closed": N_("Kết thúc chiến dịch"),
    "task.given": N_("Giao nhiệm vụ"),
    "task.reported": N_("Báo cáo nhiệm vụ"),
    "task.moved": N_("Đổi thời hạn nhiệm vụ"),
    "lack.reason_given": N_("Ghi nguyên nhân chưa được cấp"),
    "reminder.sent": N_("Nhắc đơn vị"),
    "reminder.seen": N_("Xem lời nhắc"),
    "criterion.set": N_("Ghi tiêu chí chấm điểm"),
    "criterion.ended": N_("Thôi tính tiêu chí chấm điểm"),
    "score.set": N_("Ghi điểm"),
    "evidence.withdrawn": N_("Rút tài liệu kiểm chứng"),
}
"""What the record's codes mean; a code that is not here is shown as it is."""


@blueprint.page("/audit", Permission.AUDIT_VIEW)
def index() -> ResponseReturnValue:
    """The newest events first, a page at a time; `subject` narrows them to one thing.

    One chain tells of all units, so only a role over the whole city opens it.
    """
    actor().require(Permission.AUDIT_VIEW, "")
    subject = request.args.get("subject", "").strip()
    events = services().audit.events(
        subject=subject or None, before=number_in_query("before"), limit=PAGE_SIZE
    )
    return render_template(
        "audit/index.html",
        events=events,
        details={event.seq: json.loads(event.details) for event in events},
        names=ACTION_NAMES,
        subject=subject,
        total=services().audit.count(),
        oldest=events[-1].seq if len(events) == PAGE_SIZE else None,
    )
