"""Certificates issued elsewhere: bringing them in, whose they are, and their status."""

import marshmallow as ma
from marshmallow import fields
from werkzeug.datastructures import FileStorage

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import LIMIT, NEXT, File, Operations, Schema
from signer.api.wording import Said
from signer.doors import LARGEST_ID, saved
from signer.inventory.paging import Page
from signer.outside.importing import ImportView
from signer.outside.kinds import Carrier, CertificateStatus, Generation, Match, Owner
from signer.outside.models import OutsideCrl
from signer.outside.service import CertificateView, Tab
from signer.services import services

outside = Operations("outside-certificates", "Certificates that another authority issued")

_ID = ma.validate.Range(0, LARGEST_ID)
_IMPORT = Permission.CERTIFICATE_IMPORT


class OutsideQuery(Schema):
    """Which list, and from where on."""

    tab = fields.Enum(Tab, by_value=True, metadata={"description": "Left out: all of them"})
    status = fields.Enum(CertificateStatus, by_value=True)
    q = fields.String(load_default="", metadata={"description": "A name, an address or a serial"})
    after = fields.Integer(validate=_ID, metadata={"description": "`next` of the page before"})
    limit = LIMIT


class OutsideCertificateAnswer(Schema):
    """A certificate; `status` is as of now, and `unknown` is not `good`."""

    id = fields.Integer(attribute="row.id", required=True)
    serial = fields.String(attribute="row.serial_hex", required=True)
    common_name = fields.String(attribute="row.common_name", required=True)
    subject = fields.String(attribute="row.subject", required=True)
    units = fields.List(fields.String(), attribute="row.unit_names", required=True)
    email = fields.String(attribute="row.email", required=True, allow_none=True)
    issuer = fields.String(attribute="row.issuer_name", required=True)
    is_official = fields.Boolean(attribute="row.is_official", required=True)
    counts = fields.Boolean(attribute="row.counts", required=True)
    is_proven = fields.Boolean(attribute="row.is_proven", required=True)
    generation = fields.Enum(Generation, by_value=True, attribute="row.generation", required=True)
    owner = fields.Enum(Owner, by_value=True, attribute="row.owner", required=True)
    not_before = fields.DateTime(attribute="row.not_before", required=True)
    not_after = fields.DateTime(attribute="row.not_after", required=True)
    carrier = fields.Enum(Carrier, by_value=True, attribute="row.carrier", required=True)
    device_number = fields.String(attribute="row.device_number", required=True, allow_none=True)
    status = fields.Enum(CertificateStatus, by_value=True, required=True)
    status_source = fields.String(attribute="row.status_source", required=True, allow_none=True)
    status_at = fields.DateTime(attribute="row.status_at", required=True, allow_none=True)
    revoked_at = fields.DateTime(attribute="row.revoked_at", required=True, allow_none=True)
    match = fields.Enum(Match, by_value=True, attribute="row.match", required=True)
    person = fields.String(attribute="person_code", required=True, allow_none=True)


class OutsidePage(Schema):
    """One page, the newest first; `next` is null on the last."""

    certificates = fields.List(
        fields.Nested(OutsideCertificateAnswer), attribute="items", required=True
    )
    next = NEXT


class OutsideForm(Schema):
    """Certificates (.cer, .pem, .p7b, .zip) or a list of them as a spreadsheet."""

    file = File(required=True)
    carrier = fields.Enum(Carrier, by_value=True, load_default=Carrier.UNKNOWN)
    issuer = fields.String(
        metadata={"description": "For a list: the configured issuer of its certificates"}
    )


class RefusedAnswer(Schema):
    """A row or file that is not stored, and why."""

    place = fields.String(required=True)
    column = fields.String(required=True)
    value = fields.String(required=True)
    message = Said(attribute="sentence", required=True)


class OutsideImportAnswer(Schema):
    """What storing the file does or did; `job` works it off when it is long."""

    id = fields.Integer(attribute="record.id", required=True)
    state = fields.String(attribute="record.state", required=True)
    file_name = fields.String(attribute="record.file_name", required=True)
    certificates = fields.Integer(attribute="record.entries", required=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    refused = fields.List(fields.Nested(RefusedAnswer), required=True)
    job = fields.Integer(attribute="record.job_id", required=True, allow_none=True)


class Assignment(Schema):
    """The code of the person whose the certificate is; null: not that person's."""

    person = fields.String(required=True, allow_none=True)


class CrlForm(Schema):
    """A complete revocation list in DER or PEM."""

    file = File(required=True)


class CrlAnswer(Schema):
    """The list that holds for this issuer now."""

    issuer = fields.String(attribute="anchor", required=True)
    number = fields.String(required=True, allow_none=True)
    this_update = fields.DateTime(required=True)
    next_update = fields.DateTime(required=True)
    entries = fields.Integer(required=True)


@outside.get("/outside-certificates", _IMPORT, query=OutsideQuery, answer=OutsidePage())
def list_outside(
    limit: int,
    q: str,
    tab: Tab | None = None,
    status: CertificateStatus | None = None,
    after: int | None = None,
) -> Page[CertificateView]:
    """A page of the certificates of the caller's units, or of nobody yet."""
    return services().outside.page(actor(), tab, status=status, text=q, after=after, limit=limit)


@outside.post(
    "/outside-certificates/<id:certificate_id>/owner",
    _IMPORT,
    body=Assignment,
    answer=OutsideCertificateAnswer(),
)
def assign_outside(certificate_id: int, person: str | None) -> CertificateView:
    """Say whose a certificate is (which confirms a proposal), or that it is not that person's."""
    if person is None:
        services().outside.reject(actor(), certificate_id)
    else:
        services().outside.assign(actor(), certificate_id, person)
    return services().outside.certificate_of(actor(), certificate_id)


@outside.post(
    "/outside-imports",
    _IMPORT,
    upload=OutsideForm,
    limit="roster_limit_bytes",
    answer=OutsideImportAnswer(),
    status=201,
)
def check_outside(file: FileStorage, carrier: Carrier, issuer: str | None = None) -> ImportView:
    """Check a file: what is in it, whose it is, and what is refused; nothing is stored yet."""
    importing = services().outside.importing
    with saved([file], "file") as [(name, path)]:
        import_id = importing.check(actor(), path, name, carrier=carrier, issuer=issuer)
    return importing.import_of(actor(), import_id)


@outside.get("/outside-imports/<id:import_id>", _IMPORT, answer=OutsideImportAnswer())
def get_outside_import(import_id: int) -> ImportView:
    """A file that was checked, and whether it is stored."""
    return services().outside.importing.import_of(actor(), import_id)


@outside.post("/outside-imports/<id:import_id>/apply", _IMPORT, answer=OutsideImportAnswer())
def apply_outside(import_id: int) -> ImportView:
    """Store what was checked; a long file becomes a job. Again: nothing more happens."""
    services().outside.importing.apply(actor(), import_id)
    return services().outside.importing.import_of(actor(), import_id)


@outside.post(
    "/outside-crls",
    _IMPORT,
    upload=CrlForm,
    limit="upload_limit_bytes",
    answer=CrlAnswer(),
    status=201,
)
def bring_crl(file: FileStorage) -> OutsideCrl:
    """Bring a revocation list; its issuer's certificates stand as it says. For the whole city."""
    with saved([file], "file") as [(_name, path)]:
        return services().outside.following.import_crl(actor(), path.read_bytes())
