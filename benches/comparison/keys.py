"""API keys, made in the shape in which `feishu-forward-gateway keys new` makes them."""

import hashlib
import random
import string
import zlib

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase


class Key:
    """A key, and its hash in hexadecimal digits."""

    def __init__(self):
        body = f"ffg_{_text(12)}_{_text(43)}"
        self.secret = body + _checksum(body)
        self.hash = hashlib.sha256(self.secret.encode()).hexdigest()


def _text(length):
    return "".join(random.choices(_DIGITS, k=length))


def _checksum(body):
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = _DIGITS[digit] + digits
    return digits
