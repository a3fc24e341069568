"""`signer restamp`: archived documents get another time stamp before the last one runs out."""

import click

from signer.accounts import SYSTEM, Permission
from signer.cli import console
from signer.cli.console import _
from signer.services import Services


@click.command(help=_("Đóng lại dấu thời gian cho tài liệu lưu trữ có dấu sắp hết hạn."))
@click.option(
    "--all", "everything", is_flag=True, help=_("Tất cả, khi một thuật toán sắp hết hạn.")
)
@console.json_option
@console.with_services
def restamp(services: Services, everything: bool) -> int:
    """One job, worked off here; 1 when some documents failed, which can be tried again."""
    SYSTEM.require(Permission.CERTIFICATE_ISSUE)
    job_id = services.document_stamps.renew(everything=everything)
    if job_id is None:
        sentence = _("Không có tài liệu nào cần đóng lại dấu thời gian, hoặc việc này đang chạy.")
        console.answer({"job": None, "done": 0, "failed": 0}, sentence)
        return 0
    done = console.work_off(services, job_id, _("Đang đóng lại dấu thời gian"))
    console.answer(
        {"job": job_id, "done": done.done, "failed": done.failed},
        _("Đã đóng lại dấu thời gian cho %(done)d tài liệu, %(failed)d không thành công."),
    )
    return int(done.failed > 0)
