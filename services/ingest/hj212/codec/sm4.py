"""SM4 (GB/T 32907) as HJ 212-2025 uses it: bodies of frames (appendix A.2) and the header of appendix H.

A body is encrypted in ECB mode, whole blocks of 16 bytes only; what is left over stays plain. That keeps the length
of a frame but hides less than it seems to: equal blocks look equal, and nothing proves who wrote them. The mode is
the standard's, not a choice made here.
"""

import base64
import binascii
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.padding import PKCS7

BLOCK = 16
KEY_SIZE = 16


class KeyUnfitError(ValueError):
    """A key that is not 16 bytes long."""


def read_key(text: str) -> bytes:
    """A key as people write it: 16 characters (as NewSK of CN 1014 has them) or 32 hexadecimal digits.

    Raises KeyUnfitError.
    """
    try:
        key = text.encode("ascii") if len(text) == KEY_SIZE else bytes.fromhex(text)
    except ValueError:
        key = b""
    return _fit(key)


def encrypt_body(body: bytes, key: bytes) -> bytes:
    """Encrypt the whole blocks of a data area (数据区); the same number of bytes comes back."""
    whole = len(body) - len(body) % BLOCK
    done = _cipher(key).encryptor()
    return done.update(body[:whole]) + done.finalize() + body[whole:]


def decrypt_body(body: bytes, key: bytes) -> bytes:
    """Undo `encrypt_body`. A wrong key gives noise, not an error: the checksum tells."""
    whole = len(body) - len(body) % BLOCK
    done = _cipher(key).decryptor()
    return done.update(body[:whole]) + done.finalize() + body[whole:]


def authorization(user: str, password: str, key: bytes) -> str:
    """The `Authorization` header for pictures and films over HTTPS (HJ 212-2025 appendix H).

    Base64 of `user:password` encrypted with SM4-ECB and PKCS#7 padding. A user name has no colon.
    """
    if ":" in user:
        raise ValueError("a user name with a colon cannot be told from its password")
    padding = PKCS7(BLOCK * 8).padder()
    plain = padding.update(f"{user}:{password}".encode()) + padding.finalize()
    done = _cipher(key).encryptor()
    return base64.b64encode(done.update(plain) + done.finalize()).decode("ascii")


def read_authorization(header: str, key: bytes) -> tuple[str, str]:
    """User name and password of such a header. Raises ValueError where key or header are wrong."""
    try:
        sealed = base64.b64decode(header, validate=True)
        done = _cipher(key).decryptor()
        padding = PKCS7(BLOCK * 8).unpadder()
        plain = padding.update(done.update(sealed) + done.finalize()) + padding.finalize()
        user, colon, password = plain.decode("utf-8").partition(":")
    except (ValueError, binascii.Error) as error:
        raise ValueError("no Authorization header of this key") from error
    if not colon:
        raise ValueError("no Authorization header of this key")
    return user, password


def _fit(key: bytes) -> bytes:
    if len(key) != KEY_SIZE:
        raise KeyUnfitError(f"an SM4 key has {KEY_SIZE} bytes: 16 characters or 32 hexadecimal digits")
    return key


@lru_cache(maxsize=1024)
def _cipher(key: bytes) -> Cipher[ECB]:
    return Cipher(SM4(_fit(key)), ECB())  # noqa: S305 - the mode is the standard's
