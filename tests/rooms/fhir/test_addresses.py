"""Addresses that may be called, and the ways in which an address is written to look like one of them."""

from __future__ import annotations

import pytest

from adapter.fhir.addresses import permitted
from adapter.fhir.trouble import Fault, Trouble

BASES = ("https://fhir.hospital.example/r4", "http://127.0.0.1:8090/fhir")


@pytest.mark.parametrize(
    "url",
    [
        "https://fhir.hospital.example/r4",
        "https://fhir.hospital.example/r4/",
        "https://fhir.hospital.example/r4/Patient/1",
        "https://fhir.hospital.example:443/r4/Patient/1",
        "https://FHIR.hospital.example/r4/Patient/1",
        "https://fhir.hospital.example/r4?page=2&token=a|b",
        "https://fhir.hospital.example/r4/Patient?name=M%C3%BCller&next=https://evil.example/",
        "https://fhir.hospital.example/r4/a/../Patient",
        "http://127.0.0.1:8090/fhir/Patient",
    ],
)
def test_an_address_below_a_base_of_the_list_is_permitted(url: str) -> None:
    assert permitted(url, BASES) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/r4/Patient",
        "https://fhir.hospital.example.evil.example/r4",
        "https://evil.example/fhir.hospital.example/r4",
        "https://fhir.hospital.example@evil.example/r4",
        "https://fhir.hospital.example:443@evil.example/r4",
        "https://evil.example#@fhir.hospital.example/r4",
        "https://evil.example\\@fhir.hospital.example/r4",
        "https://fhir.hospital.example\\@evil.example/r4",
        "https:\\\\fhir.hospital.example\\r4",
        "https:///fhir.hospital.example/r4",
        "https:fhir.hospital.example/r4",
        "//fhir.hospital.example/r4",
        "https://fhir.hospital.example./r4",
        "https://fhir.hospital.example:8443/r4",
        "https://fhir.hospital.example:99999/r4",
        "https://fhir.hospital.example:x/r4",
        "http://fhir.hospital.example/r4",
        "ftp://fhir.hospital.example/r4",
        "file:///etc/passwd",
        "gopher://127.0.0.1:8090/fhir",
        "javascript://fhir.hospital.example/r4",
        "https://fhir.hospital.example/r4evil",
        "https://fhir.hospital.example/r4/../admin",
        "https://fhir.hospital.example/r4/%2e%2e/admin",
        "https://fhir.hospital.example/r4/%2E%2E%2Fadmin",
        "https://fhir.hospital.example/r4/..%5cadmin",
        "https://fhir.hospital.example/r4/..;/../admin",
        "https://fhir.hospital.example/R4",
        "https://fhir.hospital.example/r4/Patient#fragment",
        "https://fhir.hospital.example/r4/\r\nHost: evil.example",
        "https://fhir.hospital.exam\tple/r4",
        "https://fhir.hospital.example/r4/Patient /1",
        "https://user:password@fhir.hospital.example/r4",
        "https://@fhir.hospital.example/r4",
        "https://fhir.hospital.example%00.evil.example/r4",
        "https://fhir。hospital.example/r4",
        "https://ｆhir.hospital.example/r4",
        "https://169.254.169.254/latest/meta-data",
        "http://127.0.0.1/fhir",
        "http://127.1:8090/fhir",
        "http://2130706433:8090/fhir",
        "http://0x7f000001:8090/fhir",
        "http://0177.0.0.1:8090/fhir",
        "http://[::ffff:127.0.0.1]:8090/fhir",
        "http://[::1]:8090/fhir",
        "http://localhost:8090/fhir",
        "http://localhost.evil.example:8090/fhir",
        "http://127.0.0.1:8090@evil.example/fhir",
        "http://127.0.0.1:8090/fhirx",
        "",
        "Patient/1",
    ],
)
def test_an_address_that_only_looks_like_one_of_the_list_is_not(url: str) -> None:
    with pytest.raises(Trouble) as found:
        permitted(url, BASES)

    assert found.value.fault is Fault.NOT_ALLOWED
    assert "evil" not in str(found.value)


def test_a_whole_address_with_a_query_permits_itself_and_nothing_below_it() -> None:
    registered = "https://auth.example/keys?policy=b2c"

    assert permitted(registered, [registered])
    for other in ("https://auth.example/keys", "https://auth.example/keys/more?policy=b2c", "https://auth.example/keys?policy=other"):
        with pytest.raises(Trouble):
            permitted(other, [registered])
