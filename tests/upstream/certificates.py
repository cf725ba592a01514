"""Self-signed certificates for the tests, made from nothing: no key lies in the repository.

Source: RFC 5280 (certificate), RFC 8017 (key, signature), X.690 (DER).
"""

from __future__ import annotations

import hashlib
import ssl
from base64 import encodebytes
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import NamedTuple

E = 65537
RSA = bytes.fromhex("06092a864886f70d010101")
SHA256_WITH_RSA = bytes.fromhex("06092a864886f70d01010b")
SHA256 = bytes.fromhex("0609608648016503040201")
COMMON_NAME = bytes.fromhex("0603550403")
ALTERNATIVE_NAMES = bytes.fromhex("0603551d11")
BASIC_CONSTRAINTS = bytes.fromhex("0603551d13")
NULL = b"\x05\x00"
TRUE = b"\x01\x01\xff"
SMALL_PRIMES = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]


class Key(NamedTuple):
    n: int
    d: int
    p: int
    q: int


class Certificate(NamedTuple):
    certificate: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client(self) -> ssl.SSLContext:
        """A client that trusts this certificate and no other."""
        return ssl.create_default_context(cafile=self.certificate)


def der(tag: int, *parts: bytes) -> bytes:
    data = b"".join(parts)
    if len(data) < 128:
        return bytes((tag, len(data))) + data
    size = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + data


def sequence(*parts: bytes) -> bytes:
    return der(0x30, *parts)


def integer(number: int) -> bytes:
    return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def bits(data: bytes) -> bytes:
    return der(3, b"\0", data)


def time(year: int) -> bytes:
    return der(0x18, datetime(year, 1, 1, tzinfo=UTC).strftime("%Y%m%d%H%M%SZ").encode())


def pem(kind: str, data: bytes) -> str:
    return f"-----BEGIN {kind}-----\n{encodebytes(data).decode()}-----END {kind}-----\n"


def is_prime(n: int, random: Random) -> bool:
    """Miller and Rabin, after a sieve."""
    if any(n % small == 0 for small in SMALL_PRIMES):
        return False
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(8):
        x = pow(random.randrange(2, n - 1), odd, n)
        if x not in (1, n - 1) and all((x := x * x % n) != n - 1 for _ in range(twos - 1)):
            return False
    return True


def prime(random: Random) -> int:
    while True:
        n = random.getrandbits(1024) | 3 << 1022 | 1
        if n % E != 1 and is_prime(n, random):
            return n


@cache
def new_key() -> Key:
    """The same in every run, and so nobody's secret."""
    random = Random(7)
    p, q = prime(random), prime(random)
    return Key(p * q, pow(E, -1, (p - 1) * (q - 1)), p, q)


def self_signed(folder: Path, *names: str, years: tuple[int, int] = (2020, 2120)) -> Certificate:
    """Write a certificate for the names (or addresses) and its key."""
    key = new_key()
    algorithm = sequence(SHA256_WITH_RSA, NULL)
    name = sequence(der(0x31, sequence(COMMON_NAME, der(0x0C, b"headgate tests"))))
    public = sequence(sequence(RSA, NULL), bits(sequence(integer(key.n), integer(E))))
    extensions = sequence(
        sequence(BASIC_CONSTRAINTS, TRUE, der(4, sequence(TRUE))),
        sequence(ALTERNATIVE_NAMES, der(4, sequence(*map(alternative_name, names)))),
    )
    signed = sequence(
        der(0xA0, integer(2)),
        integer(years[0]),
        algorithm,
        name,
        sequence(time(years[0]), time(years[1])),
        name,
        public,
        der(0xA3, extensions),
    )
    certificate = folder / f"{names[0]}-{years[1]}.pem"
    key_file = folder / "key.pem"
    data = sequence(signed, algorithm, bits(signature(signed, key)))
    certificate.write_text(pem("CERTIFICATE", data))
    key_file.write_text(pem("RSA " + "PRIVATE KEY", private_key(key)))
    return Certificate(certificate, key_file)


def alternative_name(name: str) -> bytes:
    if name[0].isdigit():
        return der(0x87, ip_address(name).packed)
    return der(0x82, name.encode())


def signature(data: bytes, key: Key) -> bytes:
    digest = sequence(sequence(SHA256, NULL), der(4, hashlib.sha256(data).digest()))
    size = (key.n.bit_length() + 7) // 8
    padded = b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest
    return pow(int.from_bytes(padded, "big"), key.d, key.n).to_bytes(size, "big")


def private_key(key: Key) -> bytes:
    numbers = (0, key.n, E, key.d, key.p, key.q, key.d % (key.p - 1), key.d % (key.q - 1))
    return sequence(*map(integer, numbers), integer(pow(key.q, -1, key.p)))
