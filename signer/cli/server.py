"""`signer doctor`, `signer serve`, `signer worker`: the machine itself."""

import signal
import threading
from collections.abc import Callable

import click

from signer.cli import console
from signer.cli.console import _, say, sentence, settings_of_this_machine, this_machine
from signer.cli.serving import PLACES, serve_embedded, serve_validation
from signer.errors import SignerError
from signer.services import Services
from signer.signing.levels import Level


@click.command(help=_("Kiểm tra cài đặt: cơ sở dữ liệu, HSM, CA, nhật ký, kho tệp."))
@console.json_option
@console.with_services
def doctor(services: Services) -> int:
    """Every part is looked at even when one before it is ill; 1 when any is."""
    settings, authority = services.settings, services.authority
    looks: list[tuple[str, Callable[[], object], str | None]] = [
        (_("Cơ sở dữ liệu"), services.audit.count, None),
        (_("Nhật ký nguyên vẹn"), services.audit.verify, None),
        (_("HSM"), lambda: services.hsm.status().label, None),
        (_("Khóa của CA"), authority.prove_key, settings.issuing_key_label),
        (_("CRL"), authority.current_crl_der, ""),
        (_("Địa chỉ xác thực"), authority.prove_addresses, settings.validation_address),
        (_("Việc đang chờ"), services.jobs.waiting, None),
    ]
    if settings.signature_level == Level.B_LTA:
        lasting = services.document_stamps.prove_lasting
        looks.append((_("Dấu thời gian lưu trữ"), lambda: f"{lasting():%d/%m/%Y}", None))
    findings = []
    for name, look, proved in looks:
        try:
            found, is_well = look(), True
            said = str(found) if proved is None else proved
        except SignerError as error:
            said, is_well = sentence(error), False
        findings.append({"name": name, "is_well": is_well, "said": said})
        if not console.wants_json():
            mark = click.style("✓", "green") if is_well else click.style("✗", "red")
            say(f"{mark} {name}: {said}")
    if console.wants_json():
        console.show_json(findings)
    return int(not all(finding["is_well"] for finding in findings))


@click.command(help=_("Phục vụ tại 127.0.0.1: trang web và API, hoặc chỉ việc xác thực."))
@click.option("--port", default=8080, show_default=True, help=_("Cổng."))
@click.option("--threads", default=PLACES, show_default=True, help=_("Số luồng."))
@click.option(
    "--role",
    type=click.Choice(["all", "validation"]),
    default="all",
    show_default=True,
    help=_("Phục vụ tất cả, hay chỉ OCSP, dấu thời gian và danh sách thu hồi (validation)."),
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help=_("Số tiến trình của vai trò validation."),
)
def serve(port: int, threads: int, role: str, workers: int) -> None:
    """Serves until it is told to stop."""
    if role == "validation":
        serve_validation(this_machine(), port, workers)
    else:
        serve_embedded(this_machine(), port, threads)


@click.command(help=_("Xử lý các công việc đang chờ cho đến khi được bảo dừng."))
def worker() -> None:
    """A process that works off jobs; any number of them may run."""
    app = this_machine().create_rooms(settings_of_this_machine())
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_args: stop.set())
    this_machine().work(app, stop)
