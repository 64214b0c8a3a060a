"""Do our rules still give the answers that the books give? Every cases.toml, run through the same rules that serve a request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from adapter.facts.answers import Answer, Composed, Determined, Undetermined
from adapter.facts.case import Condition, Fact, Patient, Place, Treatment
from adapter.facts.gather import gather
from adapter.facts.measurements import Interval
from adapter.facts.statements import Text
from adapter.facts.uptake import Derivation, Images, Lesion, Normalisation, Presence, Scan, Uptake
from adapter.facts.vocabulary import Basis, Result, Side
from adapter.knowledge.books import BrokenKnowledge, Knowledge
from adapter.knowledge.loader import DEFAULT_CANONICAL, load
from adapter.knowledge.shapes import CaseDrug, CaseScan, CaseUptake, WorkedCase
from adapter.rules.decide import decide
from adapter.rules.operators import Chosen
from adapter.terminology.drugs import named_in
from adapter.terminology.numbers import interval_in
from adapter.terminology.values import Meaning, meaning_of

_ONE_SPECIMEN = "specimen"
_RESULTS = frozenset(Result)
_NO_ANSWER = "none"
_CATEGORIES = ("t-category", "n-category", "m-category", "stage-group")
_IN_SPECIMEN = ("specimen", "day", "began", "basis", "method", "site", "status", "analyte", "side", "observation", "within", "implies")


def proved(folder: Path | None = None, *, extra: Path | None = None, canonical: str = DEFAULT_CANONICAL) -> Knowledge:
    """The knowledge of a folder with every worked case run; raises BrokenKnowledge with each case that fails."""
    books = load(folder, extra=extra, canonical=canonical)
    prove(books)
    return books


def prove(books: Knowledge) -> None:
    """Run every worked case; raises BrokenKnowledge with each one that fails."""
    problems = [problem for case in books.cases for problem in failures(case, books)]
    if problems:
        raise BrokenKnowledge(problems)


def failures(case: WorkedCase, books: Knowledge) -> list[str]:
    """What this case expects and does not get, each as a sentence; empty when it holds."""
    try:
        answers = answers_to(case, books)
    except ValueError as error:
        return [f'{case.folder}: case "{case.name}": {error}']
    faults = [
        *(fault for result, value in case.expect.items() for fault in _unexpected(result, value, answers, case, books)),
        *_absent_words("missing", case.missing, answers),
        *_absent_words("possible", case.possible, answers),
        *_absent_words("flags", case.flags, answers),
        *_unwanted_flags(case, answers),
    ]
    return [f'{case.folder}: case "{case.name}": {fault}' for fault in faults]


def answers_to(case: WorkedCase, books: Knowledge) -> list[Answer]:
    """Every answer to the facts of a case; raises ValueError for a fact that cannot be read."""
    facts = [
        _fact(word, text, {"specimen": _ONE_SPECIMEN} if word in books.tissue_words else {}, case, books)
        for word, text in case.sent.items()
    ]
    facts += [_fact(*_stated(entry), entry, case, books) for entry in case.facts]
    place = Place(reference="Condition/case", path="case")
    given = [_given(one, books) for one in case.given]
    gathered = gather(
        Patient(reference="Patient/case", key="case", birth_date=case.born, sex=case.sex),
        facts,
        conditions=[Condition(reference="Condition/case", key="case", histology=case.histology, in_situ=case.in_situ, origin=place)],
        treatments=[*(Treatment(kind=kind, started_on=day, last_on=day, origin=place) for kind, day in case.treatments.items()), *given],
        tissue_words=books.tissue_words,
        shared_words=books.shared_words,
    )
    named = {name.partition("@")[0] for field in (case.expect, case.missing, case.possible, case.flags, case.no_flags) for name in field}
    unknown = [*(name for name in named if name not in _RESULTS), *_unknown_schemes(case, books)]
    if unknown:
        raise ValueError(f"there is no {' or '.join(sorted(unknown))}")
    chosen = Chosen(books, case.schemes, today=case.today)
    shown = _images(case) if case.scans else None
    others = {one.key: [other for other in gathered.cases if other is not one] for one in gathered.cases}
    return [answer for one in gathered.cases for answer in decide(one, chosen, shown, others[one.key])]


def _given(given: CaseDrug, books: Knowledge) -> Treatment:
    """A drug of a case as a treatment; one that is not on our list is a treatment with a drug that is not known."""
    drugs = tuple(sorted(named_in(given.drug, books)))
    return Treatment(
        kind="systemic" if books.is_therapy(drugs) else "supportive",
        started_on=given.day,
        last_on=given.last or given.day,
        drugs=drugs,
        classes=books.drug_classes(drugs),
        origin=Place(reference="MedicationAdministration/case", path="case"),
    )


def _images(case: WorkedCase) -> Images:
    """What the scans of a case show, each scan and value with a fact that it came from."""
    scans = sorted((_scan(scan) for scan in case.scans), key=lambda scan: scan.day or "")
    uptakes = [_uptake(_name(scan), one) for scan in case.scans for one in scan.uptakes]
    sites = {one.lesion: one.site for scan in case.scans for one in scan.uptakes if one.site}
    lesions = [Lesion(key=key, site=sites.get(key), label=key) for key in dict.fromkeys(one.lesion for one in uptakes)]
    return Images(scans=tuple(scans), lesions=tuple(lesions), uptakes=tuple(uptakes))


def _name(scan: CaseScan) -> str:
    return " ".join(part for part in (scan.tracer, scan.day, scan.session) if part)


def _scan(scan: CaseScan) -> Scan:
    name = _name(scan)
    return Scan(
        key=name,
        tracer=scan.tracer,
        day=scan.day,
        scanner=scan.scanner,
        uptake_minutes=_number(scan.minutes),
        fasting_minutes=_number(scan.fasting),
        glucose_mg_dl=_number(scan.glucose),
        activity_mbq=_number(scan.activity),
        liver_mean=_number(scan.liver_mean),
        liver_sd=_number(scan.liver_sd),
        blood_pool_mean=_number(scan.blood_pool_mean),
        blood_pool_sd=_number(scan.blood_pool_sd),
        liver_kinds=(Normalisation(scan.liver_kind),) if scan.liver_kind else (),
        blood_pool_kinds=(Normalisation(scan.blood_pool_kind),) if scan.blood_pool_kind else (),
        facts=tuple(_scan_facts(scan, name)),
    )


def _scan_facts(scan: CaseScan, name: str) -> Iterable[Fact]:
    yield _seen("radiopharmaceutical", name, value=scan.tracer or "unknown", day=scan.day)
    for word, number in (("body-weight", _number(scan.weight_kg)), ("body-height", _number(scan.height_mm))):
        if number is not None:
            yield Fact(word=word, number=number, taken_on=scan.day, origin=Place(reference=f"Observation/{word}", path="case"))


def _uptake(scan: str, uptake: CaseUptake) -> Uptake:
    seen = _seen(
        "suv", f"{scan} {uptake.lesion}", value=uptake.presence, day=next((part for part in scan.split() if part[:1].isdigit()), None)
    )
    return Uptake(
        scan=scan,
        lesion=uptake.lesion,
        presence=Presence(uptake.presence),
        value=_number(uptake.value),
        normalisation=Normalisation(uptake.kind) if uptake.kind else None,
        derivation=Derivation(uptake.derivation) if uptake.derivation else None,
        avid=uptake.avid,
        size_mm=_number(uptake.size),
        glycolysis_g=_number(uptake.glycolysis),
        background=_number(uptake.background),
        background_site=uptake.background_site,
        facts=(seen,),
    )


def _seen(word: str, name: str, *, value: str, day: str | None) -> Fact:
    return Fact(word=word, value=value, taken_on=day, origin=Place(reference=f"Observation/{name.replace(' ', '-')}", path="case"))


def _number(text: str | None) -> Interval | None:
    if text is None:
        return None
    found = interval_in(text)
    if found is None or found[1]:
        raise ValueError(f"{text} is not a number of a scan")
    return found[0]


def _unknown_schemes(case: WorkedCase, books: Knowledge) -> list[str]:
    return [f"scheme {choice}={scheme}" for choice, scheme in case.schemes.items() if scheme not in books.schemes.get(choice, {})]


def _stated(entry: dict[str, str]) -> tuple[str, str]:
    """The fact word and the text of an entry: the one key that is not a detail of the fact."""
    words = [key for key in entry if key not in _IN_SPECIMEN]
    if len(words) != 1:
        raise ValueError(f"each fact names one fact word; this one names {', '.join(words) or 'none'}")
    return words[0], entry[words[0]]


def _fact(word: str, text: str, details: dict[str, str], case: WorkedCase, books: Knowledge) -> Fact:
    if word not in books.facts:
        raise ValueError(f"there is no fact {word}")
    meaning = meaning_of(Text(text=text), books.facts[word], books)
    if not isinstance(meaning, Meaning):
        raise ValueError(f"{word}: {meaning.because}")
    basis = Basis(details["basis"]) if "basis" in details else (case.basis if word in _CATEGORIES else Basis.UNSPECIFIED)
    return Fact(
        word=meaning.word,
        value=meaning.value,
        number=meaning.number,
        basis=basis,
        analyte=details.get("analyte"),
        taken_on=details.get("day"),
        began_on=details.get("began"),
        status=details.get("status", "final"),
        specimen=details.get("specimen"),
        side=Side(details["side"]) if "side" in details else None,
        body_site=details.get("site"),
        method=details.get("method"),
        suffixes=meaning.suffixes,
        within=details.get("within"),
        derived_from=(f"Observation/{details['implies']}",) if "implies" in details else (),
        origin=Place(reference=f"Observation/{details.get('observation', word)}", path=f"case.{word}"),
    )


def _matching(result: str, answers: Sequence[Answer]) -> list[Answer]:
    """The answers of a result, or of its one specimen, basis, lesion or scan behind the `@`; a patient's own answer is `@patient`."""
    name, *of = result.split("@")
    mine = [answer for answer in answers if answer.about.result == name]
    return [answer for answer in mine if set(of) <= _named(answer)]


def _named(answer: Answer) -> set[str | None]:
    """The names of what an answer speaks of."""
    about = answer.about
    named = {about.specimen, about.basis, about.lesion, about.scan, about.tracer, about.measure, about.gene, about.origin, about.item}
    return named | {"patient"} if about.lesion is None else named


def _unexpected(result: str, value: str, answers: Sequence[Answer], case: WorkedCase, books: Knowledge) -> Iterable[str]:
    got = [_said(answer) for answer in _matching(result, answers)]
    if len({entry["side"] for entry in case.facts if "side" in entry}) > 1:
        # Two cancers may each have this answer; they must say the same.
        got = list(dict.fromkeys(got))
    # Where `none` is a word of the result itself, it means that answer.
    name = result.partition("@")[0]
    is_absence = value == _NO_ANSWER and not any(value in words for known, words in books.outputs.answers.items() if known == name)
    if got != ([] if is_absence else [value]):
        yield f"{result} should be {value} and is {', '.join(got) or 'not answered'}"


def _said(answer: Answer) -> str:
    """The value of an answer, the kind of an open one, or the parts of a composed one in one line."""
    match answer:
        case Determined():
            return answer.value
        case Undetermined():
            return str(answer.kind)
        case Composed():
            return ", ".join(f"{part.name} {part.value or 'unknown'}" for part in answer.parts)


def _absent_words(field: str, expected: dict[str, tuple[str, ...]], answers: Sequence[Answer]) -> Iterable[str]:
    for result, words in expected.items():
        got = [word for answer in _matching(result, answers) for word in (*getattr(answer, field, ()), *_not_known(answer, field))]
        # Possible values are a set: one too many is as wrong as one too few. Other lists may say more.
        wrong = set(words) != set(got) if field == "possible" else not set(words) <= set(got)
        if wrong:
            yield f"{field} of {result} should be {', '.join(words)} and is {', '.join(got) or 'empty'}"


def _not_known(answer: Answer, field: str) -> list[str]:
    """What is missing of a published indication: its conditions that are not known."""
    return [part.text for part in answer.parts if part.name == "condition-unknown"] if field == "missing" else []


def _unwanted_flags(case: WorkedCase, answers: Sequence[Answer]) -> Iterable[str]:
    for result, words in case.no_flags.items():
        got = {flag for answer in _matching(result, answers) for flag in answer.flags}
        yield from (f"{result} should not carry the flag {word}" for word in words if word in got)
