"""What follows from PET? Every answer about uptake, scan by scan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adapter.facts.answers import Answer
from adapter.facts.case import Treatment
from adapter.facts.uptake import Images
from adapter.rules.answering import flagged, value_of
from adapter.rules.early_response import early_answers
from adapter.rules.eortc import eortc_answer
from adapter.rules.fes import heterogeneity_answers, with_blocking_drugs
from adapter.rules.her2_pet import her2_patient_answers, with_tissue
from adapter.rules.operators import Chosen
from adapter.rules.patient_setting import PatientSetting
from adapter.rules.percist import percist_answer
from adapter.rules.scans import Course, Pictures
from adapter.rules.tracer_uptake import uptake_answers
from adapter.rules.uptake_change import background_answers, change_answers, changes_on, refused_answers


def pet_answers(images: Images, setting: PatientSetting, chosen: Chosen) -> list[Answer]:
    """Every answer that the scans of one case allow or leave open, in the order of the scans."""
    pictures = Pictures(images, setting.started, setting.systemic)
    answers: list[Answer] = refused_answers(pictures, chosen)
    for course in pictures.courses():
        answers += _of_course(course, setting, pictures, chosen)
    found = [*_of_scans(setting, pictures, chosen)]
    answers += [*found, *heterogeneity_answers(pictures, found, chosen), *background_answers(pictures, chosen)]
    return answers


def _of_course(course: Course, setting: PatientSetting, pictures: Pictures, chosen: Chosen) -> list[Answer]:
    """What the later scans of one tracer say against its baseline."""
    answers: list[Answer] = []
    for second in course.later:
        changes = changes_on(course, second, pictures, chosen)
        given = pictures.given_between(course.baseline, second)
        answers += [_with_drugs(answer, given, setting, chosen) for answer in change_answers(course, second, changes, pictures, chosen)]
        answers += early_answers(course, second, changes, setting, pictures, chosen)
        criteria = (
            percist_answer(course, second, setting, pictures, chosen),
            eortc_answer(course, second, changes, setting, pictures, chosen),
        )
        answers += [answer for answer in criteria if answer is not None]
    return answers


def _with_drugs(answer: Answer, given: Sequence[Treatment], setting: PatientSetting, chosen: Chosen) -> Answer:
    """A change flagged where the tracer shows a target that none of the drugs acts on; nothing is said where a drug is not known.

    The classes are those of the drugs given between the scans, and those that the sender states.
    """
    counts_as = chosen.rule("tracer-drug-match").words
    topic = chosen.books.tracer_topic(answer.about.tracer)
    aimed = topic.tracer.drug_classes if topic is not None and topic.tracer is not None else ()
    sent = setting.case.about("drug-class", *counts_as)
    stated = {name for fact in sent for name in counts_as.get(fact.word, (fact.value or "",))}
    classes = stated | {name for one in given for name in one.classes}
    if not aimed or not classes or value_of(answer) is None:
        return answer
    used = answer.but(used=(*answer.used, *sent))
    is_open = not sent and not all(one.classes for one in given)
    return used if is_open or classes & set(aimed) else flagged(used, ["tracer-target-not-drug-target"])


def _of_scans(setting: PatientSetting, pictures: Pictures, chosen: Chosen) -> Iterable[Answer]:
    """What each scan says by itself."""
    for scan in pictures.images.scans:
        lesions = uptake_answers(scan, pictures, chosen)
        lesions = [with_tissue(with_blocking_drugs(answer, scan, setting.case, chosen), setting) for answer in lesions]
        yield from lesions
        yield from her2_patient_answers(scan, lesions, setting, chosen)
