"""An issuer of tokens for tests: keys of its own, an address that publishes them, and tokens that PyJWT signs for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

AUDIENCE = "https://adapter.example/fhir"
RSA, OTHER_RSA = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
P384, P256 = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256R1())


def jwk(key: object, kid: str, **more: object) -> dict[str, Any]:
    """The public half of a key as RFC 7517 writes it."""
    maker = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**maker.to_jwk(key.public_key(), as_dict=True), "kid": kid, **more}


@dataclass
class Issuer:
    """What it publishes, how it answers, and who asked it what."""

    url: str
    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk(RSA, "r1"), jwk(P384, "e1"), jwk(P256, "p1")])
    headers: dict[str, str] = field(default_factory=lambda: {"Cache-Control": "max-age=300"})
    status: int = 200
    body: bytes | None = None
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    seen: list[dict[str, str]] = field(default_factory=list)

    @property
    def jwks(self) -> str:
        """Where it publishes its keys."""
        return f"{self.url}/jwks"

    def claims(self, **changes: object) -> dict[str, object]:
        """Good claims, with changes; a change to None leaves a claim out."""
        now = int(time())
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "clinician", "iat": now, "exp": now + 300, "jti": uuid4().hex}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(self, *, key: object = P384, algorithm: str = "ES384", header: dict[str, object] | None = None, **changes: object) -> str:
        """A signed token; a change to None leaves a claim out."""
        headers = {"kid": {"ES384": "e1", "ES256": "p1"}.get(algorithm, "r1"), **(header or {})}
        return jwt.encode(self.claims(**changes), key, algorithm=algorithm, headers={n: v for n, v in headers.items() if v is not None})


@contextmanager
def issuer() -> Iterator[Issuer]:
    """An issuer that listens on this machine: its keys at /jwks, introspection (RFC 7662) at /introspect, a redirect at /moved."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    one = Issuer(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = _handler(one)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield one
    server.shutdown()
    thread.join()
    server.server_close()


def _handler(one: Issuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            one.asked.append(self.path)
            one.seen.append(dict(self.headers))
            if self.path == "/moved":
                return self.say(302, b"", {"Location": one.jwks})
            return self.say(one.status, one.body if one.body is not None else json.dumps({"keys": one.keys}).encode(), one.headers)

        def do_POST(self) -> None:
            one.asked.append(self.path)
            one.seen.append(dict(self.headers))
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(sent).items()}
            one.forms.append(form)
            found = one.tokens.get(form.get("token", ""), {"active": False})
            return self.say(one.status, one.body if one.body is not None else json.dumps(found).encode(), {})

        def say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
