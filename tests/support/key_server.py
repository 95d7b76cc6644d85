"""The platform's own sign-in: keys, tokens, and the address where it publishes the keys."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class SigningKey:
    """A key pair; `jwk` is its public part as it is published."""

    kid: str
    algorithm: str
    private: PrivateKey

    @property
    def jwk(self) -> dict[str, Any]:
        told = get_default_algorithms()[self.algorithm].to_jwk(self.private.public_key())
        public: dict[str, Any] = json.loads(str(told))
        return public | {"kid": self.kid, "use": "sig", "alg": self.algorithm}

    @property
    def pem(self) -> bytes:
        public = self.private.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def token(self, claims: dict[str, Any], **header: Any) -> str:
        given = {"kid": self.kid} | header
        named = {name: value for name, value in given.items() if value is not None}
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers=named)


def rsa_key(kid: str = "r1", bits: int = 2048) -> SigningKey:
    return SigningKey(kid, "RS256", rsa.generate_private_key(65537, bits))


def ec_key(kid: str = "e1") -> SigningKey:
    return SigningKey(kid, "ES256", ec.generate_private_key(ec.SECP256R1()))


def ed_key(kid: str = "d1") -> SigningKey:
    return SigningKey(kid, "EdDSA", ed25519.Ed25519PrivateKey.generate())


def claims(now: datetime, **changed: Any) -> dict[str, Any]:
    """The claims of a valid token of an hour; None leaves a claim out."""
    told = {
        "sub": "s1",
        "academy": "itqan",
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(hours=1)).timestamp()),
    } | changed
    return {name: value for name, value in told.items() if value is not None}


@dataclass
class KeyServer:
    """`asked` counts the requests; `body` replaces the keys, `status` the 200."""

    url: str = ""
    keys: list[SigningKey] = field(default_factory=list)
    body: bytes | None = None
    status: int = 200
    asked: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)

    def answer(self) -> bytes:
        return self.body or json.dumps({"keys": [key.jwk for key in self.keys]}).encode()


@contextmanager
def key_server(*keys: SigningKey) -> Iterator[KeyServer]:
    """A server that answers while `held` is set, as it is from the start."""
    published = KeyServer(keys=list(keys))
    published.held.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            published.asked += 1
            published.reached.set()
            published.held.wait(10)
            body = published.answer()
            self.send_response(published.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # the client has hung up

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    published.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
    try:
        yield published
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
