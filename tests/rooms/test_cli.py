"""What a person can ask at a terminal: exit codes, streams, tables and what the words say."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from adapter.cli import main
from adapter.commands import BROKEN, OK, REFUSED, USAGE
from adapter.facts.answers import About, Answer, Determined, Undetermined
from adapter.facts.vocabulary import Kind, Result
from adapter.knowledge.books import Knowledge
from adapter.pipeline import StageQuery
from adapter.rows import BadTable, staged_rows
from adapter.settings import Settings
from adapter.summary import WIDTH

LOINC = "http://loinc.org"
HEADER = "T,N,M,grade,HER2,ER,PR"


def echo(query: StageQuery) -> Answer:
    """A stage that shows which cell went where; a T that starts with Q cannot be read."""
    about = About(result=Result.ANATOMIC_STAGE)
    if (query.t or "").startswith("Q"):
        return Undetermined(about=about, rule="r", source="", because="T is not a category", kind=Kind.INDETERMINATE)
    said = "|".join(getattr(query, name) or "" for name in StageQuery.model_fields)
    return Determined(about=about, rule="r", source="", because="echoed", value=said)


def staged(text: str) -> list[list[str]]:
    """The rows that come back."""
    return list(csv.reader(io.StringIO(staged_rows(text, echo))))


def test_rows_come_back_in_order_with_two_columns_more() -> None:
    rows = staged(f"id,{HEADER}\na,T2,N0,M0,G1,negative,positive,negative\nb,Q,N0,M0,G1,negative,positive,negative\n")

    assert rows[0] == ["id", *HEADER.split(","), "stage", "why"]
    assert rows[1] == ["a", "T2", "N0", "M0", "G1", "negative", "positive", "negative", "T2|N0|M0|G1|negative|positive|negative|", "echoed"]
    assert rows[2][-2:] == ["", "T is not a category"]


@pytest.mark.parametrize(
    "text",
    [
        "pr,er,HER2,GRADE,m,n,t,ONCOTYPE\nP,E,H,G,M,N,T,9\n",
        "T,N,M,grade,HER2,ER,PR,oncotype\r\nT,N,M,G,H,E,P,9\r\n",
        "T\tN\tM\tgrade\tHER2\tER\tPR\toncotype\nT\tN\tM\tG\tH\tE\tP\t9\n",
        " T , N ,M,grade,HER2,ER,PR,oncotype\nT, N ,M,G,H,E,P,9\n",
    ],
)
def test_columns_may_stand_in_any_order_and_case(text: str) -> None:
    separator = "\t" if "\t" in text else ","
    row = staged_rows(text, echo).splitlines()[1].split(separator)

    assert row[-2:] == ["T|N|M|G|H|E|P|9", "echoed"]


def test_a_spreadsheet_with_semicolons_comes_back_with_semicolons() -> None:
    text = staged_rows("T;N;M;grade;HER2;ER;PR\nT;N;M;G;H;E;P\n", echo)

    assert text.splitlines() == ["T;N;M;grade;HER2;ER;PR;stage;why", "T;N;M;G;H;E;P;T|N|M|G|H|E|P|;echoed"]


def test_a_short_row_is_unknown_there_and_a_long_row_says_so() -> None:
    rows = staged(f"{HEADER}\nT2,N0\nT2,N0,M0,G1,negative,positive,negative,extra\n")

    assert rows[1] == ["T2", "N0", "", "", "", "", "", "T2|N0||||||", "echoed"]
    assert rows[2][-2] == ""
    assert "8 cells" in rows[2][-1]


def test_a_cell_with_a_comma_keeps_its_quotes() -> None:
    assert staged(f'note,{HEADER}\n"left, upper",T2,N0,M0,G1,n,p,n\n')[1][0] == "left, upper"


@pytest.mark.parametrize("text", ["", "\n", "T,N,M,grade,HER2,ER\n", f"{HEADER},stage\n", f"{HEADER},t\n"])
def test_a_table_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadTable):
        staged_rows(text, echo)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["stage", "--basis", "clinical"], "--csv FILE"),
        (["stage", "--basis", "clinical", "--t", "T2", "--csv", "-"], "leave out"),
        (["stage", "--basis", "clinical", "--csv", "/nowhere.csv"], "cannot read /nowhere.csv"),
        (["interpret", "/nowhere.json"], "cannot read /nowhere.json"),
        (["explain", "no-such-rule"], "no-such-rule"),
        (["serve", "--host", "0.0.0.0"], "no authorization server"),  # noqa: S104 - this is the address that has to be refused.
        (["serve", "--host", "example.org"], "no authorization server"),
        (["serve", "--auth", "smart"], "ADAPTER_AUTH_ISSUERS"),
    ],
)
def test_wrong_use_is_exit_2_and_says_what_to_change(capsys: pytest.CaptureFixture[str], arguments: list[str], word: str) -> None:
    assert main(arguments) == USAGE
    assert word in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["stage", "--t", "T2"], ["interpret"], ["serve", "--auth", "basic"], ["unknown"]])
def test_words_that_are_no_command_are_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)

    assert left.value.code == USAGE
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["interpret", "stage", "check", "explain", "serve"])
def test_every_command_teaches_itself_by_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])

    said = capsys.readouterr().out
    assert left.value.code == OK
    assert f"  onco-adapter {command}" in said[said.index("examples:") :]


def test_check_counts_what_it_proved(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == OK
    assert capsys.readouterr().out.startswith("OK: knowledge ")


def test_check_names_every_problem_of_a_folder_and_is_exit_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    topic = tmp_path / "biomarkers" / "mine"
    topic.mkdir(parents=True)
    (topic / "topic.toml").write_text("topic = 3\n", encoding="utf-8")
    (topic / "codes.csv").write_text("role,system,code\n", encoding="utf-8")

    assert main(["check", str(tmp_path)]) == BROKEN
    said = capsys.readouterr().out
    assert "biomarkers/mine/topic.toml" in said
    assert "in the mappings" in said


def test_broken_mappings_answer_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ADAPTER_MAPPINGS", str(tmp_path / "missing"))

    assert main(["stage", "--basis", "anatomic", "--t", "T2"]) == BROKEN
    captured = capsys.readouterr()
    assert (captured.out, "missing" in captured.err) == ("", True)


def test_explain_lists_every_rule_and_explains_each(
    knowledge: Knowledge, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["explain"]) == OK
    monkeypatch.setattr("adapter.commands.knowledge_for", lambda _: knowledge)  # Read once, not once for each rule.
    rules = [line.split("  ")[0].strip() for line in capsys.readouterr().out.splitlines() if line and not line.startswith(" ")]
    for rule in rules:
        assert main(["explain", rule]) == OK
        said = capsys.readouterr().out
        assert said.startswith(rule)
        assert "Asks" in said
        assert "Source" in said
        assert "Not used race, ethnicity, language" in said, "H2: the source attributes of its rule set"


def test_the_version_names_software_and_knowledge(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])

    assert capsys.readouterr().out.startswith("onco-adapter 0.1.0, knowledge ")


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("ADAPTER_SCHEMES", "subtype=stgallen2011, fdg-staging=eanm", {"schemes": {"subtype": "stgallen2011", "fdg-staging": "eanm"}}),
        ("ADAPTER_CANONICAL", "https://hospital.example/fhir/", {"canonical": "https://hospital.example/fhir"}),
        ("ADAPTER_PROGNOSTIC_TABLES", "false", {"prognostic_tables": False}),
        ("ADAPTER_MAX_ENTRIES", "10", {"max_entries": 10}),
        ("ADAPTER_MAPPINGS", "", {"mappings": None}),
    ],
)
def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, name: str, value: str, read: dict[str, object]) -> None:
    monkeypatch.setenv(name, value)

    assert Settings().model_dump(include=set(read)) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ADAPTER_SCHEMES", "stgallen2011"),
        ("ADAPTER_SCHEMES", "subtype=a,subtype=b"),
        ("ADAPTER_CANONICAL", "hospital"),
        ("ADAPTER_AUTH", "basic"),
        ("ADAPTER_PORT", "http"),
    ],
)
def test_a_setting_that_cannot_be_used_is_exit_2_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    assert main(["check"]) == USAGE
    assert name in capsys.readouterr().err


def test_every_setting_is_documented(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")

    assert [name for name in Settings.model_fields if f"`ADAPTER_{name.upper()}`" not in readme] == []


def interpreted(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str) -> tuple[int, bytes, str]:
    """The exit code, the output and the words of one interpretation."""
    code = main(["interpret", *arguments])
    captured = capfdbinary.readouterr()
    return code, captured.out, captured.err.decode()


def observed(name: str, code: str, value: dict[str, object]) -> dict[str, object]:
    """One Observation of the synthetic patient."""
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": "Patient/p1"},
        "focus": [{"reference": "Condition/c1"}],
        "effectiveDateTime": "2024-03-01",
        **value,
    }


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    """A synthetic patient with a left cancer, clinical T2 N1 M0, and an estrogen receptor that stains in 95 % of cells."""
    condition = {
        "resourceType": "Condition",
        "id": "c1",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C50.912"}]},
    }
    percent = {"valueQuantity": {"value": 95, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}
    resources = [
        {"resourceType": "Patient", "id": "p1"},
        condition,
        observed("er", "85329-1", percent),
        observed("t", "21905-5", {"valueString": "cT2"}),
        observed("n", "21906-3", {"valueString": "cN1"}),
        observed("m", "21907-1", {"valueString": "cM0"}),
    ]
    entries = [{"fullUrl": f"https://hospital.example/{one['resourceType']}/{one['id']}", "resource": one} for one in resources]
    path = tmp_path / "patient.json"
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}), encoding="utf-8")
    return path


def without_issued(content: bytes) -> bytes:
    """The output without the moment at which it was made."""
    return re.sub(rb'"(issued|recorded)":"[^"]*"', b"", content)


def test_interpret_answers_a_bundle_with_a_collection(patient: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    code, out, err = interpreted(capfdbinary, str(patient))

    bundle = json.loads(out)
    assert (code, err, bundle["resourceType"], bundle["type"]) == (OK, "", "Bundle", "collection")
    assert {"Observation", "DiagnosticReport", "Provenance"} <= {entry["resource"]["resourceType"] for entry in bundle["entry"]}


def test_pretty_changes_no_word(patient: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    plain = interpreted(capfdbinary, str(patient))[1]
    pretty = interpreted(capfdbinary, str(patient), "--pretty")[1]

    assert pretty.count(b"\n") > 100
    assert without_issued(json.dumps(json.loads(pretty), separators=(",", ":")).encode()) == without_issued(
        json.dumps(json.loads(plain), separators=(",", ":")).encode()
    )


def test_interpret_reads_standard_input_and_writes_a_file(
    patient: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(patient.read_bytes())))

    code, out, _ = interpreted(capfdbinary, "-", "--output", str(tmp_path / "result.json"))

    assert (code, out) == (OK, b"")
    assert json.loads((tmp_path / "result.json").read_bytes())["type"] == "collection"


def test_ndjson_of_bundles_is_a_result_a_line(patient: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """A line that is refused keeps its place, and the other patients are answered."""
    line = json.dumps(json.loads(patient.read_bytes())).encode()
    stream = tmp_path / "patients.ndjson"
    stream.write_bytes(b"\n".join([line, b'{"resourceType":"Bundle","type":"collection","entry":{}}', line]) + b"\n")

    code, out, err = interpreted(capfdbinary, str(stream))

    lines = out.splitlines()
    assert [json.loads(one)["resourceType"] for one in lines] == ["Bundle", "OperationOutcome", "Bundle"]
    assert without_issued(lines[0]) == without_issued(lines[2])
    assert (code, "line 2" in err) == (REFUSED, True)


def test_ndjson_of_resources_is_one_patient(patient: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    resources = [entry["resource"] for entry in json.loads(patient.read_bytes())["entry"]]
    stream = tmp_path / "patient.ndjson"
    stream.write_text("\n".join(json.dumps(resource) for resource in resources), encoding="utf-8")

    code, out, _ = interpreted(capfdbinary, str(stream))

    assert code == OK
    values = re.findall(rb'"CodeSystem/answer","code":"([^"]+)"', out.replace(b"https://breast-adapter.example/fhir/", b""))
    assert b"IIB" in values


def test_a_bundle_and_further_resources_are_one_patient(patient: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    whole = json.loads(patient.read_bytes())
    late = next(entry for entry in whole["entry"] if entry["resource"]["resourceType"] == "Observation")
    whole["entry"].remove(late)
    (tmp_path / "bundle.json").write_text(json.dumps(whole), encoding="utf-8")
    (tmp_path / "late.json").write_text(json.dumps(late["resource"], indent=2), encoding="utf-8")

    without = interpreted(capfdbinary, str(tmp_path / "bundle.json"))[1]
    code, together, _ = interpreted(capfdbinary, str(tmp_path / "bundle.json"), str(tmp_path / "late.json"))

    assert code == OK
    assert b"er-status" in together
    assert b"er-status" not in without


@pytest.mark.parametrize(
    "sent", ["", "not json", "[]", '{"resourceType":"Bundle","type":"collection"}', '{"resourceType": "Bundle",\n "entry": [}']
)
def test_input_that_cannot_be_read_is_exit_1_in_fhir_and_in_words(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], sent: str
) -> None:
    (tmp_path / "input.json").write_text(sent, encoding="utf-8")

    code, out, err = interpreted(capfdbinary, str(tmp_path / "input.json"), "--output", str(tmp_path / "result.json"))

    assert code == REFUSED
    assert json.loads(out)["resourceType"] == "OperationOutcome"
    assert err.startswith("onco-adapter: ")
    assert not (tmp_path / "result.json").exists()


def test_the_summary_is_for_a_person(patient: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    code, out, _ = interpreted(capfdbinary, str(patient), "--summary")

    said = out.decode()
    assert code == OK
    assert "IIB" in said
    assert "Sources" in said
    assert [line for line in said.splitlines() if len(line) > WIDTH and "http" not in line] == []


def test_an_unknown_scheme_is_refused(patient: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    code, _, err = interpreted(capfdbinary, str(patient), "--scheme", "subtype=no-such-scheme")

    assert code in {REFUSED, USAGE}
    assert "no-such-scheme" in err


def test_one_tumor_is_staged_from_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stage", "--basis", "anatomic", "--t", "T2", "--n", "N1", "--m", "M0"]) == OK
    assert "IIB" in capsys.readouterr().out


def test_a_row_with_a_cell_that_cannot_be_read_keeps_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "tumors.csv"
    table.write_text(f"{HEADER}\nT2,N1,M0,,,,\nT9,N1,M0,,,,\nT2,N1,M0,,,,\n", encoding="utf-8")

    assert main(["stage", "--basis", "anatomic", "--csv", str(table)]) == OK
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["stage"] for row in rows] == ["IIB", "", "IIB"]
    assert "T9" in rows[1]["why"]
