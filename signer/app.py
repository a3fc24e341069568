"""The composition root: reads top to bottom, builds every room once, and nobody imports it."""

import gc
from collections.abc import Callable
from pathlib import Path

import structlog
from cryptography import x509
from flask import Flask
from structlog.dev import ConsoleRenderer, plain_traceback
from werkzeug.middleware.proxy_fix import ProxyFix

from signer import api, cli, limits, web, worker
from signer.accounts import Accounts
from signer.api.validation import ValidationApp
from signer.audit import Audit
from signer.ca.authority import Authority
from signer.ca.profiles import ProfileSet, load_profiles
from signer.ca.responder import OcspResponder
from signer.ca.roles import InForce, RoleFile
from signer.ca.timestamp import TimestampAuthority
from signer.campaigns.rehoming import follow_units as rehome_campaigns
from signer.campaigns.service import Campaigns
from signer.clock import Clock
from signer.config import Settings, read_secret
from signer.db import db, follow
from signer.dossiers.rehoming import follow_units as rehome_dossiers
from signer.dossiers.sealing import follow_seals
from signer.dossiers.service import Dossiers
from signer.dossiers.stamping import DocumentStamps
from signer.errors import N_, ConfigError
from signer.files import Files
from signer.inventory.logins import Logins
from signer.inventory.service import Inventory
from signer.issuance.service import Issuance
from signer.jobs import Jobs
from signer.outside.service import Outside
from signer.pkcs11.hsm import Hsm
from signer.pkcs11.keys import key_for
from signer.pkcs11.vault import Vault
from signer.reports.service import Reports
from signer.reports.snapshots import Snapshots
from signer.services import Services
from signer.signing.augmenting import Augmenting
from signer.signing.service import Signing
from signer.signing.stamping import Stamping


def create_rooms(settings: Settings, clock: Clock | None = None) -> Flask:
    """An application of all services and no door: what commands and the worker need.

    Touches neither the database nor the HSM yet. Raises `ConfigError` when the installation lacks
    something that `signer setup` makes.
    """
    _log_without_values()
    app = _with_database(settings)
    rooms = build_services(settings, clock or Clock())
    app.extensions["signer"] = rooms
    follow(app, rooms.reports.follow)  # before all that read where people stand
    follow(app, rooms.campaigns.follow)
    follow(app, rooms.issuance.rehoming.follow)
    follow(app, rehome_dossiers)
    follow(app, follow_seals)
    follow(app, rehome_campaigns)
    return app


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The application of a server: all services behind pages, API and validation addresses.

    Raises `ConfigError` as `create_rooms` does.
    """
    app = create_rooms(settings, clock)
    rooms: Services = app.extensions["signer"]
    app.config["SECRET_KEY"] = read_secret(settings.below_home(settings.secret_key_file))
    app.config["MAX_CONTENT_LENGTH"] = settings.upload_limit_bytes + 1024 * 1024
    if settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=0)  # type: ignore[method-assign]  # Flask's own way
    limits.register(app)
    web.register(app)
    api.register(app)
    # Relying parties' questions do not pass through Flask: most of each would be its cost.
    validation = ValidationApp(rooms, app.app_context, otherwise=app.wsgi_app)
    app.extensions["signer.validation"] = validation
    app.wsgi_app = validation  # type: ignore[method-assign,assignment]  # Flask's own way
    return app


def create_validation(
    settings: Settings, clock: Clock | None = None
) -> tuple[ValidationApp, Callable[[], None], Callable[[], None]]:
    """The validation role alone: OCSP, time stamps, certificates and lists, and no other address.

    Call the second before the first question, in the process that serves, and the third after the
    last. Raises `ConfigError` as `create_rooms` does; needs no secret key, for it knows nobody.
    """
    _log_without_values()
    app = _with_database(settings)
    rooms = build_services(settings, clock or Clock())
    validation = ValidationApp(rooms, app.app_context)

    def end() -> None:
        validation.stop()
        rooms.hsm.close()

    return validation, validation.begin, end


def build_services(settings: Settings, clock: Clock) -> Services:
    """Every public object, each given only what it needs."""
    audit = Audit(clock)
    files = Files(settings.files_url or settings.home / "files")
    jobs = Jobs(clock, audit.record)
    hsm = Hsm(
        settings.pkcs11_module,
        settings.token_label,
        settings.below_home(settings.token_pin_file),
        sessions=settings.hsm_sessions,
        wait_seconds=settings.hsm_wait_seconds,
        call_seconds=settings.hsm_call_seconds,
    )
    vault = Vault(hsm)
    accounts = Accounts(settings, clock, audit)
    inventory = Inventory(clock, audit, files, settings, jobs, accounts)
    profiles = load_profiles()
    authority = _authority(hsm, settings, profiles, clock, audit)
    outside = Outside(settings, clock, audit, files, jobs)
    issuance = Issuance(settings, clock, audit, jobs, inventory, vault, authority)
    ocsp = OcspResponder(
        authority,
        InForce(_role(hsm, settings, "ocsp.pem", settings.ocsp_key_label), authority, clock),
        profiles,
        clock,
    )
    timestamps = TimestampAuthority(
        InForce(_role(hsm, settings, "tsa.pem", settings.tsa_key_label), authority, clock),
        profiles.tsa,
        clock,
        chain=[authority.certificate],
    )
    stamping = Stamping(settings, clock, authority, ocsp, timestamps)
    signing = Signing(settings, clock, audit, files, inventory, vault, authority, stamping=stamping)
    reports = Reports(settings, clock)
    return Services(
        settings=settings,
        clock=clock,
        audit=audit,
        files=files,
        jobs=jobs,
        hsm=hsm,
        vault=vault,
        accounts=accounts,
        inventory=inventory,
        logins=Logins(accounts, inventory, audit),
        authority=authority,
        ocsp=ocsp,
        timestamps=timestamps,
        stamping=stamping,
        document_stamps=DocumentStamps(
            settings,
            clock,
            audit,
            jobs,
            stamping,
            Augmenting(clock, audit, files, authority, stamping, signing.verify),
        ),
        outside=outside,
        issuance=issuance,
        signing=signing,
        dossiers=Dossiers(clock, audit, files, inventory, signing),
        reports=reports,
        snapshots=Snapshots(settings, clock, audit, reports),
        campaigns=Campaigns(clock, audit, files, inventory, reports),
    )


def main() -> int:
    """The `signer` command."""
    machine = cli.Machine(
        create_app=_for_good(create_app),
        create_rooms=_for_good(create_rooms),
        create_validation=create_validation,
        work=worker.work,
        start_worker=worker.start_thread,
    )
    return cli.main(machine)


def _for_good(create: cli.CreateApp) -> cli.CreateApp:
    """The application of a process that has one: the collector leaves it and its imports alone.

    Otherwise it looks at all of them again and again while rows come by the hundred thousand.
    """

    def created(settings: Settings, clock: Clock | None = None) -> Flask:
        app = create(settings, clock)
        gc.freeze()
        return app

    return created


def _with_database(settings: Settings) -> Flask:
    """A Flask application that knows its database and nothing else yet."""
    app = Flask("signer", static_folder=None)
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"hide_parameters": True}  # its errors are logged
    db.init_app(app)
    return app


def _log_without_values() -> None:
    """A traceback in the log shows lines and no values, which may be PINs, keys or people."""
    *before, _ = structlog.get_config()["processors"]
    renderer = ConsoleRenderer(exception_formatter=plain_traceback)
    structlog.configure(processors=[*before, renderer])


def _authority(
    hsm: Hsm, settings: Settings, profiles: ProfileSet, clock: Clock, audit: Audit
) -> Authority:
    """The issuing CA as its certificate describes it; the HSM is not touched yet."""
    root = _certificate(settings.pki / "root.pem")
    issuing = _certificate(settings.pki / "issuing.pem")
    return Authority(
        key=key_for(hsm, settings.issuing_key_label, issuing.public_key()),
        certificate=issuing,
        chain=[root],
        profiles=profiles,
        clock=clock,
        audit=audit,
        base_url=settings.validation_address,
        published=settings.published,
        root_crl=settings.pki / "root.crl",
    )


def _role(hsm: Hsm, settings: Settings, file: str, key_label: str) -> RoleFile:
    """The signer of a role as its certificate describes it; the HSM is not touched yet."""
    return RoleFile(settings.pki / file, lambda public_key: key_for(hsm, key_label, public_key))


def _certificate(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            N_("Chưa có chứng thư CA %(file)s. Hãy chạy lệnh “signer setup” trước."), file=file.name
        ) from error
