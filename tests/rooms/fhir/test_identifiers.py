"""Are the names that we give those of RFC 9562, version 5?"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

import pytest

from adapter.fhir.identifiers import full_url


@pytest.mark.parametrize("name", ["", "a", "München", "x" * 5000, *map(str, range(200))])
def test_an_address_is_the_uuid_that_the_standard_library_makes(name: str) -> None:
    assert full_url({"system": "https://a.example", "value": name}) == f"urn:uuid:{uuid5(NAMESPACE_URL, f'https://a.example|{name}')}"
