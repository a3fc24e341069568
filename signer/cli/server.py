"""`signer doctor`, `signer serve`, `signer worker`: the machine itself."""

import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import click

from signer.cli.console import (
    _,
    sentence,
    settings_of_this_machine,
    show_json,
    this_machine,
    with_services,
)
from signer.cli.serving import serve_embedded, serve_validation
from signer.errors import SignerError
from signer.services import Services

THREADS = 8


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    is_well: bool
    said: str


@click.command(help=_("Kiểm tra cài đặt: cơ sở dữ liệu, HSM, CA, nhật ký, kho tệp."))
@click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))
@with_services
def doctor(services: Services, as_json: bool) -> int:
    """Every part is looked at even when one before it is ill; 1 when any is."""
    findings = list(_examine(services))
    if as_json:
        show_json([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            mark = click.style("✓", "green") if finding.is_well else click.style("✗", "red")
            click.echo(f"{mark} {finding.name}: {finding.said}")
    return 0 if all(finding.is_well for finding in findings) else 1


def _examine(services: Services) -> Iterator[Finding]:
    looks = (
        (_("Cơ sở dữ liệu"), lambda: services.audit.count()),
        (_("Nhật ký nguyên vẹn"), lambda: services.audit.verify()),
        (_("HSM"), lambda: services.hsm.status().label),
        (_("Khóa của CA"), lambda: _proved(services)),
        (_("CRL"), lambda: services.authority.current_crl_der() and ""),
        (_("Địa chỉ xác thực"), lambda: _addressed(services)),
        (_("Việc đang chờ"), lambda: services.jobs.waiting()),
    )
    for name, look in looks:
        try:
            yield Finding(name=name, is_well=True, said=str(look()))
        except SignerError as error:
            yield Finding(name=name, is_well=False, said=sentence(error))


def _proved(services: Services) -> str:
    services.authority.prove_key()
    return services.settings.issuing_key_label


def _addressed(services: Services) -> str:
    services.authority.prove_addresses()
    return services.settings.validation_address


@click.command(help=_("Phục vụ tại 127.0.0.1: trang web và API, hoặc chỉ việc xác thực."))
@click.option("--port", default=8080, show_default=True, help=_("Cổng."))
@click.option("--threads", default=THREADS, show_default=True, help=_("Số luồng."))
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
        serve_here(port, threads)


def serve_here(port: int, threads: int = THREADS) -> None:
    """Serves on the loopback address until it is told to stop; `signer setup` ends in it too."""
    serve_embedded(this_machine(), port, threads)


@click.command(help=_("Xử lý các công việc đang chờ cho đến khi được bảo dừng."))
def worker() -> None:
    """A process that works off jobs; any number of them may run."""
    app = this_machine().create_app(settings_of_this_machine())
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_args: stop.set())
    this_machine().work(app, stop)
