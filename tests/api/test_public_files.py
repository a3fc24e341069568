"""What anybody may fetch: the PKI's files and the description of the API."""

import re

from cryptography import x509

from signer.ca.models import CertificateBytes
from signer.db import db


def test_every_address_in_a_certificate_leads_to_what_it_names(nobody, city):
    city.issue(city.people(1))
    der = db.session.scalar(db.select(CertificateBytes.certificate_der))
    person = x509.load_der_x509_certificate(der)
    issuing = x509.load_pem_x509_certificate(nobody.get("/pki/issuing.pem").data)
    for certificate in (person, issuing):
        found = certificate.extensions
        access = found.get_extension_for_class(x509.AuthorityInformationAccess).value
        issuer = [a for a in access if "caIssuers" in a.access_method._name]
        address = issuer[0].access_location.value.removeprefix("http://127.0.0.1:8080")
        answer = nobody.get(address)
        assert answer.content_type == "application/pkix-cert"
        assert x509.load_der_x509_certificate(answer.data).subject == certificate.issuer
        points = found.get_extension_for_class(x509.CRLDistributionPoints).value
        address = points[0].full_name[0].value.removeprefix("http://127.0.0.1:8080")
        answer = nobody.get(address)
        assert answer.content_type == "application/pkix-crl"
        crl = x509.load_der_x509_crl(answer.data)
        assert crl.issuer == certificate.issuer
        assert answer.cache_control.max_age <= 3600


def test_an_unchanged_file_is_not_sent_twice(nobody):
    first = nobody.get("/pki/root.cer")
    again = nobody.get("/pki/root.cer", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_description_is_openapi_3_1_and_names_every_schema_once(nobody):
    document = nobody.get("/api/openapi.json").json
    assert document["openapi"].startswith("3.1")
    wanted = set(re.findall(r"#/components/schemas/([\w-]+)", str(document)))
    assert wanted <= set(document["components"]["schemas"])
    assert not [name for name in document["components"]["schemas"] if name[-1].isdigit()]
    operations = [
        operation
        for methods in document["paths"].values()
        for method, operation in methods.items()
        if method != "parameters"
    ]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for operation in operations)


def test_the_page_obeys_a_policy_without_inline_script_and_style(nobody):
    page = nobody.get("/api/docs")
    assert page.status_code == 200
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page.text)
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert address.startswith("/api/")
        assert nobody.get(address).status_code == 200, address


def test_the_page_gives_out_its_own_files_only(nobody):
    for name in ("index.css", "../__init__.py", "..%2f__init__.py", "LICENSE", ""):
        assert nobody.get(f"/api/docs/{name}").status_code == 404
