"""What relying parties fetch: the certificates of our own authority and its revocation lists."""

import hashlib
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from flask import Blueprint, Response, request

from signer.api import problems
from signer.api.access import MARK, PUBLIC, authenticate
from signer.errors import N_, NotFound
from signer.services import services

blueprint = Blueprint("pki", __name__, url_prefix="/pki")
blueprint.before_request(authenticate)
problems.register_on(blueprint)

_PEM = "application/x-pem-file"
_CERTIFICATE = "application/pkix-cert"  # RFC 2585, 4.1
_CRL = "application/pkix-crl"  # RFC 2585, 4.2
_A_DAY = timedelta(days=1)


@blueprint.get("/root.pem")
def root_pem() -> Response:
    """The trust anchor."""
    return _file(services().authority.root_pem().encode("ascii"), _PEM, _A_DAY)


@blueprint.get("/issuing.pem")
def issuing_pem() -> Response:
    """The certificate of the issuing CA."""
    return _file(services().authority.issuing_pem().encode("ascii"), _PEM, _A_DAY)


@blueprint.get("/root.cer")
def root_cer() -> Response:
    """The trust anchor in DER, as certificates point to it (RFC 5280, 4.2.2.1)."""
    return _file(services().authority.root_der(), _CERTIFICATE, _A_DAY)


@blueprint.get("/issuing.cer")
def issuing_cer() -> Response:
    """The certificate of the issuing CA in DER, as certificates point to it."""
    return _file(services().authority.issuing_der(), _CERTIFICATE, _A_DAY)


@blueprint.get("/issuing.crl")
def issuing_crl() -> Response:
    """The newest revocation list of the issuing CA."""
    return _crl(services().authority.current_crl_der())


@blueprint.get("/root.crl")
def root_crl() -> Response:
    """The root's revocation list, made when the root key was last in use."""
    file: Path = services().settings.pki / "root.crl"
    try:
        return _crl(file.read_bytes())
    except FileNotFoundError as error:
        raise NotFound(N_("CA gốc chưa công bố danh sách thu hồi.")) from error


for _view in (root_pem, issuing_pem, root_cer, issuing_cer, issuing_crl, root_crl):
    setattr(_view, MARK, PUBLIC)


def _crl(der: bytes) -> Response:
    """Kept by caches no longer than half the time that is left to it, an hour at most."""
    ends = x509.load_der_x509_crl(der).next_update_utc
    left = ends - services().clock.now() if ends else timedelta()
    return _file(der, _CRL, max(timedelta(), min(left / 2, timedelta(hours=1))))


def _file(content: bytes, content_type: str, keep: timedelta) -> Response:
    answer = Response(content, content_type=content_type)
    answer.cache_control.public = True
    answer.cache_control.max_age = int(keep.total_seconds())
    answer.set_etag(hashlib.sha256(content).hexdigest())
    answer.make_conditional(request)
    return answer
