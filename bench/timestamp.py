"""Time stamps: a query in, a verified token out, against the HSM's bare signature in the same run.

The path is `TimestampAuthority.answer`: request read, TSTInfo and attributes made, key leased and
found on the token, signed, signature checked under the certificate, response put together.
"""

import hashlib
import os
import secrets
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from asn1crypto import algos, tsp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from signer.ca.profiles import load_profiles
from signer.ca.roles import RoleSigner
from signer.ca.timestamp import TimestampAuthority
from signer.clock import Clock
from signer.config import Settings
from signer.pkcs11 import Hsm, configure_softhsm, ensure_ca_key, ensure_token

ROUNDS, STAMPS = 12, 250  # path and floor take turns and meet the same noise; the best counts
RSA_STAMPS = 60


def measure() -> dict[str, Any]:
    """Tokens per second through one thread, and the floor under them."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("SOFTHSM2_CONF", None)
        configure_softhsm(Path(folder))
        module, pin_file = Settings(home=Path(folder)).pkcs11_module, Path(folder) / "pin"
        ensure_token(module, "bench", pin_file)
        hsm = Hsm(module, "bench", pin_file)
        stamping, key = _authority(hsm, "p256")
        requests = [_request() for _ in range(STAMPS)]
        _stamp(stamping, requests)  # opens the session and makes the template
        seconds = [(_stamp(stamping, requests), _bare(key), _found(key)) for _ in range(ROUNDS)]
        rsa_stamping, _ = _authority(hsm, "rsa3072")
        rsa_seconds = min(_stamp(rsa_stamping, requests[:RSA_STAMPS]) for _ in range(3))
        token_bytes = len(stamping.answer(requests[0]))
        hsm.close()
    path, bare, found = (STAMPS / min(column) for column in zip(*seconds, strict=True))
    return {
        "name": "timestamp",
        "value": round(path, 1),
        "unit": "tokens/s",
        "floor": round(bare, 1),
        "ratio": round(path / bare, 3),
        "conditions": {
            "path": "nonce, certReq, P-256 in SoftHSM, signature checked; one thread",
            "floor": "bare P-256 signature in one session of the same token",
            "lease, look-up and signature": f"{found:.0f}/s",
            "path with RSA-3072": f"{RSA_STAMPS / rsa_seconds:.0f}/s",
            "response_bytes": token_bytes,
            "rounds": f"{ROUNDS} of {STAMPS}, best",
        },
    }


def _stamp(authority: TimestampAuthority, requests: list[bytes]) -> float:
    begin = time.perf_counter()
    answers = [authority.answer(request) for request in requests]
    seconds = time.perf_counter() - begin
    granted = tsp.TimeStampResp.load(answers[-1], strict=True)["status"]["status"].native
    if granted != "granted" or len(set(answers)) != len(answers):
        raise RuntimeError("the bench's own requests were not granted")
    return seconds


def _bare(key: Any) -> float:
    algorithm, data = ec.ECDSA(SHA256()), secrets.token_bytes(200)
    with key.held() as held:
        begin = time.perf_counter()
        for _ in range(STAMPS):
            held.sign(data, algorithm)
        return time.perf_counter() - begin


def _found(key: Any) -> float:
    """Seconds when each signature leases a session and finds the key, as the path does."""
    algorithm, data = ec.ECDSA(SHA256()), secrets.token_bytes(200)
    begin = time.perf_counter()
    for _ in range(STAMPS):
        key.sign(data, algorithm)
    return time.perf_counter() - begin


def _request() -> bytes:
    imprint = tsp.MessageImprint(
        {
            "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
            "hashed_message": hashlib.sha256(secrets.token_bytes(32)).digest(),
        }
    )
    fields = {"version": 1, "message_imprint": imprint, "nonce": secrets.randbits(63)}
    return bytes(tsp.TimeStampReq(fields | {"cert_req": True}).dump())


def _authority(hsm: Hsm, algorithm: str) -> tuple[TimestampAuthority, Any]:
    """A TSA with a key of this kind on the token; a throw-away CA made its certificate."""
    key = ensure_ca_key(hsm, f"tsa-{algorithm}", algorithm)
    ca_key, clock = ec.generate_private_key(ec.SECP256R1()), Clock()
    ca_name, name = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("CA", "TSA")
    )
    day = timedelta(days=1)
    certificates = [
        x509.CertificateBuilder(
            ca_name,
            subject,
            public_key,
            secrets.randbits(150),
            clock.now() - day,
            clock.now() + day,
        )
        .add_extension(extension, critical=True)
        .sign(ca_key, SHA256())
        for subject, public_key, extension in (
            (ca_name, ca_key.public_key(), x509.BasicConstraints(ca=True, path_length=0)),
            (name, key.public_key(), x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])),
        )
    ]
    signer = RoleSigner(key=key, certificate=certificates[1])
    authority = TimestampAuthority(lambda: signer, load_profiles().tsa, clock, certificates[:1])
    return authority, key
