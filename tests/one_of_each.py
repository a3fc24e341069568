"""A house that makes one of everything, and the folder where all of it is fetched to.

All its keys are in SoftHSM, it serves on a local port, and what it made is fetched by curl from the
addresses that stand in the certificates.
"""

import base64
import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID as AccessOID
from flask import Flask
from sqlalchemy import update
from werkzeug.serving import BaseWSGIServer

from signer.accounts import Role
from signer.ca import load_profiles
from signer.ca.pkilinter import pkilint_findings
from signer.clock import Clock
from signer.db import db, transaction
from signer.inventory.models import Person
from signer.issuance.grounds import Act, Ground
from signer.issuance.keys import find_current_key
from signer.issuance.kinds import RequestKind
from signer.role_signers import USUAL, ensure_role_signers
from signer.services import Services
from tests.ca.drafting import subject_for
from tests.ca.factory import public_key_der
from tests.factories import City
from tests.issuance.granting import grant
from tests.pkilinting import crl_findings, ocsp_findings

COUNTING = ("issued", "renewed", "changed", "rekeyed", "seal", "system", "tsa", "ocsp")
"""Certificates that count."""
ENDED = ("compromised", "suspended", "superseded")
"""Certificates that do not."""
QUESTIONS = {
    "good": "-no_nonce -cert issued.pem",
    "by-sha256": "-no_nonce -sha256 -cert issued.pem",
    "with-nonce": "-nonce -cert issued.pem",
    "unknown": "-no_nonce -serial 0x7b",
    "several": "-no_nonce -cert issued.pem -cert compromised.pem -serial 0x7b",
    **{name: f"-no_nonce -cert {name}.pem" for name in ENDED},
}
"""What OCSP is asked, in openssl's words."""
SHARDS = load_profiles().issuing.crl_shards
HASHES = ("sha256", "sha384", "sha512")
LONG_AGO = timedelta(days=1700)
"""What was issued then may be renewed today."""
_PEOPLE = ("renewed", "issued", "changed", "rekeyed", "compromised", "suspended")
_AGAIN = {
    "renewed": RequestKind.RENEW,
    "changed": RequestKind.CHANGE,
    "rekeyed": RequestKind.REKEY,
}
_ORDERS = {
    "compromised": (Act.REVOKE, Ground.KEY_EXPOSED),
    "suspended": (Act.SUSPEND, Ground.DEVICE_LOST),
}


class House:
    """A folder of artefacts, and the address that they came from."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def read(self, command: str) -> tuple[bool, str]:
        """Whether the reader is content, and what it says."""
        words = shlex.split(command.format(url=self.url))
        if words[0] == "pkilint":
            return self._lint(*words[1:])
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        # `openssl crl` ends well whatever it found.
        return done.returncode == 0 and "verify failure" not in said, said

    def _lint(self, kind: str, file: str) -> tuple[bool, str]:
        """pkilint in this process: as a command it takes a second to begin."""
        read = (self.folder / file).read_bytes()
        if kind == "certificate":
            found = [finding.rule for finding in pkilint_findings(read)]
        else:
            found = crl_findings(read) if kind == "crl" else ocsp_findings(read)
        return not found, "\n".join(found) or "nothing found"

    def run(self, command: str) -> None:
        is_well, said = self.read(command)
        assert is_well, f"{command}\n{said}"

    def fetch(self, name: str, address: str, more: str = "") -> bytes:
        self.run(f"curl -fsS {more} -o {name} {address}")
        return self.kept(name)

    def keep(self, name: str, content: bytes | x509.Certificate) -> None:
        if isinstance(content, x509.Certificate):
            self.keep(f"{name}.der", content.public_bytes(Encoding.DER))
            self.keep(f"{name}.pem", content.public_bytes(Encoding.PEM))
        else:
            (self.folder / name).write_bytes(content)

    def kept(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def certificate(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.kept(f"{name}.pem"))


class LateClock(Clock):
    """Real time, for some readers know no other, less what it is put back."""

    behind = timedelta()

    def now(self) -> datetime:
        return super().now() - self.behind


@contextmanager
def serving(server: BaseWSGIServer, app: Flask) -> Iterator[None]:
    """The application answers on the server's port."""
    server.app = app.wsgi_app
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        app.extensions["signer.validation"].stop()


def certify(house: House, rooms: Services, clock: LateClock, kind: str) -> None:
    """One certificate of every sort, by the acts that make it."""
    city = City(rooms, rooms.settings.home)
    clerk, head = city.actor("hr", Role.HR, None), city.actor("head", Role.APPROVER, None)
    people = dict(zip(_PEOPLE, city.people(len(_PEOPLE)), strict=True))
    clock.behind = LONG_AGO  # what is issued then may be renewed today
    grant(rooms, clerk, head, [people["renewed"]], RequestKind.ISSUE)
    clock.behind = timedelta()
    grant(rooms, clerk, head, list(people.values())[1:], RequestKind.ISSUE)
    house.keep("superseded", certificate_of(rooms, people["rekeyed"]))
    with transaction():
        changed = update(Person).where(Person.id == people["changed"].id)
        db.session.execute(changed.values(email="khac@hanoi.gov.vn"))
    for name in ("renewed", "changed", "rekeyed"):
        grant(rooms, clerk, head, [people[name]], _AGAIN[name])
    for name, (act, ground) in _ORDERS.items():
        done = rooms.issuance.revoking.order(
            clerk, act=act, person_codes=[people[name].code], ground=ground, document_ref="12/QĐ"
        )
        assert done.refused == ()
    for name, person in people.items():
        house.keep(name, certificate_of(rooms, person))
    for name, profile in (("seal", "organisation-seal"), ("system", "system-device")):
        issued = rooms.authority.issue(
            intent=name,
            subject=subject_for(load_profiles().profile_of(profile)),
            public_key_der=public_key_der(),
            profile=profile,
            actor="test",
        )
        house.keep(name, x509.load_der_x509_certificate(issued.der))
    ocsp, tsa = USUAL
    ensure_role_signers(rooms, [replace(ocsp, algorithm=kind), tsa])
    for role in ("ocsp", "tsa"):
        pem = (rooms.settings.pki / f"{role}.pem").read_bytes()
        house.keep(role, x509.load_pem_x509_certificate(pem))


def certificate_of(rooms: Services, person: Person) -> x509.Certificate:
    """The one that counts, or counted last."""
    db.session.rollback()
    key = find_current_key(person.id)
    assert key is not None
    serial = int(key.serial_hex, 16)
    return x509.load_der_x509_certificate(rooms.authority.certificate_of(serial).der)


def fetch_lists(house: House) -> None:
    """The way up from a person's certificate, and every list on it."""
    for name, below in (("issuing", "issued"), ("root", "issuing")):
        der = house.fetch(f"{name}.der", access(house, below, AccessOID.CA_ISSUERS))
        house.keep(name, x509.load_der_x509_certificate(der))
    shards = {name: list_address(house, name) for name in (*COUNTING, *ENDED) if name != "ocsp"}
    for name, address in shards.items():
        house.fetch(f"{name}.crl", address)
    complete = house.fetch("complete.crl", f"{house.url}/pki/issuing.crl")
    taken = {line.serial_number % SHARDS for line in x509.load_der_x509_crl(complete)}
    taken.add(house.certificate("issued").serial_number % SHARDS)
    empty = next(number for number in range(SHARDS) if number not in taken)
    house.fetch("empty.crl", f"{house.url}/pki/crl/{empty}.crl")
    house.fetch("root.crl", list_address(house, "issuing"))
    for name in ("root", "issuing", *COUNTING, *ENDED):
        above = dict.fromkeys((name, *(("issuing", "root") if name != "root" else ())))
        house.keep(f"{name}.chain", b"".join(house.kept(f"{one}.pem") for one in above))


def fetch_answers(house: House) -> None:
    """OCSP by GET (RFC 6960 appendix A.1), and stamps."""
    address = access(house, "issued", AccessOID.OCSP)
    for name, question in QUESTIONS.items():
        house.run(f"openssl ocsp -issuer issuing.pem {question} -reqout {name}.req")
        asked = quote(base64.b64encode(house.kept(f"{name}.req")), safe="")
        house.fetch(f"{name}.ocsp", f"{address}/{asked}")
    house.keep("data", b"a document")
    house.keep("other", b"another document")
    for name in HASHES:
        for stamp, wish in ((name, ""), (f"{name}-cert", "-cert")):
            house.run(f"openssl ts -query -data data -{name} {wish} -out {stamp}.tsq")
            body = "-H Content-Type:application/timestamp-query --data-binary"
            house.fetch(f"{stamp}.tsr", f"{house.url}/tsa", f"{body} @{stamp}.tsq")


def access(house: House, name: str, method: x509.ObjectIdentifier) -> str:
    """An address in the certificate's AuthorityInformationAccess."""
    extensions = house.certificate(name).extensions
    found = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    (address,) = (one.access_location.value for one in found if one.access_method == method)
    return str(address)


def list_address(house: House, name: str) -> str:
    """The address of the list that the certificate names."""
    extensions = house.certificate(name).extensions
    (point,) = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    return str(point.full_name[0].value)


def spoil(house: House) -> None:
    """Each in one place: an octet of a signature or of what is signed, or a name that is needed."""
    for good, forged in (("issued.der", "forged.der"), ("complete.crl", "forged.crl")):
        der = house.kept(good)
        house.keep(forged, der[:-1] + bytes((der[-1] ^ 1,)))
    house.run("openssl x509 -inform DER -in forged.der -out forged.pem")
    house.keep("forged.chain", house.kept("forged.pem") + house.kept("issuing.chain"))
    times = b"\x18\x0f20"  # a GeneralizedTime of this century
    stamp, answer = house.kept("sha256-cert.tsr"), house.kept("good.ocsp")
    house.keep("forged.tsr", stamp.replace(times, b"\x18\x0f21", 1))
    house.keep("forged.ocsp", answer.replace(times, b"\x18\x0f21", 1))
    *before, after = answer.split(times)  # nextUpdate is the last
    house.keep("backwards.ocsp", times.join(before) + b"\x18\x0f19" + after)
    for good, kept, oid in (
        ("issued.der", "anonymous.der", "0603551d23"),
        ("complete.crl", "unnumbered.crl", "0603551d14"),
    ):
        known = bytes.fromhex(oid)
        house.keep(kept, house.kept(good).replace(known, known[:-1] + b"\x7f"))
