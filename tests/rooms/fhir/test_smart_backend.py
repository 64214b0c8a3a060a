"""SMART Backend Services against an authorization server that is not ours, which fetches our keys from where we publish them (C5)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from werkzeug.serving import make_server

from adapter.app import create_app
from adapter.fhir.client import FhirServer, create, read
from adapter.fhir.smart_backend import BackendService, BadKey, assertion, jwks, private_key, public_jwk
from adapter.fhir.trouble import Fault, Trouble
from adapter.knowledge.books import Knowledge
from adapter.pipeline import interpret, stage
from adapter.settings import Settings
from adapter.web.desk import Desk
from tests.peers.faulty import Breakage, line_to
from tests.peers.running import sekmet

KEYS = {"RS384": rsa.generate_private_key(public_exponent=65537, key_size=2048), "ES384": ec.generate_private_key(ec.SECP384R1())}


@pytest.fixture(scope="module")
def key_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A key of each kind, as a site keeps them."""
    folder = tmp_path_factory.mktemp("keys")
    for name, key in KEYS.items():
        (folder / f"{name}.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {name: folder / f"{name}.pem" for name in KEYS}


@contextmanager
def published(key: Path, knowledge: Knowledge) -> Iterator[str]:
    """Our service with this key, and the address at which it publishes the public half."""
    settings = Settings(smart_keys=(key,))
    server = make_server("127.0.0.1", 0, create_app(settings, Desk(settings, knowledge, interpret, stage)), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def guarded(key_files: dict[str, Path], knowledge: Knowledge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A FHIR server that gives tokens of one second to whoever can sign with our keys; it takes keys of one kind from each client."""
    with ExitStack() as stack:
        urls = {name: stack.enter_context(published(path, knowledge)) for name, path in key_files.items()}
        clients = [{"client_id": f"adapter-{name}", "jwks_url": url, "scopes": "system/*.cruds"} for name, url in urls.items()]
        auth = {"types": ["smart"], "token_lifetime": 1, "smart_clients": clients}
        yield stack.enter_context(sekmet(tmp_path_factory.mktemp("guarded"), f"server_auth: {json.dumps(auth)}"))


def service(base: str, algorithm: str, **changes: object) -> BackendService:
    return BackendService(
        **{"base": base, "client_id": f"adapter-{algorithm}", "key": KEYS[algorithm], "scope": "system/*.cruds", **changes}
    )


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_c5_both_algorithms_are_accepted_by_a_server_that_reads_our_jwks(guarded: str, algorithm: str) -> None:
    """C5: alg RS384 or ES384 (client SHALL support both); the token endpoint is the one that the server names."""
    server = FhirServer(guarded, authorize=service(guarded, algorithm).headers)

    assert create(server, {"resourceType": "Patient"}).status == 201


def test_a_token_that_ends_in_the_middle_of_the_work_is_renewed(guarded: str) -> None:
    """The server takes it back before we expect that: our clock stands still, and the server's does not."""
    began = time.time()
    ours = service(guarded, "ES384", clock=lambda: began)
    server = FhirServer(guarded, authorize=ours.headers)
    ours.headers(renew=False)
    ours._ends += 1000
    made = create(server, {"resourceType": "Patient"}).headers["Location"]
    first = ours.headers(renew=False)
    time.sleep(2.1)

    assert read(server, made.removeprefix(f"{guarded}/").partition("/_history")[0])["resourceType"] == "Patient"
    assert ours.headers(renew=False) != first


def test_a_token_is_kept_until_just_before_it_ends(guarded: str) -> None:
    now = [0.0]
    with line_to(guarded) as line:
        issued = iter(range(1, 10))
        plan = line.fail(Breakage.ANSWER_STATUS, "POST", "token", times=9, status=200)
        plan.before = lambda _: setattr(
            plan, "content", json.dumps({"access_token": f"t{next(issued)}", "token_type": "bearer", "expires_in": 300}).encode()
        )
        ours = service(line.base, "ES384", token_url=f"{line.base}/token", clock=lambda: now[0])
        tokens = []
        for now[0] in (0.0, 100.0, 269.9, 270.0, 271.0):
            tokens.append(ours.headers(renew=False)["Authorization"])

    assert tokens == ["Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2", "Bearer t2"]


def test_c5_an_assertion_says_who_for_whom_and_not_for_long() -> None:
    """C5: iss=sub=client_id, aud=token URL, exp <= 5 min, jti once, kid and typ in the header."""
    key = KEYS["ES384"]
    first, second = (assertion(key, "adapter", "https://auth.example/token", 1000) for _ in range(2))
    claims = jwt.decode(
        first, key.public_key(), algorithms=["ES384"], options={"verify_exp": False, "verify_aud": False, "verify_iat": False}
    )

    assert (claims["iss"], claims["sub"], claims["aud"]) == ("adapter", "adapter", "https://auth.example/token")
    assert claims["exp"] - 1000 <= 300
    assert jwt.get_unverified_header(first) == {"alg": "ES384", "typ": "JWT", "kid": public_jwk(key)["kid"]}
    assert claims["jti"] != jwt.decode(second, options={"verify_signature": False})["jti"]


def test_only_the_public_half_is_published() -> None:
    published = jwks(tuple(KEYS.values()))["keys"]

    assert [one["alg"] for one in published] == ["RS384", "ES384"]
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & {name for one in published for name in one}
    assert jwt.PyJWK(published[1]).key.public_numbers() == KEYS["ES384"].public_key().public_numbers()


def test_the_published_keys_may_be_kept_for_a_while(key_files: dict[str, Path], knowledge: Knowledge) -> None:
    """C5: JWKS with Cache-Control."""
    settings = Settings(smart_keys=tuple(key_files.values()))
    answer = create_app(settings, Desk(settings, knowledge, interpret, stage)).test_client().get("/.well-known/jwks.json")

    assert (answer.status_code, answer.headers["Cache-Control"], len(answer.json["keys"])) == (200, "public, max-age=3600", 2)


@pytest.mark.parametrize(
    ("status", "content", "fault"),
    [
        (400, b'{"error":"invalid_client"}', Fault.NOT_AUTHORIZED),
        (429, b"{}", Fault.THROTTLED),
        (503, b"{}", Fault.SERVER_ERROR),
        (302, b"{}", Fault.NOT_AUTHORIZED),
        (200, b"{}", Fault.NOT_AUTHORIZED),
        (200, b'{"access_token":"t","token_type":"mac"}', Fault.NOT_AUTHORIZED),
        (200, b"<html>", Fault.CUT_OFF),
    ],
)
def test_what_is_no_token_is_trouble(guarded: str, status: int, content: bytes, fault: Fault) -> None:
    with line_to(guarded) as line:
        line.fail(Breakage.ANSWER_STATUS, "POST", "token", status=status, content=content, headers={"Location": f"{line.base}/x"})
        with pytest.raises(Trouble) as caught:
            service(line.base, "ES384", token_url=f"{line.base}/token").headers(renew=False)

        assert (caught.value.fault, len(line.seen)) == (fault, 1)


def test_no_assertion_goes_to_a_token_endpoint_without_tls(guarded: str) -> None:
    with line_to(guarded) as line:
        named = b'{"token_endpoint":"http://auth.example/token"}'
        line.fail(Breakage.ANSWER_STATUS, "GET", "smart-configuration", status=200, content=named)
        with pytest.raises(Trouble) as caught:
            service(line.base, "ES384").headers(renew=False)

    assert caught.value.fault is Fault.NOT_ALLOWED


def test_a_token_never_stands_in_a_text(guarded: str) -> None:
    ours = service(guarded, "ES384")
    token = ours.headers(renew=False)["Authorization"].removeprefix("Bearer ")

    assert token not in repr(ours)


def test_a_key_that_cannot_sign_what_smart_asks_for_is_refused(tmp_path: Path) -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - it has to be refused.
    other = ec.generate_private_key(ec.SECP256R1())
    locked = KEYS["ES384"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    files = [weak.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), locked, b"no key"]
    files.append(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for number, content in enumerate(files):
        (tmp_path / str(number)).write_bytes(content)

    for name in ("0", "1", "2", "3", "missing"):
        with pytest.raises(BadKey):
            private_key(tmp_path / name)
