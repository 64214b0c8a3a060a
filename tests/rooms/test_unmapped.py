"""A code we do not know is an issue in the reply, and a line in a list that a terminologist fills in and a sender folder takes."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest

from adapter.cli import main
from adapter.commands import OK, REFUSED
from adapter.facts.case import UnmappedCode
from adapter.knowledge.books import BrokenKnowledge, Knowledge
from adapter.knowledge.loader import load
from adapter.pipeline import Reply
from adapter.unmapped import COLUMNS, tally, to_fill_in
from tests.sending import (
    HER2_IHC,
    LEFT_BREAST,
    PATIENT,
    Resource,
    ask,
    bundle,
    coded,
    codes,
    concept,
    condition,
    observation,
    percent,
    shown,
)

LAB = "https://hospital.example/lab"
ER = UnmappedCode(role="observation", system=LAB, code="ER-PCT", display="Estrogen receptor percent")
H2P = UnmappedCode(role="value", system=LAB, code="H2P", display="Score two plus", fact="her2-ihc")


def er(name: str = "er", display: str = ER.display) -> Resource:
    """A percentage of ER-positive nuclei under a code of the hospital."""
    return observation(concept(ER.code, system=LAB, display=display), percent(95), name=name)


def her2(name: str = "her2") -> Resource:
    """A HER2 score under a LOINC code, with an answer code of the hospital."""
    return observation(HER2_IHC, coded(H2P.code, system=LAB, display=H2P.display), name=name)


def chart(*results: Resource) -> bytes:
    """The one patient with a left cancer and these results."""
    return bundle(condition(side=LEFT_BREAST), *results)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def listed(tmp_path: Path, *lines: bytes) -> tuple[int, list[dict[str, str]]]:
    """The exit code of `interpret --unmapped` over these Bundles, and the list that it wrote."""
    (tmp_path / "patients.ndjson").write_bytes(b"\n".join(lines) + b"\n")
    target = tmp_path / "codes.csv"
    code = main(["interpret", str(tmp_path / "patients.ndjson"), "--output", str(tmp_path / "out"), "--unmapped", str(target)])
    return code, rows(target.read_text(encoding="utf-8"))


def site(tmp_path: Path, text: str) -> Path:
    """A site's folder with this text as the codes of one sender."""
    sender = tmp_path / "site" / "senders" / "hospital"
    sender.mkdir(parents=True)
    (sender / "codes.csv").write_text(text, encoding="utf-8")
    return tmp_path / "site"


class TestTheReply:
    def test_an_unknown_observation_code_is_listed_without_a_fact(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, chart(er()))
        assert (codes(reply), reply.unmapped) == (["unmapped-code"], {ER: 1})

    def test_an_unknown_answer_is_listed_with_the_fact_it_was_sent_for(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, chart(her2()))
        assert (codes(reply), reply.unmapped) == (["unmapped-value"], {H2P: 1})

    def test_an_unknown_answer_beside_a_stated_interpretation_is_listed_too(self, knowledge: Knowledge) -> None:
        stated = concept("POS", system="http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation")
        assert ask(knowledge, chart({**her2(), "interpretation": [stated]})).unmapped == {H2P: 1}

    def test_a_code_that_came_three_times_is_listed_once(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, chart(er("a"), er("b", "Estrogen receptor"), her2(), er("c")))
        assert reply.unmapped == {ER: 3, H2P: 1}

    @pytest.mark.parametrize(
        "result",
        [
            observation({"text": "HER2 status of Mrs Example"}, percent(95)),
            observation(HER2_IHC, {"valueString": "see the letter to Mrs Example"}),
            observation(HER2_IHC, {"valueCodeableConcept": {"text": "see the letter to Mrs Example"}}),
            observation(concept("2093-3", display="Cholesterol [Mass/volume] in Serum or Plasma"), percent(95)),
        ],
        ids=["text for a code", "typed answer", "text of an answer", "another question"],
    )
    def test_a_text_and_a_code_that_is_not_ours_to_know_are_not_listed(self, result: Resource, knowledge: Knowledge) -> None:
        assert ask(knowledge, chart(result)).unmapped == {}


class TestTheList:
    def test_it_has_the_columns_of_a_sender_folder(self, root: Path) -> None:
        template = (root / "mappings" / "senders" / "_template" / "codes.csv").read_text(encoding="utf-8")
        assert to_fill_in({}) == template.splitlines()[0] + "\n" == ",".join(COLUMNS) + "\n"

    def test_what_was_sent_most_often_comes_first(self) -> None:
        assert to_fill_in({H2P: 1, ER: 3}).splitlines()[1:] == [
            f"observation,{LAB},ER-PCT,Estrogen receptor percent,,,,,seen 3 times,site",
            f"value,{LAB},H2P,Score two plus,her2-ihc,,,,seen 1 time,site",
        ]

    def test_one_code_under_two_displays_is_one_line(self) -> None:
        assert tally([(ER.but(display=""), 2), (ER, 1)]) == {ER: 3}

    def test_the_counts_of_many_patients_add_up(self, tmp_path: Path) -> None:
        code, found = listed(tmp_path, chart(er(), her2()), b'{"resourceType":"Bundle","entry":{}}', chart(er("a"), er("b")))
        assert code == REFUSED
        assert [(row["code"], row["note"]) for row in found] == [("ER-PCT", "seen 3 times"), ("H2P", "seen 1 time")]

    def test_it_is_written_when_every_code_is_known(self, tmp_path: Path) -> None:
        assert listed(tmp_path, chart()) == (OK, [])

    def test_a_chart_that_is_refused_gives_no_list(self, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        (tmp_path / "chart.json").write_text("{", encoding="utf-8")
        assert main(["interpret", str(tmp_path / "chart.json"), "--unmapped", str(tmp_path / "codes.csv")]) == REFUSED
        assert not (tmp_path / "codes.csv").exists()

    def test_it_names_no_patient(self, knowledge: Knowledge) -> None:
        patient = {**PATIENT, "id": "pat-77", "name": [{"family": "Example"}], "birthDate": "1961-05-04"}
        about = {"subject": {"reference": "Patient/pat-77"}, "effectiveDateTime": "2024-03-01", "note": [{"text": "Mrs Example"}]}
        chatty = "Estrogen receptor percent\n" + "of the sample of the left side " * 20
        reply = ask(knowledge, bundle({**er(display=chatty), **about}, {**her2(), **about}, patient=patient))
        text = to_fill_in(reply.unmapped)
        assert len(rows(text)) == 2
        assert [word for word in ("pat-77", "Example", "1961", "2024", "95", "Observation/") if word in text] == []
        assert all(len(row["display"]) <= 100 for row in rows(text))


class TestTheWayBack:
    def filled(self, reply: Reply) -> str:
        """The list with the two words that a terminologist adds."""
        written = StringIO()
        writer = csv.DictWriter(written, COLUMNS)
        writer.writeheader()
        for row in rows(to_fill_in(reply.unmapped)):
            writer.writerow(row | ({"fact": "er-percent"} if row["role"] == "observation" else {"value": "2+"}))
        return written.getvalue()

    def test_the_filled_list_makes_the_codes_facts(self, tmp_path: Path, knowledge: Knowledge) -> None:
        sent = chart(er(), her2())
        before = ask(knowledge, sent)
        after = ask(load(extra=site(tmp_path, self.filled(before))), sent)
        assert (shown(before), shown(after)) == ({}, {"er-percent": "95", "her2-ihc": "2+"})
        assert (codes(after), after.unmapped) == ([], {})

    def test_an_observation_that_is_not_filled_in_is_no_knowledge(self, tmp_path: Path) -> None:
        with pytest.raises(BrokenKnowledge, match="ER-PCT"):
            load(extra=site(tmp_path, to_fill_in({ER: 1})))
