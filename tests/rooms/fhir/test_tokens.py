"""Signed tokens: what proves something and what does not. PyJWT signs them, and the keys come over HTTP from an issuer of the test."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from time import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from adapter.fhir.key_sets import KeySet, kept_seconds
from adapter.fhir.tokens import CLIENT_STATEMENT, NotProven, Trust, new_replays, verified
from adapter.fhir.trouble import Fault, Trouble
from tests.peers.issuer import AUDIENCE, OTHER_RSA, P256, P384, RSA, Issuer, issuer, jwk


@pytest.fixture
def peer() -> Iterator[Issuer]:
    """An issuer that publishes an RSA, a P-384 and a P-256 key."""
    with issuer() as one:
        yield one


def check(peer: Issuer, token: str, **changes: object) -> dict[str, object]:
    trust = Trust(**{"issuer": peer.url, "keys": KeySet(peer.jwks), "audiences": (AUDIENCE,), **changes})
    return dict(verified(token, {peer.url: trust}, time()).claims)


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS384"), (P384, "ES384")])
def test_c5_a_token_with_a_recommended_algorithm_is_believed(peer: Issuer, key: object, algorithm: str) -> None:
    """C5: alg RS384 or ES384 (server at least one)."""
    assert check(peer, peer.token(key=key, algorithm=algorithm))["sub"] == "clinician"


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (P256, "ES256")])
def test_other_asymmetric_algorithms_only_where_a_site_allows_them(peer: Issuer, key: object, algorithm: str) -> None:
    token = peer.token(key=key, algorithm=algorithm)

    with pytest.raises(NotProven, match="has to be signed with"):
        check(peer, token)
    assert check(peer, token, algorithms=frozenset({algorithm}))["sub"] == "clinician"


def unsigned(claims: object, header: object, signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode())
    joined = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return f"{joined}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS256", "HS384", "HS512", None, 5])
def test_d8_a_token_without_an_asymmetric_signature_proves_nothing(peer: Issuer, algorithm: object) -> None:
    """D8: alg asymmetric only (none and HMAC SHALL NOT)."""
    with pytest.raises(NotProven):
        check(peer, unsigned(peer.claims(), {"alg": algorithm, "kid": "r1", "typ": "JWT"}))


def test_a_public_key_is_no_shared_secret(peer: Issuer) -> None:
    """The attack that gave HMAC its place on the list: the published key used as the secret."""
    public = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "kid": "r1", "typ": "JWT"}
    signed = unsigned(peer.claims(), header).rstrip(".")
    token = f"{signed}.{base64.urlsafe_b64encode(hmac.new(public, signed.encode(), hashlib.sha256).digest()).rstrip(b'=').decode()}"

    with pytest.raises(NotProven):
        check(peer, token, algorithms=frozenset({"RS256", "RS384", "ES384"}))


@pytest.mark.parametrize("allowed", [{"HS256"}, {"none"}, set(), {"RS384", "HS512"}])
def test_a_site_cannot_allow_a_symmetric_algorithm(peer: Issuer, allowed: set[str]) -> None:
    with pytest.raises(ValueError, match="nothing else"):
        Trust(peer.url, KeySet(peer.jwks), (AUDIENCE,), frozenset(allowed))


NOW = int(time())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://other.example"}, "not on the list"),
        ({"iss": None}, "not on the list"),
        ({"aud": "https://other.example/fhir"}, "another service"),
        ({"aud": None}, "lacks a claim"),
        ({"exp": NOW - 120}, "has ended"),
        ({"exp": None}, "lacks a claim"),
        ({"exp": "soon"}, "cannot be read"),
        ({"nbf": NOW + 600}, "not valid yet"),
        ({"iat": NOW + 600}, "not valid yet"),
        ({"iat": None}, "lacks a claim"),
    ],
)
def test_a_claim_that_is_wrong_or_absent_is_refused(peer: Issuer, changes: dict[str, object], why: str) -> None:
    with pytest.raises(NotProven, match=why):
        check(peer, peer.token(**changes))


def test_clocks_may_differ_by_half_a_minute_and_no_more(peer: Issuer) -> None:
    now = int(time())

    assert check(peer, peer.token(exp=now - 10, iat=now - 400))
    assert check(peer, peer.token(iat=now + 20, nbf=now + 20))
    with pytest.raises(NotProven):
        check(peer, peer.token(exp=now - 40, iat=now - 400))


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"kid": None}, "needs a kid"),
        ({"kid": "unknown"}, "0 keys"),
        ({"typ": "id+jwt"}, "another type"),
        ({"crit": ["exp"]}, "does not know|cannot be read"),
        ({"b64": False}, "does not know|cannot be read"),
        ({"jku": "https://evil.example/jwks"}, "not registered"),
    ],
)
def test_c6_a_header_that_leads_elsewhere_is_refused(peer: Issuer, header: dict[str, object], why: str) -> None:
    """C6: jku only if registered."""
    with pytest.raises(NotProven, match=why):
        check(peer, peer.token(header=header))


def test_c6_the_registered_jku_may_be_named(peer: Issuer) -> None:
    assert check(peer, peer.token(header={"jku": peer.jwks}))


def test_a_token_of_another_key_is_refused(peer: Issuer) -> None:
    with pytest.raises(NotProven, match="signature"):
        check(peer, peer.token(key=OTHER_RSA, algorithm="RS384"))


def test_a_changed_token_is_refused(peer: Issuer) -> None:
    head, _, tail = peer.token().split(".")
    body = base64.urlsafe_b64encode(json.dumps(peer.claims(sub="somebody else")).encode()).rstrip(b"=").decode()

    with pytest.raises(NotProven, match="signature"):
        check(peer, f"{head}.{body}.{tail}")


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "ey.ey.ey", "eyJ.eyJ.eyJ", f"ey.{'A' * 20_000}.x", "ey.\x00.x", "eyé.é.é"])
def test_what_is_no_token_is_refused(peer: Issuer, token: str) -> None:
    with pytest.raises(NotProven):
        check(peer, token)
    assert peer.asked == []


def test_c6_kid_and_kty_match_exactly_one_key(peer: Issuer) -> None:
    """C6: kid+kty match exactly one key; two that fit are as good as none."""
    peer.keys = [jwk(RSA, "same"), jwk(P384, "same")]
    assert check(peer, peer.token(key=RSA, algorithm="RS384", header={"kid": "same"}))
    assert check(peer, peer.token(key=P384, header={"kid": "same"}))

    peer.keys = [jwk(RSA, "same"), jwk(OTHER_RSA, "same")]
    with pytest.raises(NotProven, match="2 keys"):
        check(peer, peer.token(key=RSA, algorithm="RS384", header={"kid": "same"}))


@pytest.mark.parametrize(
    "key",
    [
        jwk(P256, "e1"),
        jwk(P384, "e1", use="enc"),
        jwk(P384, "e1", alg="ES256"),
        {"kty": "oct", "kid": "e1", "k": "c2VjcmV0"},
        jwk(P384, "e1", d="AAAA"),
        {"kty": "EC", "crv": "P-384", "kid": "e1", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-384", "kid": "e1"},
    ],
)
def test_a_key_that_does_not_fit_the_algorithm_is_none(peer: Issuer, key: dict[str, object]) -> None:
    peer.keys = [key]

    with pytest.raises(NotProven):
        check(peer, peer.token())


def test_a_short_rsa_key_is_none(peer: Issuer) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - this one has to be refused.
    peer.keys = [jwk(short, "r1")]

    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        token = peer.token(key=short, algorithm="RS384")
    with pytest.raises(NotProven, match="too short"):
        check(peer, token)


class Clock:
    """A clock that stands where a test puts it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_c6_keys_are_kept_as_long_as_their_cache_control_says(peer: Issuer) -> None:
    """C6: never cache JWKS past its cache-control."""
    clock, peer.headers = Clock(), {"Cache-Control": "public, max-age=60", "Age": "20"}
    keys = KeySet(peer.jwks, clock=clock)
    for clock.now in (0.0, 10.0, 39.0):
        keys.key("e1", "ES384")
    assert peer.asked == ["/jwks"]

    clock.now = 41.0
    keys.key("e1", "ES384")
    assert peer.asked == ["/jwks"] * 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 300.0),
        ({"Cache-Control": "max-age=60"}, 60.0),
        ({"Cache-Control": "no-store"}, 0.0),
        ({"Cache-Control": "max-age=60, no-cache"}, 0.0),
        ({"Cache-Control": "max-age=60", "Age": "90"}, 0.0),
        ({"Cache-Control": "max-age=999999999"}, 86_400.0),
    ],
)
def test_how_long_an_answer_may_be_kept(headers: dict[str, str], seconds: float) -> None:
    assert kept_seconds(headers) == seconds


def test_c6_an_unknown_kid_leads_to_one_more_look_and_not_to_many(peer: Issuer) -> None:
    clock = Clock()
    keys = KeySet(peer.jwks, clock=clock)
    keys.key("e1", "ES384")
    clock.now, peer.keys = 20.0, [jwk(P384, "new")]

    assert keys.key("new", "ES384").key_id == "new"
    for clock.now in (20.0, 21.0, 25.0, 29.0):
        with pytest.raises(Exception, match="0 keys"):
            keys.key("made-up", "ES384")
    assert len(peer.asked) == 2


def test_keys_that_cannot_be_had_are_a_trouble_and_not_asked_for_at_every_request(peer: Issuer) -> None:
    clock, peer.status = Clock(), 500
    keys = KeySet(peer.jwks, clock=clock)
    for _ in range(3):
        with pytest.raises(Trouble):
            keys.key("e1", "ES384")
    assert len(peer.asked) == 1

    clock.now, peer.status = 11.0, 200
    assert keys.key("e1", "ES384").key_id == "e1"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys":5}', b"<html>", b'{"keys":[' + b"1," * 200 + b"1]}"])
def test_what_is_no_key_set_is_a_trouble(peer: Issuer, body: bytes) -> None:
    peer.body = body

    with pytest.raises(Trouble):
        KeySet(peer.jwks).key("e1", "ES384")


def test_a_key_set_is_never_larger_than_a_quarter_of_a_megabyte(peer: Issuer) -> None:
    peer.body = b" " * 300_000

    with pytest.raises(Trouble) as trouble:
        KeySet(peer.jwks).key("e1", "ES384")
    assert trouble.value.fault is Fault.TOO_LARGE


def test_no_redirect_is_followed_to_keys(peer: Issuer) -> None:
    with pytest.raises(Trouble):
        KeySet(f"{peer.url}/moved").key("e1", "ES384")
    assert peer.asked == ["/moved"]


@pytest.mark.parametrize("url", ["http://auth.example/jwks", "ftp://auth.example/jwks", "https://user@auth.example/jwks", "jwks", ""])
def test_keys_come_over_tls_only(url: str) -> None:
    with pytest.raises(Trouble):
        KeySet(url)


def test_c6_a_statement_of_a_client_counts_once(peer: Issuer) -> None:
    """C6: jti replay window, which all processes of one machine share."""
    replays, token = new_replays(), peer.token()
    strict = {"types": CLIENT_STATEMENT, "replays": replays, "longest_seconds": 300}
    assert check(peer, token, **strict)

    with pytest.raises(NotProven, match="used before"):
        check(peer, token, **strict)
    assert check(peer, peer.token(), **strict)


@pytest.mark.parametrize(
    ("changes", "header", "why"),
    [
        ({"jti": None}, {}, "needs a jti"),
        ({"jti": 7}, {}, "needs a jti|cannot be read"),
        ({"exp": NOW + 3600}, {}, "300 seconds at most"),
        ({}, {"typ": ""}, "another type"),
    ],
)
def test_d8_a_statement_of_a_client_is_short_lived_and_named(
    peer: Issuer, changes: dict[str, object], header: dict[str, object], why: str
) -> None:
    """D8: kid, typ; iss, aud, exp, iat, jti."""
    with pytest.raises(NotProven, match=why):
        check(peer, peer.token(header=header, **changes), types=CLIENT_STATEMENT, replays=new_replays(), longest_seconds=300)


def test_a_remembered_token_is_forgotten_when_it_could_not_be_used_any_more() -> None:
    replays = new_replays()

    assert replays.is_first("a", "1", until=100.0, now=50.0)
    assert not replays.is_first("a", "1", until=100.0, now=99.0)
    assert replays.is_first("b", "1", until=100.0, now=99.0)
    assert replays.is_first("a", "1", until=200.0, now=101.0)


def test_why_a_token_is_refused_quotes_nothing_of_it(peer: Issuer) -> None:
    with pytest.raises(NotProven) as found:
        check(peer, peer.token(aud="https://secret.example", sub="Jane Doe", iss=peer.url))

    assert not {"secret", "Jane", peer.url} & set(str(found.value).split())
    assert "secret" not in str(found.value)
