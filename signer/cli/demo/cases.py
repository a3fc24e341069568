"""What the twenty invented dossiers are about, and how far each has come."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from signer.cli.demo.people import Invented
from signer.reports.decree30 import NameBlock, Paper

CITY = "Ủy ban nhân dân thành phố Hà Nội"


class Outcome(StrEnum):
    """How far a dossier has come when the demo begins."""

    WAITING = "waiting"
    HALF_SIGNED = "half_signed"
    DONE = "done"
    RETURNED = "returned"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One dossier; `both` means that the head of the office signs before the head of the unit."""

    title: str
    kind: str
    symbol: str
    subject: str
    body: tuple[str, ...]
    recipients: tuple[str, ...]
    both: bool
    outcome: Outcome
    return_reason: str = ""
    days_to_go: int = 5


@dataclass(frozen=True, kw_only=True)
class Office:
    """A unit whose papers the demo invents, with the two people who sign them."""

    unit_code: str
    unit_name: str
    head: Invented
    office_head: Invented

    @property
    def is_department(self) -> bool:
        """True for a department of the city, false for a ward or commune."""
        return not self.unit_code.isdigit()


def paper_of(case: Case, office: Office, day: date) -> Paper:
    """The paper of a case, as that office would write it on that day."""
    words = {"unit": office.unit_name, "year": day.year}
    return Paper(
        parent=CITY,
        issuer=office.unit_name,
        symbol=case.symbol.replace("…", office.unit_code if office.is_department else "UBND"),
        kind=case.kind,
        subject=case.subject,
        day=day,
        body=tuple(text % words for text in case.body),
        recipients=case.recipients,
        blocks=_blocks(case, office),
    )


def _blocks(case: Case, office: Office) -> tuple[NameBlock, ...]:
    head = NameBlock(
        authority="" if office.is_department else "TM. Ủy ban nhân dân",
        title=office.head.post.title,
        name=office.head.full_name,
    )
    if not case.both:
        return (head,)
    office_head = NameBlock(
        authority="", title=office.office_head.post.title, name=office.office_head.full_name
    )
    return (office_head, head)


_TO_KEEP = ("Như trên;", "Lưu: VT.")

COMMUNE_CASES = (
    Case(
        title="Kế hoạch cấp chữ ký số cá nhân",
        kind="Kế hoạch",
        symbol="KH-…",
        subject="Rà soát, cấp chữ ký số cá nhân cho cán bộ, công chức, viên chức",
        body=(
            "Thực hiện chỉ đạo của Ủy ban nhân dân Thành phố về việc bảo đảm toàn bộ cán bộ, công "
            "chức, viên chức có chữ ký số cá nhân, %(unit)s ban hành kế hoạch như sau:",
            "1. Mục đích: mọi cán bộ, công chức, viên chức thuộc diện cấp đều có chữ ký số và sử "
            "dụng thường xuyên trong xử lý công việc, giải quyết thủ tục hành chính.",
            "2. Nội dung: rà soát danh sách người đã có và người chưa có chứng thư chữ ký số; hoàn "
            "thiện thư điện tử công vụ; lập đề nghị cấp theo từng đợt, đơn vị dễ làm trước.",
            "3. Tổ chức thực hiện: Văn phòng HĐND và UBND là đầu mối, báo cáo tiến độ vào thứ Sáu "
            "hằng tuần; các phòng chuyên môn cử người phối hợp./.",
        ),
        recipients=("Sở Nội vụ;", "Các phòng chuyên môn;", "Lưu: VT."),
        both=False,
        outcome=Outcome.WAITING,
        days_to_go=2,
    ),
    Case(
        title="Tờ trình bổ sung thiết bị cho bộ phận một cửa",
        kind="Tờ trình",
        symbol="TTr-…",
        subject="Về việc bổ sung máy quét phục vụ số hóa hồ sơ tại bộ phận một cửa",
        body=(
            "Hiện nay bộ phận một cửa của %(unit)s có 02 (hai) máy quét, trong khi số hồ sơ cần số "
            "hóa trung bình mỗi ngày là 140 hồ sơ.",
            "Để bảo đảm hồ sơ được số hóa và ký số ngay khi tiếp nhận, Văn phòng kính đề nghị xem "
            "xét bổ sung 02 (hai) máy quét khổ A4 từ nguồn kinh phí chi thường xuyên năm %(year)d.",
            "Trân trọng đề nghị lãnh đạo xem xét, quyết định./.",
        ),
        recipients=_TO_KEEP,
        both=True,
        outcome=Outcome.HALF_SIGNED,
        days_to_go=4,
    ),
    Case(
        title="Báo cáo tiến độ số hóa dữ liệu hộ tịch",
        kind="Báo cáo",
        symbol="BC-…",
        subject="Kết quả số hóa dữ liệu hộ tịch và tình hình xử lý hồ sơ quá hạn",
        body=(
            "%(unit)s báo cáo kết quả số hóa dữ liệu hộ tịch và tình hình xử lý hồ sơ quá hạn trên "
            "hệ thống thông tin giải quyết thủ tục hành chính như sau:",
            "1. Nhiệm vụ đã hoàn thành: số hóa 100%% sổ hộ tịch từ năm 2007; đối chiếu, làm sạch "
            "8.412 bản ghi.",
            "2. Nhiệm vụ chậm: 03 hồ sơ quá hạn do chờ cơ quan phối hợp; đã gửi thư xin lỗi và hẹn "
            "lại ngày trả kết quả cho công dân.",
            "3. Đề xuất: tiếp tục hỗ trợ kỹ thuật khi hệ thống báo lỗi đồng bộ dữ liệu./.",
        ),
        recipients=("Sở Tư pháp;", "Lưu: VT."),
        both=False,
        outcome=Outcome.DONE,
        days_to_go=-1,
    ),
    Case(
        title="Quyết định phân công cán bộ đầu mối",
        kind="Quyết định",
        symbol="QĐ-…",
        subject="Về việc phân công cán bộ đầu mối quản lý chứng thư chữ ký số",
        body=(
            "Căn cứ Luật Tổ chức chính quyền địa phương;",
            "Căn cứ Nghị định số 68/2024/NĐ-CP ngày 25 tháng 6 năm 2024 của Chính phủ quy định về "
            "chữ ký số chuyên dùng công vụ;",
            "Theo đề nghị của Chánh Văn phòng HĐND và UBND.",
            "<b>Điều 1.</b> Phân công Văn phòng HĐND và UBND làm đầu mối quản lý chứng thư chữ ký "
            "số của %(unit)s và các đơn vị trực thuộc.",
            "<b>Điều 2.</b> Quyết định này có hiệu lực kể từ ngày ký. Chánh Văn phòng và các cá "
            "nhân có liên quan chịu trách nhiệm thi hành./.",
        ),
        recipients=("Như Điều 2;", "Lưu: VT."),
        both=True,
        outcome=Outcome.DONE,
        days_to_go=0,
    ),
    Case(
        title="Công văn đề nghị khắc phục lỗi hệ thống",
        kind="",
        symbol="…-VP",
        subject="V/v khắc phục lỗi của hệ thống thủ tục hành chính",
        body=(
            "Kính gửi: Sở Khoa học và Công nghệ.",
            "Trong tuần qua, hệ thống thông tin giải quyết thủ tục hành chính có 05 lần gián đoạn, "
            "mỗi lần từ 10 đến 25 phút, làm chậm việc trả kết quả cho công dân.",
            "%(unit)s đề nghị quý Sở xác định nguyên nhân, khắc phục và thông báo thời điểm hoàn "
            "thành để đơn vị chủ động bố trí công việc./.",
        ),
        recipients=_TO_KEEP,
        both=False,
        outcome=Outcome.RETURNED,
        return_reason="Cần nêu rõ thời điểm từng lần gián đoạn và kèm ảnh chụp màn hình lỗi.",
        days_to_go=3,
    ),
)

DEPARTMENT_CASES = (
    Case(
        title="Hướng dẫn nghiệp vụ quản lý chữ ký số",
        kind="Hướng dẫn",
        symbol="HD-…",
        subject="Quản lý, sử dụng chữ ký số cá nhân trong giải quyết công việc",
        body=(
            "Để thống nhất việc quản lý, sử dụng chữ ký số trên địa bàn Thành phố, %(unit)s hướng "
            "dẫn một số nội dung sau:",
            "1. Mỗi người tự giữ mã PIN của mình, không cho mượn, không ghi ra giấy; khi nghi ngờ "
            "lộ mã PIN phải báo ngay cho cán bộ đầu mối.",
            "2. Người nghỉ hưu, thôi việc hoặc chuyển công tác phải được thu hồi chứng thư chữ ký "
            "số trong ngày có quyết định.",
            "3. Văn bản điện tử được kiểm tra chữ ký trước khi đăng ký văn bản đến./.",
        ),
        recipients=("Các sở, ban, ngành;", "UBND các phường, xã;", "Lưu: VT."),
        both=False,
        outcome=Outcome.WAITING,
        days_to_go=1,
    ),
    Case(
        title="Tờ trình dự toán kinh phí tập huấn",
        kind="Tờ trình",
        symbol="TTr-…",
        subject="Về việc phê duyệt dự toán kinh phí tập huấn kỹ năng số",
        body=(
            "Thực hiện kế hoạch đào tạo, bồi dưỡng năm %(year)d, %(unit)s dự kiến tổ chức 06 (sáu) "
            "lớp tập huấn kỹ năng số cho 420 cán bộ, công chức, viên chức.",
            "Tổng dự toán là 186.000.000 đồng (một trăm tám mươi sáu triệu đồng), từ nguồn kinh "
            "phí đào tạo, bồi dưỡng đã giao.",
            "Kính trình lãnh đạo xem xét, phê duyệt./.",
        ),
        recipients=_TO_KEEP,
        both=True,
        outcome=Outcome.HALF_SIGNED,
        days_to_go=6,
    ),
    Case(
        title="Thông báo lịch kiểm tra công vụ",
        kind="Thông báo",
        symbol="TB-…",
        subject="Lịch kiểm tra việc sử dụng chữ ký số tại các đơn vị",
        body=(
            "%(unit)s thông báo lịch kiểm tra việc sử dụng chữ ký số tại các đơn vị trực thuộc "
            "trong quý này.",
            "Các đơn vị chuẩn bị danh sách cán bộ, công chức, viên chức, số chứng thư đã cấp, số "
            "văn bản đã ký số và nguyên nhân của các trường hợp chưa được cấp.",
            "Đề nghị thủ trưởng các đơn vị bố trí người làm việc với đoàn kiểm tra./.",
        ),
        recipients=("Các đơn vị trực thuộc;", "Lưu: VT."),
        both=False,
        outcome=Outcome.DONE,
        days_to_go=-2,
    ),
    Case(
        title="Quyết định cử công chức tham gia lớp bồi dưỡng",
        kind="Quyết định",
        symbol="QĐ-…",
        subject="Về việc cử công chức tham gia lớp bồi dưỡng kỹ năng số",
        body=(
            "Căn cứ Luật Tổ chức chính quyền địa phương;",
            "Căn cứ Nghị định số 30/2020/NĐ-CP ngày 05 tháng 3 năm 2020 của Chính phủ về công tác "
            "văn thư;",
            "<b>Điều 1.</b> Cử 12 (mười hai) công chức của %(unit)s tham gia lớp bồi dưỡng kỹ năng "
            "số, có danh sách kèm theo.",
            "<b>Điều 2.</b> Công chức được cử đi học hưởng các chế độ theo quy định hiện hành.",
            "<b>Điều 3.</b> Quyết định này có hiệu lực kể từ ngày ký./.",
        ),
        recipients=("Như Điều 1;", "Lưu: VT."),
        both=True,
        outcome=Outcome.DONE,
        days_to_go=0,
    ),
    Case(
        title="Công văn đôn đốc báo cáo định kỳ",
        kind="",
        symbol="…-VP",
        subject="V/v đôn đốc báo cáo kết quả cấp chữ ký số",
        body=(
            "Kính gửi: Ủy ban nhân dân các phường, xã.",
            "Đến nay còn 09 đơn vị chưa gửi báo cáo kết quả cấp, quản lý, sử dụng chữ ký số. "
            "%(unit)s đề nghị các đơn vị gửi báo cáo trước ngày 25 hằng tháng.",
            "Đơn vị gửi chậm nêu rõ nguyên nhân và thời điểm hoàn thành./.",
        ),
        recipients=_TO_KEEP,
        both=False,
        outcome=Outcome.RETURNED,
        return_reason="Bổ sung danh sách 09 đơn vị chưa gửi báo cáo vào phụ lục.",
        days_to_go=3,
    ),
)
