"""Is everything that arrived read once, under the right name, whatever stands beside it? (R4 Bundle, resolving references)"""

from __future__ import annotations

import json

import pytest

from adapter.facts.case import Issue
from adapter.fhir import wire
from adapter.fhir.arrival import Arrived
from adapter.fhir.bundle import arrived
from adapter.fhir.outcome import Refusal
from tests.sending import ER_PERCENT, PATIENT, Resource, bundle, bundle_of, entry, observation, percent

LIMIT = 50_000
OURS, THEIRS = "https://ours.example/fhir", "https://theirs.example/fhir"


def read(*parts: bytes, limit: int = LIMIT) -> Arrived:
    return arrived(parts, limit)


def refused(*parts: bytes, limit: int = LIMIT) -> tuple[int, Issue]:
    with pytest.raises(Refusal) as caught:
        arrived(parts, limit)
    return caught.value.status, caught.value.issues[0]


def er(name: str = "o", value: float = 95, **more: object) -> Resource:
    return observation(ER_PERCENT, percent(value), name=name, **more)


def references(found: Arrived) -> list[str]:
    return [one.reference for one in found.received]


class TestBrokenJson:
    def test_it_is_refused_with_its_line_and_column(self) -> None:
        status, issue = refused(b'{\n  "resourceType": "Bundle",\n  "entry": nothing\n}')
        assert (status, issue.code) == (400, "broken-json")
        assert "line 3, column 13" in issue.text

    def test_a_text_that_ends_too_early_is_refused_at_its_end(self) -> None:
        assert "line 2, column 8" in refused(b'{"resourceType": "Bundle",\n"entry"')[1].text

    @pytest.mark.parametrize(
        "body", [b"", b"   ", b"\x00", b"<Bundle/>", b"NaN", b'{"resourceType": "Bundle", "x": NaN}', b"{'a': 1}", b'{"x": "\\ud800"}']
    )
    def test_whatever_is_no_json_is_refused(self, body: bytes) -> None:
        assert refused(body)[0] == 400

    def test_bytes_that_are_no_utf_8_are_refused_even_where_nothing_is_read(self) -> None:
        status, issue = refused(b'{"resourceType": "Bundle", "x": "\xc3"}')
        assert (status, issue.code) == (400, "broken-json")
        assert "not UTF-8" in issue.text

    def test_utf_16_is_refused(self) -> None:
        assert refused('{"resourceType": "Bundle"}'.encode("utf-16"))[0] == 400

    def test_a_byte_order_mark_is_passed_over(self) -> None:
        assert references(read(b"\xef\xbb\xbf" + bundle(er()))) == ["Patient/p", "Observation/o"]

    @pytest.mark.parametrize("depth", [900, 10_000, 200_000])
    def test_ten_thousand_levels_are_refused_and_not_followed(self, depth: int) -> None:
        body = b'{"resourceType": "Bundle", "x": ' + b"[" * depth + b"]" * depth + b"}"
        status, issue = refused(body)
        assert (status, issue.text) == (400, "the JSON is broken: it is nested too deeply")

    def test_the_fault_of_a_later_part_names_the_part(self) -> None:
        assert "(part 2)" in refused(bundle(), b"{")[1].text


class TestNotABundle:
    @pytest.mark.parametrize("body", [b"[]", b"null", b"5", b'"Bundle"', b"{}", b'{"resourceType": 5}', b'{"resourceType": "Patient"}'])
    def test_it_is_refused(self, body: bytes) -> None:
        status, issue = refused(body)
        assert (status, issue.code) == (400, "not-a-bundle")

    @pytest.mark.parametrize("odd", [{"id": 5}, {"type": 5}, {"meta": []}, {"total": "many"}])
    def test_a_bundle_that_is_odd_in_what_is_not_read_is_read(self, odd: Resource) -> None:
        raw = json.dumps(json.loads(bundle(er())) | odd).encode()
        assert references(read(raw)) == ["Patient/p", "Observation/o"]

    def test_entries_that_are_no_array_are_refused(self) -> None:
        assert refused(b'{"resourceType": "Bundle", "entry": {"resource": {}}}')[0] == 400

    def test_one_entry_too_many_is_refused_with_413(self) -> None:
        entries = b",".join([b"{}"] * (LIMIT + 1))
        status, issue = refused(b'{"resourceType": "Bundle", "entry": [' + entries + b"]}")
        assert (status, issue.code) == (413, "too-many-entries")

    def test_the_limit_counts_all_parts_together(self) -> None:
        assert refused(bundle(er("a")), json.dumps(er("b")).encode(), limit=2)[0] == 413


BAD = {
    "null": None,
    "a number": 5,
    "an array": [],
    "no resource": {"fullUrl": "urn:uuid:1"},
    "a fullUrl of the wrong type": {"fullUrl": 5, "resource": er("x")},
    "a null resource": {"resource": None},
    "an array for a resource": {"resource": [er("x")]},
    "no resourceType": {"resource": {"id": "x"}},
    "a resourceType of the wrong type": {"resource": {"resourceType": 5}},
    "an unknown resourceType": {"resource": {"resourceType": "Starship", "id": "x"}},
    "an id of the wrong type": {"resource": {**er("x"), "id": 5}},
    "a nested Bundle": {"resource": {"resourceType": "Bundle", "entry": [{"resource": er("x")}]}},
    "a status of the wrong type": {"resource": {**er("x"), "status": ["final"]}},
    "a null where R4 allows none": {"resource": {**er("x"), "status": None}},
    "an object where an array is asked": {"resource": {**er("x"), "component": {}}},
    "an array where an object is asked": {"resource": {**er("x"), "code": []}},
    "a value that is no number": {"resource": {**er("x"), "valueQuantity": {"value": True}}},
    "a fraction for an integer": {"resource": {**er("x"), "valueInteger": 1.5}},
}


class TestABadEntry:
    @pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
    def test_it_never_loses_the_others(self, bad: object) -> None:
        found = read(bundle_of([entry(er("a")), bad, entry(PATIENT), entry(er("b"))]))
        assert references(found) == ["Observation/a", "Patient/p", "Observation/b"]

    @pytest.mark.parametrize("bad", [bad for name, bad in BAD.items() if name != "an unknown resourceType"])
    def test_it_is_named_by_its_place(self, bad: object) -> None:
        (issue,) = read(bundle_of([entry(er("a")), bad])).issues
        assert issue.place is not None
        assert issue.place.path.startswith("Bundle.entry[1]")

    def test_an_unknown_resource_type_is_counted(self) -> None:
        assert read(bundle_of([BAD["an unknown resourceType"]])).counts == {"Starship": 1}

    def test_a_bad_contained_resource_does_not_lose_its_holder(self) -> None:
        found = read(bundle(er(contained=[{"resourceType": "Specimen", "id": 5}, {"resourceType": "Specimen", "id": "s"}])))
        assert references(found) == ["Patient/p", "Observation/o", "Observation/o#s"]
        assert [issue.code for issue in found.issues] == ["invalid-resource"]

    def test_the_last_of_two_equal_keys_counts(self) -> None:
        raw = bundle(er()).replace(b'"status": "final"', b'"status": "final", "status": "cancelled"')
        (observed,) = (one.resource for one in read(raw).received if isinstance(one.resource, wire.Observation))
        assert observed.status == "cancelled"


class TestReferences:
    def test_a_relative_one_finds_a_resource_without_a_full_url(self) -> None:
        found = read(bundle(er()))
        assert found.find("Observation/o") is found.received[1]

    @pytest.mark.parametrize(
        "name", ["Observation/o", f"{OURS}/Observation/o", "Observation/o/_history/3", f"{OURS}/Observation/o/_history/3"]
    )
    def test_relative_absolute_and_versioned_ones_find_the_same(self, name: str) -> None:
        found = read(bundle(entry(er(), f"{OURS}/Observation/o")))
        assert found.find(name) is found.received[1]

    def test_a_urn_finds_its_entry(self) -> None:
        url = "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"
        found = read(bundle(entry(er(), url)))
        assert found.find(url) is found.received[1]
        assert found.find("Observation/o") is found.received[1]
        assert found.received[1].reference == url

    def test_a_resource_without_an_id_is_known_by_its_full_url(self) -> None:
        resource = er()
        del resource["id"]
        found = read(bundle(entry(resource, f"{OURS}/Observation/o")))
        assert found.find("Observation/o") is found.received[1]

    def test_an_absolute_one_never_finds_the_same_id_on_another_server(self) -> None:
        found = read(bundle(entry(er(), f"{OURS}/Observation/o")))
        assert found.find(f"{THEIRS}/Observation/o") is None

    def test_two_servers_may_use_one_id(self) -> None:
        mine, yours = entry(er(value=5), f"{OURS}/Observation/o"), entry(er(value=95), f"{THEIRS}/Observation/o")
        found = read(bundle(mine, yours))
        assert references(found) == ["Patient/p", f"{OURS}/Observation/o", f"{THEIRS}/Observation/o"]
        assert found.issues == []
        assert found.find("Observation/o") is None

    def test_a_relative_one_starts_from_the_server_of_its_resource(self) -> None:
        group = entry(er("group"), f"{THEIRS}/Observation/group")
        found = read(bundle(entry(er(), f"{OURS}/Observation/o"), entry(er(), f"{THEIRS}/Observation/o"), group))
        assert found.find("Observation/o", found.received[3]) is found.received[2]

    def test_a_relative_one_never_leaves_its_server(self) -> None:
        found = read(bundle(entry(er(), f"{OURS}/Observation/o"), entry(er("group"), f"{THEIRS}/Observation/group")))
        assert found.find("Observation/o", found.received[2]) is None

    def test_a_contained_one_is_found_inside_its_holder_only(self) -> None:
        found = read(bundle(er(contained=[{"resourceType": "Specimen", "id": "s"}]), er("other")))
        holder, other = found.received[1], found.received[2]
        assert found.find("#s", holder) is found.received[3]
        assert found.find("#s", other) is None
        assert found.find("#s") is None
        assert found.find("#", found.received[3]) is holder

    def test_what_was_sent_and_is_not_read_is_not_missing(self) -> None:
        found = read(bundle({"resourceType": "CarePlan", "id": "i"}, er(contained=[{"resourceType": "Device", "id": "d"}])))
        assert found.holds("CarePlan/i")
        assert found.holds("#d", found.received[1])
        assert not found.holds("CarePlan/other")


class TestTheSameResourceTwice:
    @staticmethod
    def copy(value: float, version: str = "", moment: str = "") -> Resource:
        meta = {"versionId": version} | ({"lastUpdated": moment} if moment else {})
        return er(value=value, **({"meta": meta} if version or moment else {}))

    @staticmethod
    def value(found: Arrived) -> list[str]:
        observed = [one.resource for one in found.received if one.name == "Observation/o" and isinstance(one.resource, wire.Observation)]
        return [str(one.value_quantity.value) for one in observed if one.value_quantity is not None]

    @pytest.mark.parametrize("order", [1, -1])
    def test_the_newer_version_counts_in_either_order(self, order: int) -> None:
        found = read(bundle(*[self.copy(5, "9"), self.copy(95, "10")][::order]))
        assert self.value(found) == ["95"]
        assert [issue.code for issue in found.issues] == ["superseded"]

    @pytest.mark.parametrize("order", [1, -1])
    def test_moments_are_compared_as_moments_and_not_as_text(self, order: int) -> None:
        early, late = self.copy(5, moment="2024-01-01T10:00:00+05:00"), self.copy(95, moment="2024-01-01T06:00:00Z")
        assert self.value(read(bundle(*[early, late][::order]))) == ["95"]

    def test_identical_copies_count_once(self) -> None:
        found = read(bundle(er(), er(), er()))
        assert self.value(found) == ["95"]
        assert [issue.code for issue in found.issues] == ["duplicate", "duplicate"]

    def test_copies_that_differ_without_a_version_are_not_guessed_between(self) -> None:
        found = read(bundle(self.copy(5), self.copy(95)))
        assert self.value(found) == []
        assert [issue.code for issue in found.issues] == ["duplicate", "duplicate"]
        assert found.holds("Observation/o")

    def test_a_version_on_one_copy_alone_tells_nothing(self) -> None:
        assert self.value(read(bundle(self.copy(5), self.copy(95, "2")))) == []

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_copy_without_a_full_url_is_the_one_that_has_it(self, order: int) -> None:
        entries = [entry(self.copy(5, "1"), f"{OURS}/Observation/o"), entry(self.copy(95, "2"))][::order]
        assert self.value(read(bundle(*entries))) == ["95"]

    def test_a_full_url_with_a_version_is_the_same_resource(self) -> None:
        entries = [entry(self.copy(v, str(v)), f"{OURS}/Observation/o/_history/{v}") for v in (1, 2)]
        assert self.value(read(bundle(*entries))) == ["2"]

    def test_a_resource_that_the_bundle_deletes_is_withdrawn(self) -> None:
        found = read(bundle_of([entry(er()), {"request": {"method": "DELETE", "url": "Observation/o"}}]))
        assert found.received == []
        assert [issue.code for issue in found.issues] == ["withdrawn"]


def test_the_newer_of_two_versions_is_read_ten_thousand_times() -> None:
    copies = [er(f"o{number}", meta={"versionId": str(version)}) for version in (1, 2) for number in range(10_000)]
    body = bundle(*copies)
    assert len(read(body).received) == 10_001


class TestContainedWhereNothingIsRead:
    """Found by `make fuzz`: what stood inside a resource of another type was dropped without a word."""

    def test_it_is_named_in_a_resource_of_a_type_that_is_not_read(self) -> None:
        found = read(bundle({"resourceType": "Organization", "id": "lab", "contained": [er(), {"resourceType": "Location"}]}))
        (issue,) = found.issues
        assert (issue.code, issue.place.reference, issue.place.path) == ("not-used", "Organization/lab", "Bundle.entry[1].resource")
        assert issue.text.startswith("1 of the resources")

    @pytest.mark.parametrize("kind", ["Observation", "Organization"])
    def test_it_is_named_in_another_contained_resource(self, kind: str) -> None:
        inner = er("inner") | {"resourceType": kind, "contained": [er("innermost")]}
        found = read(bundle(er("outer", contained=[inner])))
        assert [(issue.code, issue.place.path) for issue in found.issues] == [("not-used", "Bundle.entry[1].resource.contained[0]")]

    @pytest.mark.parametrize("contained", ["x", 7, {}, [5], [None], [[]], [{"resourceType": 7}]])
    def test_a_shape_that_is_none_is_an_issue_of_that_entry_alone(self, contained: object) -> None:
        found = read(bundle({"resourceType": "Organization", "contained": contained}, er()))
        assert [issue.code for issue in found.issues] == ["invalid-resource"]
        assert references(found) == ["Patient/p", "Observation/o"]
