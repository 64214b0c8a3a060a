"""SMART App Launch against an authorization server that enforces it and uses nothing of ours (C3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec

from adapter.fhir.smart_launch import App, NoLaunch, Why, authorization_url, challenge, endpoints, granted, random_word
from adapter.fhir.trouble import Trouble
from tests.peers.authorization import Authority, authorization_server

BACK = "http://127.0.0.1:1/launch/callback"
APP = App("onco-app", BACK)
KEY = ec.generate_private_key(ec.SECP384R1())


@pytest.fixture
def authority() -> Iterator[Authority]:
    with authorization_server(Authority([], "p1", redirect_uris=(BACK,))) as running:
        yield running


def went(authority: Authority, app: App = APP, *, launch: str = "", **changed: str) -> dict[str, str]:
    """What came back to our address after a person was sent to the authorization server, with our verifier and state beside it."""
    state, verifier = changed.pop("state", random_word()), random_word()
    url = authorization_url(endpoints(authority.base, app).authorization, app, authority.base, launch, state, verifier)
    for name, value in changed.items():
        parts = urlsplit(url)
        asked = {key: one[0] for key, one in parse_qs(parts.query).items()} | {name: value}
        url = requests.Request("GET", parts._replace(query="").geturl(), params=asked).prepare().url or ""
    answer = requests.get(url, allow_redirects=False, timeout=5)
    found = {key: one[0] for key, one in parse_qs(urlsplit(answer.headers.get("Location", "")).query).items()}
    return found | {"sent_state": state, "verifier": verifier, "status": str(answer.status_code)}


@pytest.mark.parametrize(
    ("registered", "ours"),
    [({}, {}), ({"client_secret": "s3cret"}, {"secret": "s3cret"}), ({"client_key": KEY.public_key()}, {"key": KEY})],
)
def test_a_launch_ends_with_a_token_and_its_patient_for_each_kind_of_client(authority: Authority, registered: dict, ours: dict) -> None:
    for name, value in registered.items():
        setattr(authority, name, value)
    app = replace(APP, **ours)
    back = went(authority, app, launch=authority.launch())
    assert back["state"] == back["sent_state"]
    given = granted(endpoints(authority.base, app).token, app, back["code"], back["verifier"])
    assert (given.patient, given.token in authority.tokens) == ("p1", True)


def test_a_standalone_launch_asks_for_a_patient_instead_of_naming_a_launch(authority: Authority) -> None:
    back = went(authority)
    assert granted(endpoints(authority.base, APP).token, APP, back["code"], back["verifier"]).patient == "p1"


def test_a_code_is_worth_nothing_without_its_verifier_and_nothing_twice(authority: Authority) -> None:
    where = endpoints(authority.base, APP).token
    back = went(authority)
    with pytest.raises(NoLaunch) as wrong:
        granted(where, APP, back["code"], random_word())
    assert (wrong.value.why, authority.refusals) == (Why.NO_TOKEN, ["verifier or redirect"])
    with pytest.raises(NoLaunch):
        granted(where, APP, back["code"], back["verifier"])
    assert authority.refusals[-1] == "code"


@pytest.mark.parametrize(
    ("registered", "ours"),
    [({"client_secret": "s3cret"}, {"secret": "other"}), ({"client_key": KEY.public_key()}, {}), ({"client_secret": "s3cret"}, {})],
)
def test_a_client_that_cannot_show_what_it_is_registered_with_gets_no_token(authority: Authority, registered: dict, ours: dict) -> None:
    back = went(authority)
    for name, value in registered.items():
        setattr(authority, name, value)
    with pytest.raises(NoLaunch) as refused:
        granted(endpoints(authority.base, APP).token, replace(APP, **ours), back["code"], back["verifier"])
    assert (refused.value.why, authority.refusals) == (Why.NO_TOKEN, ["client"])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"aud": "https://elsewhere.example/fhir"}, "aud"),
        ({"state": "short"}, "state"),
        ({"code_challenge_method": "plain"}, "challenge"),
        ({"redirect_uri": "https://elsewhere.example"}, "client or redirect"),
    ],
)
def test_the_server_of_these_tests_refuses_what_smart_refuses(authority: Authority, changed: dict[str, str], said: str) -> None:
    assert (went(authority, **changed)["status"], authority.refusals) == ("400", [said])


def test_a_server_without_pkce_by_s256_is_not_used(authority: Authority) -> None:
    authority.offers = ("plain",)
    with pytest.raises(NoLaunch) as refused:
        endpoints(authority.base, APP)
    assert refused.value.why is Why.NOT_OFFERED


def test_a_token_without_a_patient_opens_no_page(authority: Authority) -> None:
    authority.patient = ""
    back = went(authority)
    with pytest.raises(NoLaunch) as refused:
        granted(endpoints(authority.base, APP).token, APP, back["code"], back["verifier"])
    assert refused.value.why is Why.NO_PATIENT


def test_the_challenge_is_the_one_of_the_example_of_rfc_7636() -> None:
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_state_has_more_than_the_122_bits_that_smart_asks_for() -> None:
    """43 characters of base64url are 256 bits."""
    words = {random_word() for _ in range(100)}
    assert len(words) == 100
    assert {len(word) for word in words} == {43}


def test_a_server_that_is_away_is_a_trouble_and_no_launch() -> None:
    with pytest.raises(Trouble):
        endpoints("http://127.0.0.1:1/fhir", APP)


def test_neither_a_secret_nor_a_key_shows_in_the_words_of_a_registration() -> None:
    assert "s3cret" not in repr(App("onco-app", BACK, KEY, "s3cret"))
    assert "key" not in repr(App("onco-app", BACK, KEY, "s3cret"))
