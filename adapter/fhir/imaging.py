"""Which scan and which lesion does an Observation speak of? (R4 Observation.partOf, derivedFrom, focus; ImagingStudy; BodyStructure)

Senders tie the parts of a scan together in many ways; here they get one name: the imaging study where there is one, else the procedure,
the administration or the report.
"""

from __future__ import annotations

from collections.abc import Iterable

from adapter.facts.statements import SentLesion
from adapter.fhir import wire
from adapter.fhir.arrival import Arrived, Received, references

_BODY_STRUCTURE = "BodyStructure/"
_STUDY = "ImagingStudy/"
# R4 has the standard extension bodySite; the extension for R5's Observation.bodyStructure says the same.
_LESION_EXTENSIONS = ("/StructureDefinition/bodySite", "Observation.bodyStructure")
# A chain of members and parts is followed no further than this; a loop would have no end.
_FARTHEST = 4
# A longer description is a text about the lesion, and not a name for it.
_LABEL = 60


class Imaging:
    """Knows, for each resource that arrived, the name of its scan and the lesion it is about."""

    def __init__(self, arrived: Arrived) -> None:
        self._arrived = arrived
        self._parents: dict[str, Received] = {}
        self._reports: dict[str, Received] = {}
        self._study_of_procedure: dict[str, Received] = {}
        self._procedure_of_report: dict[str, Received] = {}
        # Where two resources claim one, the first by name has it, so that the order of arrival does not matter.
        for one in sorted(_with_links(arrived), key=lambda one: one.reference):
            match one.resource:
                case wire.Observation(has_member=members):
                    self._note(members, one, self._parents)
                case wire.DiagnosticReport(result=results):
                    self._note(results, one, self._reports)
                case wire.ImagingStudy(procedure_reference=wire.Reference() as procedure):
                    self._note((procedure,), one, self._study_of_procedure)
                case wire.Procedure(report=made):
                    self._note(made, one, self._procedure_of_report)

    def _note(self, named: Iterable[wire.Reference], by: Received, names: dict[str, Received]) -> None:
        for name in references(named):
            found = self._arrived.find(name, by)
            if found is not None:
                names.setdefault(found.reference, by)

    def study(self, one: Received, farthest: int = _FARTHEST) -> str | None:
        """The name of the scan that this resource belongs to, or None when nothing ties it to one."""
        if farthest == 0:
            return None
        match one.resource:
            case wire.ImagingStudy():
                return one.reference
            case wire.Observation():
                return self._of_observation(one, farthest)
            case wire.Procedure() | wire.MedicationAdministration() as act:
                return self._of_act(one, act, farthest)
            case wire.DiagnosticReport() as report:
                return self._of_report(one, report, farthest)
        return None

    def _of_act(self, one: Received, act: wire.Procedure | wire.MedicationAdministration, farthest: int) -> str:
        """The study that names the procedure or that its report names; else the procedure it is part of; else itself."""
        named = self._study_of_procedure.get(one.reference)
        if named is not None:
            return named.reference
        made = [self._arrived.find(name, one) for name in references(act.report)] if isinstance(act, wire.Procedure) else []
        for report in made:
            if report is not None and isinstance(report.resource, wire.DiagnosticReport) and len(report.resource.imaging_study) == 1:
                return self._of_report(report, report.resource, farthest)
        return self._first(references(act.part_of), one, farthest) or one.reference

    def _of_report(self, one: Received, report: wire.DiagnosticReport, farthest: int) -> str:
        """The one imaging study of a report; else that of its procedure; else the one that its results name; else itself."""
        studies = references(report.imaging_study)
        if len(studies) == 1:
            return self._known_as(studies[0], one)
        procedure = self._procedure_of_report.get(one.reference)
        if procedure is not None:
            return self.study(procedure, farthest - 1) or one.reference
        results = (self._arrived.find(name, one) for name in references(report.result))
        linked = {self._linked(result, farthest) for result in results if result is not None} - {None}
        return linked.pop() or one.reference if len(linked) == 1 else one.reference

    def _linked(self, one: Received, farthest: int) -> str | None:
        """The scan that an Observation names itself, an imaging study before the others."""
        observation = one.resource
        if not isinstance(observation, wire.Observation) or not (observation.part_of or observation.derived_from):
            return None
        links = sorted(references((*observation.part_of, *observation.derived_from)), key=lambda name: not self._is_study(name, one))
        return self._first(links, one, farthest)

    def _is_study(self, name: str, one: Received) -> bool:
        found = self._arrived.find(name, one)
        return isinstance(found.resource, wire.ImagingStudy) if found else _STUDY in name

    def _of_observation(self, one: Received, farthest: int) -> str | None:
        """By its own links first; then by the panel it is a member of; then by its report."""
        found = self._linked(one, farthest)
        parent, report = self._parents.get(one.reference), self._reports.get(one.reference)
        if found is None and parent is not None:
            found = self.study(parent, farthest - 1)
        return found or (self.study(report, farthest - 1) if report else None)

    def _first(self, names: Iterable[str], one: Received, farthest: int) -> str | None:
        for name in names:
            found = self._arrived.find(name, one)
            study = self.study(found, farthest - 1) if found else (name if _STUDY in name else None)
            if study is not None:
                return study
        return None

    def _known_as(self, name: str, one: Received) -> str:
        found = self._arrived.find(name, one)
        return found.reference if found else name

    def started(self, name: str | None) -> str | None:
        """When the imaging study of this name began, for an Observation that has no time of its own."""
        study = self._arrived.find(name) if name else None
        return study.resource.started if study is not None and isinstance(study.resource, wire.ImagingStudy) else None

    def lesion(self, one: Received) -> SentLesion | None:
        """The lesion that a BodyStructure names: by its identifier, which lasts, else by its reference; a contained one has neither."""
        for name in self._lesion_names(one):
            found = self._arrived.find(name, one)
            if found is None:
                return None if name.startswith("#") else SentLesion(key=name, reference=name)
            assert isinstance(found.resource, wire.BodyStructure)
            keys = [f"{known.system}|{known.value}" for known in found.resource.identifier if known.value]
            if keys or found.outer is None:
                return SentLesion(min(keys, default=found.reference), found.reference, found.resource.description[:_LABEL])
        parent = self._parents.get(one.reference)
        return self.lesion(parent) if parent is not None and parent.reference not in self._parents else None

    def site(self, one: Received) -> wire.Concept | None:
        """Where the lesion lies by its BodyStructure, with the side that its qualifiers name."""
        for name in self._lesion_names(one):
            found = self._arrived.find(name, one)
            if found is not None and isinstance(found.resource, wire.BodyStructure) and found.resource.location is not None:
                location = found.resource.location
                qualifiers = (coding for concept in found.resource.location_qualifier for coding in concept.coding)
                return wire.Concept(coding=(*location.coding, *qualifiers), text=location.text)
        return None

    def _lesion_names(self, one: Received) -> list[str]:
        """The references of an Observation that point at a BodyStructure."""
        observation = one.resource
        if not isinstance(observation, wire.Observation):
            return []
        marked = [own for own in (observation.extension, observation.body_site.extension if observation.body_site else ()) if own]
        if not (marked or observation.focus):
            return []
        extended = [
            part.value_reference
            for own in marked
            for part in own
            if part.value_reference is not None and part.url.endswith(_LESION_EXTENSIONS)
        ]
        return [name for name in references((*observation.focus, *extended)) if self.is_lesion(name, one)]

    def is_lesion(self, name: str, one: Received) -> bool:
        """True when a reference points at a BodyStructure, sent or not."""
        found = self._arrived.find(name, one)
        return isinstance(found.resource, wire.BodyStructure) if found else _BODY_STRUCTURE in name


def _with_links(arrived: Arrived) -> Iterable[Received]:
    """Everything that may claim another resource; most Observations claim none."""
    panels = (one for one in arrived.of(wire.Observation) if isinstance(one.resource, wire.Observation) and one.resource.has_member)
    return (*panels, *arrived.of(wire.DiagnosticReport, wire.ImagingStudy, wire.Procedure))
