"""The closed lists of certificates from outside."""

from enum import StrEnum

from signer.errors import N_


class Carrier(StrEnum):
    """Where a person's private key lives (R12, R54); our own CA's keys are central."""

    TOKEN = "token"
    SIM = "sim_pki"
    CENTRAL = "central"
    HSM = "hsm"
    UNKNOWN = "unknown"


CARRIER_NAMES: dict[Carrier, str] = {
    Carrier.TOKEN: N_("USB Token"),
    Carrier.SIM: N_("SIM PKI"),
    Carrier.CENTRAL: N_("Ký số tập trung"),
    Carrier.HSM: N_("HSM"),
    Carrier.UNKNOWN: N_("Chưa rõ phương tiện"),
}
