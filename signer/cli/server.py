"""`signer doctor`, `signer serve`, `signer worker`: the machine itself."""

import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click
from flask import Flask
from gunicorn.app.base import BaseApplication

from signer.cli.console import (
    Machine,
    _,
    sentence,
    settings_of_this_machine,
    show_json,
    this_machine,
    with_services,
)
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


class _Gunicorn(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The embedded server: one process, threads, and the worker thread beside them."""

    def __init__(self, machine: Machine, port: int, threads: int) -> None:
        self._machine = machine
        self._port = port
        self._threads = threads
        super().__init__()

    def load_config(self) -> None:
        """One worker: the embedded default is one process with its own worker thread."""
        options: dict[str, Any] = {
            "bind": f"127.0.0.1:{self._port}",
            "workers": 1,
            "threads": self._threads,
            "worker_class": "gthread",
            "timeout": 60,
            "graceful_timeout": 20,
            "accesslog": None,
            "loglevel": "warning",
            "control_socket_disable": True,
            "limit_request_line": 4094,
        }
        for key, value in options.items():
            self.cfg.set(key, value)

    def load(self) -> Flask:
        """Called after the fork, so that the HSM is opened in the process that uses it."""
        app = self._machine.create_app(settings_of_this_machine())
        if app.extensions["signer"].settings.worker_in_server:
            self._machine.start_worker(app)
        return app


@click.command(help=_("Phục vụ trang web và API tại 127.0.0.1."))
@click.option("--port", default=8080, show_default=True, help=_("Cổng."))
@click.option("--threads", default=THREADS, show_default=True, help=_("Số luồng."))
def serve(port: int, threads: int) -> None:
    """Serves until it is told to stop."""
    serve_here(port, threads)


def serve_here(port: int, threads: int = THREADS) -> None:
    """Serves on the loopback address until it is told to stop; `signer setup` ends in it too."""
    _Gunicorn(this_machine(), port, threads).run()


@click.command(help=_("Xử lý các công việc đang chờ cho đến khi được bảo dừng."))
def worker() -> None:
    """A process that works off jobs; any number of them may run."""
    app = this_machine().create_app(settings_of_this_machine())
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_args: stop.set())
    this_machine().work(app, stop)
