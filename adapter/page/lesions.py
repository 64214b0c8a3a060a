"""What does each tracer show of each lesion? A grid with the sign that the rules themselves go by."""

from __future__ import annotations

from collections.abc import Sequence

from adapter.facts.answers import Answer
from adapter.facts.case import Case
from adapter.facts.uptake import Images, Lesion, Presence, Scan, Uptake
from adapter.facts.vocabulary import Result
from adapter.knowledge.books import Knowledge
from adapter.page.cards import Cards
from adapter.page.sent_bounds import sent_bounds
from adapter.page.shapes import Cell, Matrix, MatrixRow, State
from adapter.rules.tracer_uptake import sign_of
from adapter.wording import answer_word, plain

_SIGNED = (Result.FES_UPTAKE, Result.HER2_PET_UPTAKE)
_FEWEST = 2


def lesion_grid(case: Case, answers: Sequence[Answer], shown: Images, cards: Cards) -> Matrix | None:
    """The newest sight of each lesion by each tracer; None where there is but one tracer and no sign of any lesion."""
    tracers = list(dict.fromkeys(scan.tracer or "" for scan in shown.scans))
    signed = any(answer.about.result in _SIGNED for answer in answers) or any(one.avid is not None for one in shown.uptakes)
    if len(tracers) < _FEWEST and not signed:
        return None
    rows = tuple(
        MatrixRow(lesion.name, (lesion.reference,) if lesion.reference else (), _cells(lesion, tracers, case, answers, shown, cards))
        for lesion in shown.lesions
    )
    return Matrix("Lesion", tuple(_name(tracer, cards) for tracer in tracers), rows)


def _name(tracer: str, cards: Cards) -> str:
    topic = cards.knowledge.tracer_topic(tracer)
    return topic.title if topic else "unknown tracer"


def _cells(
    lesion: Lesion, tracers: Sequence[str], case: Case, answers: Sequence[Answer], shown: Images, cards: Cards
) -> tuple[Cell | None, ...]:
    return tuple(_cell(lesion, tracer, case, answers, shown, cards) for tracer in tracers)


def _cell(lesion: Lesion, tracer: str, case: Case, answers: Sequence[Answer], shown: Images, cards: Cards) -> Cell | None:
    scans = {scan.key: scan for scan in shown.scans if (scan.tracer or "") == tracer}
    seen = [(scans[one.scan], one) for one in shown.uptakes if one.lesion == lesion.key and one.scan in scans]
    if not seen:
        return None
    scan = max((scan for scan, _ in seen), key=lambda one: one.day or "")
    newest = [one for found, one in seen if found.key == scan.key]
    mine = [one for one in answers if one.about.result in _SIGNED and (one.about.lesion, one.about.scan) == (lesion.key, scan.key)]
    answer = mine[0] if mine else None
    card = cards.card(case, answer) if answer else None
    sign = sign_of(newest, answer)
    word = answer_word(Result.FES_UPTAKE, sign, cards.knowledge) if sign else card.word.capitalize() if card else "No call"
    state = State.KNOWN if sign else State.OPEN if card else State.ABSENT
    return Cell(state, word, _measured(newest, scan, cards.knowledge), card.anchor if card else "")


def _measured(uptakes: Sequence[Uptake], scan: Scan, knowledge: Knowledge) -> str:
    """The values of the newest scan, or what it says instead of one, with its day and place."""
    bounds = [(one, sent_bounds(one, knowledge)) for one in uptakes]
    said = [f"{one.kind.split(' by ')[0]} {sent.text}" if sent is not None else plain(one.presence) for one, sent in bounds]
    said += [plain(one.presence) for one in uptakes if one.value is not None and one.presence is not Presence.MEASURED]
    places = dict.fromkeys(fact.origin.reference for one in uptakes for fact in one.facts)
    return f"{', '.join(dict.fromkeys(said))} · {scan.day or 'day not sent'} · {', '.join(places)}"
