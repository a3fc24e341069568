"""CKA_UNWRAP_TEMPLATE, an attribute made of attributes, which python-pkcs11 does not know."""

import ctypes
from typing import Any

from pkcs11 import Attribute
from pkcs11.attributes import AttributeMapper


class _CkAttribute(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_ulong),
        ("value", ctypes.c_void_p),
        ("length_bytes", ctypes.c_ulong),
    )


# The library reads through these pointers while it runs, so the memory lives as long as we do.
_TRUE = ctypes.create_string_buffer(b"\x01", 1)
_FALSE = ctypes.create_string_buffer(b"\x00", 1)


def pack_booleans(template: dict[Attribute, bool]) -> bytes:
    """The template as the array of CK_ATTRIBUTE that PKCS#11 v2.40 section 4.9 asks for."""
    array = (_CkAttribute * len(template))(
        *(
            _CkAttribute(int(key), ctypes.addressof(_TRUE if value else _FALSE), 1)
            for key, value in template.items()
        )
    )
    return bytes(array)


class TemplateMapper(AttributeMapper):
    """python-pkcs11's mapper that can also write CKA_UNWRAP_TEMPLATE.

    Reading it back yields the raw array: its pointers mean nothing outside the library.
    """

    def __init__(self) -> None:
        super().__init__()
        unread: Any = bytes
        self.register_handler(Attribute.UNWRAP_TEMPLATE, pack_booleans, unread)
