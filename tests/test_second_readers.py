"""Everything the product makes before those who will read it: one table, a test for each line."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from werkzeug.serving import make_server

import signer.app
from signer.ca import load_profiles
from signer.ca.profiles import PROFILES
from signer.pkcs11 import Hsm, Vault, ensure_ca_key
from tests.ca.hierarchies import build_hierarchy
from tests.conftest import installed, running
from tests.one_of_each import (
    COUNTING,
    ENDED,
    HASHES,
    LONG_AGO,
    QUESTIONS,
    House,
    LateClock,
    certify,
    fetch_answers,
    fetch_lists,
    serving,
    spoil,
)

SCHEMES = {"ecdsa-sha256": "p256", "rsa-pkcs1v15-sha256": "rsa3072", "rsa-pss-sha256": "rsa3072"}
"""How the CAs sign, and the kind of their keys and the OCSP signer's."""
PURPOSES = {"system": "sslclient", "tsa": "timestampsign", "ocsp": "ocsphelper"}
"""What openssl knows of what a certificate is for."""
REASONS = {
    "compromised": ("Key Compromise", "keyCompromise"),
    "suspended": ("Certificate Hold", "certificateHold"),
    "superseded": ("Superseded", "superseded"),
}
"""How openssl calls the reason in a list, and in an answer."""
STATES = {
    "unknown": ("0x7b: unknown",),
    "several": ("issued.pem: good", "compromised.pem: revoked", "0x7b: unknown"),
    "with-nonce": ("issued.pem: good", "OCSP Nonce:"),
    **{name: (f"{name}.pem: revoked", REASONS[name][1]) for name in ENDED},
}
"""What openssl says of an answer, if not that the certificate `issued` is good."""


class Row(NamedTuple):
    """One reading: which artefact, by whom with which words, and what must be said."""

    artefact: str
    command: str
    says: tuple[str, ...]
    accepts: bool = True


VERIFY = "openssl verify -x509_strict -check_ss_sig -CAfile root.pem -untrusted issuing.pem"
OPENSSL_LIST = "openssl crl -inform DER -noout -text -verify -CAfile"
GNUTLS_LIST = "certtool --verify-crl --inder --load-ca-certificate"
OCSP = "openssl ocsp -issuer issuing.pem -CAfile root.pem -verify_other issuing.pem -resp_text"
GNUTLS_OCSP = "ocsptool --verify-response --load-trust issuing.pem --load-response"
STAMP = "openssl ts -verify -CAfile root.pem"
CLEAN = ("nothing found",)


def certificates() -> Iterator[Row]:
    yield Row("root", f"{VERIFY} root.pem", ("root.pem: OK",))
    lists = "-crl_check_all -CRLfile root.crl -CRLfile"
    yield Row("issuing", f"{VERIFY} {lists} complete.crl issuing.pem", ("issuing.pem: OK",))
    for name in COUNTING:
        verify = f"{VERIFY} -purpose {PURPOSES.get(name, 'any')} {lists}"
        said = (f"{name}.pem: OK",)
        yield Row(name, f"{verify} complete.crl {name}.pem", said)
        if name != "ocsp":  # it has ocsp-nocheck, and no shard
            yield Row(name, f"{verify} {name}.crl -extended_crl {name}.pem", said)
    for name in ENDED:
        for crl in (f"{name}.crl -extended_crl", "complete.crl"):
            checked = f"{VERIFY} -crl_check -CRLfile {crl} {name}.pem"
            yield Row(name, checked, ("certificate revoked",), accepts=False)
    for name in ("root", "issuing", *COUNTING, *ENDED):
        chain = f"certtool --verify-chain --infile {name}.chain"
        yield Row(name, chain, ("Chain verification output: Verified.",))
        yield Row(name, f"pkilint certificate {name}.der", CLEAN)


def lists() -> Iterator[Row]:
    shard, none = "Issuing Distribution Point: critical", "No Revoked Certificates"
    for name, ca, words, lines in (
        ("root", "root", (none,), "No revoked certificates"),
        ("empty", "issuing", (shard, none), "No revoked certificates"),
        *((name, "issuing", (shard, REASONS[name][0]), "Revoked certificates (") for name in ENDED),
        # One was superseded by a change, one by a new key.
        ("complete", "issuing", tuple(REASONS[name][0] for name in ENDED), "certificates (4)"),
    ):
        yield Row(name, f"{OPENSSL_LIST} {ca}.pem -in {name}.crl", ("verify OK", *words))
        verify = f"{GNUTLS_LIST} {ca}.der --infile {name}.crl"
        yield Row(name, verify, ("Verification output: Verified.",))
        info = f"certtool --crl-info --inder --infile {name}.crl"
        yield Row(name, info, ("CRL Number (not critical)", lines))
        yield Row(name, f"pkilint crl {name}.crl", CLEAN)


def answers() -> Iterator[Row]:
    verified = "Verifying OCSP Response: Success."
    for name, question in QUESTIONS.items():
        said = ("Response verify OK", *STATES.get(name, ("issued.pem: good",)))
        yield Row(f"{name} by POST", f"{OCSP} -url {{url}}/ocsp {question}", said)
        got = f"{OCSP} -respin {name}.ocsp"
        if name == "with-nonce":  # the nonce is in the question that was kept
            yield Row(f"{name} by GET", f"{got} -reqin {name}.req", ("verify OK", "OCSP Nonce:"))
        else:
            yield Row(f"{name} by GET", f"{got} {question}", said)
        yield Row(f"{name} by GET", f"{GNUTLS_OCSP} {name}.ocsp", (verified,))
        yield Row(f"{name} by GET", f"pkilint ocsp {name}.ocsp", CLEAN)
    ask = "ocsptool --ask={url}/ocsp --load-issuer issuing.pem --load-trust issuing.pem --load-cert"
    for name, state in (("issued", "good"), ("suspended", "revoked"), ("compromised", "revoked")):
        yield Row(name, f"{ask} {name}.pem", (f"Certificate Status: {state}", verified))


def stamps() -> Iterator[Row]:
    for name in HASHES:
        for stamp, beside in ((f"{name}-cert", ""), (name, "-untrusted tsa.chain")):
            for about in (f"-queryfile {stamp}.tsq", "-data data"):
                said = ("Verification: OK",)
                yield Row(stamp, f"{STAMP} {beside} {about} -in {stamp}.tsr", said)


def spoiled() -> Iterator[Row]:
    """What no reader may accept: a changed octet, or the right thing in a wrong place."""
    for artefact, command, said in (
        ("changed octet", f"{VERIFY} forged.pem", "certificate signature failure"),
        ("changed octet", "certtool --verify-chain --infile forged.chain", "NOT trusted"),
        ("changed octet", f"{OPENSSL_LIST} issuing.pem -in forged.crl", "verify failure"),
        ("changed octet", f"{GNUTLS_LIST} issuing.der --infile forged.crl", "Not verified"),
        ("changed octet", f"{OCSP} -respin forged.ocsp {QUESTIONS['good']}", "Verify Failure"),
        ("changed octet", f"{GNUTLS_OCSP} forged.ocsp", "Failure, Signature failure"),
        ("changed octet", f"{STAMP} -data data -in forged.tsr", "signature failure"),
        ("other CA", f"{GNUTLS_LIST} root.der --infile complete.crl", "Not verified"),
        ("other purpose", f"{VERIFY} -purpose timestampsign issued.pem", "unsuitable certificate"),
        (
            "other shard",
            f"{VERIFY} -crl_check -extended_crl -CRLfile empty.crl issued.pem",
            "different CRL scope",
        ),
        ("other question", f"{OCSP} -respin good.ocsp -no_nonce -serial 0x7b", "No Status found"),
        ("other nonce", f"{OCSP} -respin with-nonce.ocsp -nonce -cert issued.pem", "Nonce Verify"),
        ("other data", f"{STAMP} -data other -in sha256-cert.tsr", "imprint mismatch"),
        ("other query", f"{STAMP} -queryfile sha256.tsq -in sha256-cert.tsr", "nonce mismatch"),
        ("no key identifier", "pkilint certificate anonymous.der", "authority_key_identifier"),
        ("no number", "pkilint crl unnumbered.crl", "crl_number"),
        ("ends before it begins", "pkilint ocsp backwards.ocsp", "negative_validity_period"),
    ):
        yield Row(artefact, command, (said,), accepts=False)


TABLE = [*certificates(), *lists(), *answers(), *stamps(), *spoiled()]


@pytest.fixture(scope="module", params=SCHEMES)
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    token_home: Path,
    hsm: Hsm,
    root_hsm: Hsm,
    vault: Vault,
) -> Iterator[House]:
    """Everything that a house whose CAs sign by this scheme has to show."""
    kind = SCHEMES[request.param]
    home, pki, shown = (tmp_path_factory.mktemp(name) for name in ("home", "pki", "shown"))
    clock = LateClock()
    server = make_server("127.0.0.1", 0, app=None, threaded=True)
    made = House(shown, f"http://127.0.0.1:{server.port}")
    build_hierarchy(
        root_key=ensure_ca_key(root_hsm, f"readers-root-{kind}", kind),
        issuing_key=ensure_ca_key(hsm, f"readers-ca-{kind}", kind),
        organisation="Thành phố thử nghiệm",
        base_url=made.url,
        at=clock.now() - LONG_AGO,
        signature=request.param,
        crl_days=3650,
    ).write(pki)
    policy = home / "profiles.toml"
    chosen = f'[issuing]\nsignature = "{request.param}"'
    policy.write_text(PROFILES.read_text(encoding="utf-8").replace("[issuing]", chosen))
    settings = installed(
        home,
        token_home,
        pki,
        f"sqlite:///{home / 'signer.sqlite3'}",
        base_url=made.url,
        issuing_key_label=f"readers-ca-{kind}",
        ocsp_key_label=f"readers-ocsp-{kind}",
        tsa_key_label="readers-tsa",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signer.app, "load_profiles", partial(load_profiles, policy))
        with running(settings, clock) as app, serving(server, app):
            certify(made, app.extensions["signer"], clock, kind)
            fetch_lists(made)
            fetch_answers(made)
            spoil(made)
            yield made


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.artefact}, {row.command[:24]}")
def test_second_reader(house: House, row: Row) -> None:
    """It accepts what is right, refuses what is not, and says so in the expected words."""
    accepts, said = house.read(row.command)
    assert accepts is row.accepts, said
    for words in row.says:
        assert words in said
