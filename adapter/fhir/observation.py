"""One answer as an R4 Observation (https://hl7.org/fhir/R4/observation.html), by the result contract of design section 5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adapter.facts.answers import Answer, Asserted, Composed, Determined, Part, Undetermined
from adapter.facts.case import Fact, Place
from adapter.facts.vocabulary import Basis, Kind, Result
from adapter.fhir.identifiers import full_url, pointer
from adapter.fhir.libraries import Named
from adapter.fhir.narrative import Told, heading, short
from adapter.fhir.outcome import clean
from adapter.knowledge.outputs import Outputs, Profile, Standard
from adapter.knowledge.remembered import Memory, remembered

# R4 Observation.derivedFrom and hasMember both allow these, and no Condition or Specimen; those stand in the Provenance.
_MEMBERS = frozenset({"Observation", "QuestionnaireResponse", "MolecularSequence"})
_SOURCES = _MEMBERS | {"DocumentReference", "ImagingStudy", "Media"}

# R4's extension for the knowledge behind an event. The one for what it instantiates (workflow-instantiatesCanonical) may not point at a
# Library, and later packages retire it.
_RELATED_ARTIFACT = "http://hl7.org/fhir/StructureDefinition/workflow-relatedArtifact"

_CATEGORY_RESULTS = {result.value: result for result in (Result.T_CATEGORY, Result.N_CATEGORY, Result.M_CATEGORY)}


# The address of a T, N or M category that we derived, by its kind, basis and value.
Categories = dict[tuple[Result, Basis, str], str]


@dataclass(frozen=True, slots=True)
class Setting:
    """What all resources of one reply share."""

    outputs: Outputs
    canonical: str
    instant: str
    citations: Mapping[str, str]
    device_url: str
    published: Named
    rule_topic: Mapping[str, str]
    memory: Memory

    def ours(self, system: str, code: str, display: str | None) -> dict[str, str]:
        """A coding of one of our own code systems."""
        return filled({"system": f"{self.canonical}/CodeSystem/{system}", "code": code, "display": display})


def observation(one: Told, identifier: dict[str, str], derived: Categories, setting: Setting) -> dict[str, Any]:
    """The Observation of one answer; `derived` are the categories that we worked out for its case, among which its T, N and M may stand."""
    case, answer = one.case, one.answer
    about, shape = answer.about, setting.outputs.results[answer.about.result]
    specimen = case.specimen(about.specimen)
    components = _components(answer, setting)
    focus = _pointers((*_lesion_reference(answer), *(one.reference for one in case.conditions)))
    profiles = [profile.url for profile in shape.profiles_for(about.basis) if _fits(profile, answer, focus, components, setting)]
    profiles += [setting.outputs.implication.profile] if _is_implication(answer) else []
    return filled(
        {
            "resourceType": "Observation",
            "meta": {"profile": profiles} if profiles else None,
            "text": short([one.sentence]),
            "extension": _rule_set(answer, setting),
            "identifier": [identifier],
            "status": "final",
            "category": _category(about.result, setting),
            "code": _code(answer, setting),
            "subject": pointer(case.patient.reference),
            "focus": focus,
            "effectiveDateTime": one.day,
            "issued": setting.instant,
            **_value(answer, setting),
            "note": [{"text": one.note}],
            "method": _method(about.result, about.scheme, setting),
            "bodySite": _body_site(answer),
            "specimen": pointer(specimen.reference) if specimen and specimen.reference else None,
            "device": {"reference": setting.device_url},
            "hasMember": _members(answer, derived),
            "derivedFrom": _derived_from(answer),
            "component": components,
        }
    )


def _rule_set(answer: Answer, setting: Setting) -> list[dict[str, Any]]:
    """The Library of the rule set that answered: its sources, its makers, and what it uses of a patient (H1, H2)."""
    topic = setting.rule_topic.get(answer.rule)
    artifact = {"type": "justification", "resource": setting.published.rule_set(topic)} if topic else None
    return [{"url": _RELATED_ARTIFACT, "valueRelatedArtifact": artifact}] if artifact else []


def public(standard: Standard) -> dict[str, str]:
    """A coding of a public code system."""
    return {"system": standard.system, "code": standard.code, "display": standard.display}


def filled(element: dict[str, Any]) -> dict[str, Any]:
    """The element without what is not there: FHIR knows no null and no empty list."""
    return {name: value for name, value in element.items() if value or value == 0}


def distinct(pointers: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Each reference once, in the order of first use."""
    return list({tuple(each.items()): each for each in pointers}.values())


def _pointers(references: Iterable[str]) -> list[dict[str, str]]:
    """A pointer to each of these, once; most answers rest on several facts of one Observation."""
    return distinct(pointer(reference) for reference in dict.fromkeys(references))


def instant(moment: datetime) -> str:
    """A moment as an R4 instant in UTC; a moment without a time zone cannot be said in FHIR."""
    if moment.tzinfo is None:
        raise ValueError("the moment of issue needs a time zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def resource_type(place: Place) -> str | None:
    """The type of the resource that a place points at: as it was read, else by its reference or the head of its path, else None."""
    if place.type is not None:
        return place.type
    parts = place.reference.partition("#")[0].split("/_history/")[0].split("/")
    if len(parts) > 1 and parts[-2][:1].isupper():
        return parts[-2]
    head = place.path.split(".")[0]
    return head if head.isalpha() and head[:1].isupper() and head != "Bundle" else None


def _lesion_reference(answer: Answer) -> tuple[str, ...]:
    """The BodyStructure of the lesion that the answer speaks of, where one was sent."""
    return (answer.lesion.reference,) if answer.lesion is not None and answer.lesion.reference else ()


def _body_site(answer: Answer) -> dict[str, str] | None:
    """The lesion in words, as it was named."""
    text = clean(answer.lesion.name) if answer.lesion is not None else ""
    return {"text": text} if text else None


@remembered
def _category(result: Result, setting: Setting) -> list[dict[str, Any]]:
    return [{"coding": [public(setting.outputs.categories[setting.outputs.results[result].category])]}]


def _code(answer: Answer, setting: Setting) -> dict[str, Any]:
    codings = _codings(answer.about.result, answer.about.basis, setting)
    if _is_implication(answer):
        codings = [*codings, public(setting.outputs.implication.code)]
    return {"coding": codings, "text": heading(answer.about, setting.outputs, lesion=answer.lesion)}


@remembered
def _codings(result: Result, basis: Basis | None, setting: Setting) -> list[dict[str, str]]:
    shape = setting.outputs.results[result]
    return [setting.ours("result", shape.code, shape.display), *(public(coding) for coding in shape.codings_for(basis))]


def _value(answer: Answer, setting: Setting) -> dict[str, Any]:
    match answer:
        case Determined() if _is_implication(answer):
            # The profile of Genomics Reporting allows no value; whether it matches stands in a component.
            return {}
        case Determined(quantity=None):
            return _value_concept(answer.about.result, answer.about.basis, answer.value, setting)
        case Determined():
            units = {"unit": answer.unit, "system": "http://unitsofmeasure.org", "code": answer.unit} if answer.unit else {}
            return {"valueQuantity": {"value": answer.quantity, **units}}
        case Undetermined():
            absence = setting.outputs.absences[answer.kind]
            return {"dataAbsentReason": {"coding": _absence(answer.kind, setting), "text": clean(answer.because) or absence.display}}
        case Composed():
            return {}


@remembered
def _value_concept(result: Result, basis: Basis | None, value: str, setting: Setting) -> dict[str, Any]:
    word = setting.outputs.answers[result][value]
    codings = [setting.ours("answer", word.concept.code, word.concept.display), *(public(code) for code in word.codes_for(basis))]
    return {"valueCodeableConcept": {"coding": codings, "text": word.concept.display}}


@remembered
def _absence(kind: Kind, setting: Setting) -> list[dict[str, str]]:
    absence = setting.outputs.absences[kind]
    return [public(absence.reason), *([setting.ours("absence", absence.code, absence.display)] if absence.shown else [])]


@remembered
def _method(result: Result, scheme: str | None, setting: Setting) -> dict[str, Any] | None:
    """The staging manual where there is one, and the scheme that the site chose."""
    shape = setting.outputs.results[result]
    codings = [public(setting.outputs.methods[shape.method])] if shape.method else []
    if scheme:
        codings.append(setting.ours("scheme", scheme, None))
    return {"coding": codings} if codings else None


def _components(answer: Answer, setting: Setting) -> list[dict[str, Any]]:
    components = [*_gene(answer, setting), *(_component(part.name, _part(part, answer, setting), setting) for part in answer.parts)]
    components += _implied(answer, setting)
    components += [_flag(flag, setting) for flag in answer.flags]
    if isinstance(answer, Undetermined):
        components += [_component("missing", {"valueString": clean(text)}, setting) for text in answer.missing if clean(text)]
        components += [_possible(answer.about.result, word, setting) for word in answer.possible]
    components += [_component("asserted", _asserted(asserted, answer, setting), setting) for asserted in answer.asserted]
    return components + [_component("context", {"valueString": clean(text)}, setting) for text in answer.context if clean(text)]


def _is_implication(answer: Answer) -> bool:
    """True where the profile of Genomics Reporting fits: it must name what it was derived from, and a contained result has no address."""
    return isinstance(answer, Determined) and answer.is_implication and bool(_derived_from(answer))


def _implied(answer: Answer, setting: Setting) -> list[dict[str, Any]]:
    """Whether an implication matches, and each drug that it is about, in the code of HL7 Genomics Reporting."""
    if not isinstance(answer, Determined) or not _is_implication(answer):
        return []
    word = setting.outputs.answers[answer.about.result][answer.value].concept
    drugs = [{"coding": [public(setting.outputs.implication.medication)]} for _ in answer.drugs]
    assessed = [{"code": code, "valueCodeableConcept": {"text": drug}} for code, drug in zip(drugs, answer.drugs, strict=True)]
    return [_component("match", _coded(setting.ours("answer", word.code, word.display)), setting), *assessed]


def _part(part: Part, answer: Answer, setting: Setting) -> dict[str, Any]:
    """The value of a part: an answer word, a number, a text, or the reason why there is none."""
    if part.value is not None:
        word = setting.outputs.answers[answer.about.result][part.value].concept
        return _coded(setting.ours("answer", word.code, word.display))
    if part.number is not None:
        return {"valueQuantity": {"value": part.number, "unit": "1", "system": "http://unitsofmeasure.org", "code": "1"}}
    if part.text:
        return {"valueString": clean(part.text)}
    absence = setting.outputs.absences[Kind.INDETERMINATE]
    ours = setting.ours("absence", absence.code, absence.display)
    return {"dataAbsentReason": {"coding": [public(absence.reason), ours], "text": clean(part.because) or absence.display}}


def _gene(answer: Answer, setting: Setting) -> list[dict[str, Any]]:
    """Which gene the answer speaks of, and whether of the germline or the tumor, in the codes of HL7 Genomics Reporting."""
    written = []
    for code, word in (("gene", answer.about.gene), ("origin", answer.about.origin)):
        shape = setting.outputs.coded_components[code]
        if word is not None:
            codings = [setting.ours("component", shape.code, shape.display), public(shape.standard)]
            beside = {"coding": [public(shape.values[word])]} if word in shape.values else {}
            written.append({"code": {"coding": codings}, "valueCodeableConcept": beside | {"text": word}})
    return written


def _component(code: str, value: dict[str, Any], setting: Setting) -> dict[str, Any]:
    return {"code": _component_code(code, setting), **value}


@remembered
def _component_code(code: str, setting: Setting) -> dict[str, Any]:
    concept = setting.outputs.components[code]
    return {"coding": [setting.ours("component", concept.code, concept.display)]}


def _coded(coding: dict[str, str]) -> dict[str, Any]:
    return {"valueCodeableConcept": {"coding": [coding]}}


@remembered
def _flag(flag: str, setting: Setting) -> dict[str, Any]:
    known = setting.outputs.flags.get(flag)
    return _component("flag", _coded(setting.ours("flag", flag, known.display if known else None)), setting)


@remembered
def _possible(result: Result, word: str, setting: Setting) -> dict[str, Any]:
    display = setting.outputs.answers[result][word].concept.display
    return _component("possible-value", _coded(setting.ours("answer", word, display)), setting)


def _asserted(asserted: Asserted, answer: Answer, setting: Setting) -> dict[str, Any]:
    """The sender's value in the sender's words, with our code where our list has that value."""
    word = setting.outputs.answers[answer.about.result].get(asserted.value)
    coding = [setting.ours("answer", word.concept.code, word.concept.display)] if word else []
    return {"valueCodeableConcept": filled({"coding": coding, "text": clean(asserted.fact.as_sent) or asserted.value})}


def _fits(profile: Profile, answer: Answer, focus: list[Any], components: list[dict[str, Any]], setting: Setting) -> bool:
    """Whether everything the profile asks for beyond base R4 is there; what our results always have is proved by tests."""
    if profile.one_focus and len(focus) != 1:
        return False
    if profile.coded_components and not all("valueCodeableConcept" in component for component in components):
        return False
    if not profile.standard_value or not isinstance(answer, Determined):
        return True
    return answer.quantity is None and bool(setting.outputs.answers[answer.about.result][answer.value].codes_for(answer.about.basis))


def _derived_from(answer: Answer) -> list[dict[str, str]]:
    """Every Observation that was used, and the imaging studies that they belong to."""
    sent = {fact.origin.reference: fact.origin for fact in answer.used}
    studies = dict.fromkeys(fact.study for fact in answer.used if fact.study)
    kept = [reference for reference, place in sent.items() if _is_one_of(place, _SOURCES)]
    kept += [study for study in studies if resource_type(Place(reference=study, path="")) == "ImagingStudy"]
    return _pointers(kept)


def derived_categories(named: Iterable[tuple[Told, dict[str, str]]]) -> Categories:
    """The address of each T, N and M category that we derived, by what it says."""
    found: Categories = {}
    for one, identifier in named:
        answer = one.answer
        if isinstance(answer, Determined) and answer.about.result in _CATEGORY_RESULTS.values():
            said = (answer.about.result, answer.about.basis or Basis.UNSPECIFIED, answer.value)
            found.setdefault(said, full_url(identifier))
    return found


def _members(answer: Answer, derived: Categories) -> list[dict[str, str]]:
    """The T, N and M of a stage: our own Observation where we derived the category, else the one that was sent."""
    pointers = [_own_member(member, derived) or _sent_member(member) for member in answer.members]
    return distinct(found for found in pointers if found)


def _own_member(member: Fact, derived: Categories) -> dict[str, str] | None:
    result = _CATEGORY_RESULTS.get(member.word)
    url = derived.get((result, member.basis, member.value)) if result and member.value else None
    return {"reference": url} if url else None


def _sent_member(member: Fact) -> dict[str, str] | None:
    return pointer(member.origin.reference) if _is_one_of(member.origin, _MEMBERS) else None


def _is_one_of(place: Place, types: frozenset[str]) -> bool:
    """Whether a place is of these types; one that does not say what it is counts as an Observation."""
    return (resource_type(place) or "Observation") in types
