"""Which fault of the token asks for which cure; vendors differ, so it is one table."""

from enum import IntEnum

import pkcs11


class Cure(IntEnum):
    """What makes the next try worth while, from the cheapest to the dearest."""

    SESSION = 1
    """Drop this session and open another one."""
    LOGIN = 2
    """Log in again; the sessions may stay."""
    LIBRARY = 3
    """Finalise and initialise the library, find the token, log in (SoftHSM: 2.4 ms)."""


CURES: dict[type[pkcs11.PKCS11Error], Cure] = {
    pkcs11.SessionHandleInvalid: Cure.SESSION,
    pkcs11.SessionClosed: Cure.SESSION,
    pkcs11.SessionCount: Cure.SESSION,
    pkcs11.OperationActive: Cure.SESSION,
    pkcs11.OperationNotInitialized: Cure.SESSION,
    pkcs11.FunctionCancelled: Cure.SESSION,
    pkcs11.UserNotLoggedIn: Cure.LOGIN,
    pkcs11.DeviceError: Cure.LIBRARY,
    pkcs11.DeviceMemory: Cure.LIBRARY,
    pkcs11.DeviceRemoved: Cure.LIBRARY,
    pkcs11.FunctionFailed: Cure.LIBRARY,
    pkcs11.GeneralError: Cure.LIBRARY,
    pkcs11.HostMemory: Cure.LIBRARY,
    pkcs11.KeyHandleInvalid: Cure.LIBRARY,
    pkcs11.ObjectHandleInvalid: Cure.LIBRARY,
    pkcs11.WrappingKeyHandleInvalid: Cure.LIBRARY,
    pkcs11.UnwrappingKeyHandleInvalid: Cure.LIBRARY,
    pkcs11.SlotIDInvalid: Cure.LIBRARY,
    pkcs11.TokenNotPresent: Cure.LIBRARY,
    pkcs11.TokenNotRecognised: Cure.LIBRARY,
    pkcs11.NoSuchToken: Cure.LIBRARY,
    # With its directory gone SoftHSM reports no error at all: it just finds no objects.
    pkcs11.NoSuchKey: Cure.LIBRARY,
    # python-pkcs11 has no class of its own for CKR_CRYPTOKI_NOT_INITIALIZED.
    pkcs11.PKCS11Error: Cure.LIBRARY,
}


def cure_of(error: pkcs11.PKCS11Error) -> Cure | None:
    """The cure for this error; None when trying again would fail the same way."""
    return CURES.get(type(error))
