"""How HTTP is served: granian holds the connections; only whole requests take our threads."""

import itertools
import resource
import socket
import tempfile
import threading
from collections.abc import Callable, Iterable
from functools import partial
from multiprocessing.util import Finalize
from typing import IO, TYPE_CHECKING, Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from signer.cli.console import Machine, settings_of_this_machine
from signer.errors import N_, ConfigError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PLACES = 8
"""Requests that the application answers at a time, unless the command says another number."""
_CONNECTIONS = 10_000
"""For each process, as far as the system lets it open files; an idle one costs no thread."""
_OTHER_FILES = 500
"""Files and sockets of a process that are not a client's: database, HSM, documents."""
_THREADS = 2048
"""Made when needed. One whose client sends its body slowly only waits; see `Doorway`."""
_READERS = 900
_HEADER_MILLISECONDS = 10_000
"""How long a client may take for its headers, and may leave a connection idle."""
_HEADER_BYTES = 65_536
_STOP_SECONDS = 20
_SPOOL_BYTES = 1024 * 1024
_PIECE = 64 * 1024


def serve_embedded(machine: Machine, port: int, places: int) -> None:
    """Pages, API and validation in one process with its worker thread, until told to stop."""
    machine.create_app(settings_of_this_machine())  # what is missing is said here, in a sentence
    _serve(partial(_embedded, machine, places), port, workers=1)


def serve_validation(machine: Machine, port: int, workers: int) -> None:
    """The validation role alone in that many processes, until told to stop."""
    machine.create_validation(settings_of_this_machine())
    _serve(partial(_validation, machine), port, workers=workers)


def _embedded(machine: Machine, places: int) -> "WSGIApplication":
    """Called in the process that serves, so that the HSM is opened where it is used."""
    app = machine.create_app(settings_of_this_machine())
    services = app.extensions["signer"]
    validation = app.extensions["signer.validation"]
    validation.otherwise = Doorway(
        validation.otherwise, places, limit_bytes=int(app.config["MAX_CONTENT_LENGTH"])
    )
    _at_the_end(services.hsm.close)
    _at_the_end(validation.stop)
    validation.begin()
    if services.settings.worker_in_server:
        _at_the_end(machine.start_worker(app))
    return app


def _validation(machine: Machine) -> "WSGIApplication":
    app, begin, end = machine.create_validation(settings_of_this_machine())
    _at_the_end(end)
    begin()
    return app


class Doorway:
    """In front of an application with few places: a request takes one when all of it is here.

    So a slow sender holds a thread that has nothing else to do, and never a place.
    """

    def __init__(
        self, app: "WSGIApplication", places: int, *, limit_bytes: int, readers: int = _READERS
    ) -> None:
        self._app = app
        self._places = threading.BoundedSemaphore(places)
        self._limit_bytes = limit_bytes
        self._readers = threading.BoundedSemaphore(readers)

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        told = environ.get("CONTENT_LENGTH") or "0"
        is_chunked = "HTTP_TRANSFER_ENCODING" in environ
        # What is too long for the application is refused by it, unread.
        if not is_chunked and (not told.isdecimal() or not 0 < int(told) <= self._limit_bytes):
            with self._places:
                return self._app(environ, start)
        if not self._readers.acquire(blocking=False):
            start("503 Service Unavailable", [("Retry-After", "5"), ("Content-Length", "0")])
            return []
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as body:
            try:
                size = _read(environ["wsgi.input"], body, self._limit_bytes)
            finally:
                self._readers.release()
            body.seek(0)
            arrived: dict[str, Any] = environ | {"wsgi.input": body, "CONTENT_LENGTH": str(size)}
            with self._places:
                return self._app(arrived, start)


def _read(source: Any, to: IO[bytes], limit: int) -> int:  # the server's own wsgi.input
    """Copies the body and returns its size; stops as soon as it is over the limit."""
    size = 0
    while size <= limit and (piece := source.read(_PIECE)):
        size += to.write(piece)
    return size


def _serve(load: Callable[[], "WSGIApplication"], port: int, *, workers: int) -> None:
    _require_free(port)
    Granian(
        "signer",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=_THREADS,
        backpressure=_connections(),
        http=HTTPModes.http1,  # what stands in front of us speaks nothing else to us
        http1_settings=HTTP1Settings(
            header_read_timeout=_HEADER_MILLISECONDS, max_buffer_size=_HEADER_BYTES
        ),
        websockets=False,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=_STOP_SECONDS,
    ).serve(target_loader=load, wrap_loader=False)


def _connections() -> int:
    """How many clients a process holds at a time; it may open as many files as it needs to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(128, soft - _OTHER_FILES)
    return _CONNECTIONS


def _require_free(port: int) -> None:
    """Granian shares a port that another server of ours has; then each would get half the calls."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(
                N_("Cổng %(port)d đang được chương trình khác sử dụng; hãy chọn cổng khác."),
                port=port,
            ) from error


def _at_the_end(close: Callable[[], None]) -> None:
    """Called when this process ends in good order, the last one given first.

    The server's processes are multiprocessing's: they end without calling `atexit`.
    """
    Finalize(None, close, exitpriority=next(_ORDER))


_ORDER = itertools.count()
