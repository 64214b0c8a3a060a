"""Which lines belong to which patient? What grouping.py asks of DuckDB, asked of Spark in the same steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from adapter.cohort.lines import NAME, PERSON, REFERENCE, SHARED

Frame = Any


@dataclass(frozen=True, slots=True)
class Found:
    """Every line of a patient, and every line that was kept aside with its reason."""

    placed: Frame
    aside: Frame


def placed(rows: Frame, read_types: frozenset[str]) -> Found:
    """What grouping.py does, in the same steps: who is known, what belongs to whom by reference, and what belongs to nobody."""
    from pyspark.sql import functions as F  # noqa: N812 - As above.

    read = F.col("kind").isin(*read_types)
    used = rows.filter(F.col("aside").isNull())
    person = used.filter((F.col("kind") == PERSON) & F.col("patient").isNotNull()).select("patient").distinct()
    nobodys = used.filter(F.col("patient").isNull() & read).withColumn("name", F.concat_ws("/", "kind", "id"))
    reached = _reached(used.join(person, "patient", "left_semi"), nobodys)
    claimed = reached.groupBy("name").agg(F.count("*").alias("claims"))
    judged = nobodys.join(claimed, "name", "left")
    is_one = (F.col("claims") == 1) | (F.col("claims").isNotNull() & F.col("kind").isin(*SHARED))
    line = ["patient", "file", "line", "text"]
    joined = judged.filter(is_one).drop("patient").join(reached, "name").select(line)
    mine = used.join(person, "patient", "left_semi").select(line).unionByName(joined)
    nobody = F.lit("no-patient: it names no patient, and no resource of a patient refers to it")
    several = F.lit("several-patients: it names no patient, and resources of several patients refer to it")
    unknown = F.lit("unknown-patient: the patient that it names is not in the input")
    aside = (
        rows.filter(F.col("aside").isNotNull())
        .select("file", "line", "aside")
        .unionByName(judged.filter(~F.coalesce(is_one, F.expr("false"))).select("file", "line", _either(nobody, several)))
        .unionByName(
            used.filter(F.col("patient").isNotNull()).join(person, "patient", "left_anti").select("file", "line", unknown.alias("aside"))
        )
    )
    return Found(mine, aside)


def _either(nobody: Frame, several: Frame) -> Frame:
    from pyspark.sql import functions as F  # noqa: N812 - As above.

    return F.when(F.col("claims").isNull(), nobody).otherwise(several).alias("aside")


def _reached(of_patients: Frame, nobodys: Frame) -> Frame:
    """Each patient with what names no patient and is referred to by a resource of theirs, in one step or in several."""
    from pyspark.sql import functions as F  # noqa: N812 - As above.

    def said(frame: Frame, source: str) -> Frame:
        names = F.explode(F.regexp_extract_all("text", F.lit(REFERENCE), F.lit(1)))
        pairs = frame.select(source, names.alias("said"))
        name = F.regexp_extract(F.replace("said", F.lit("\\/"), F.lit("/")), NAME, 1).alias("name")
        return pairs.select(F.col(source).alias("source"), name).join(named, "name", "left_semi").distinct()

    named = nobodys.filter(F.col("id") != "").select("name").distinct()
    kinds = [str(row.kind) for row in nobodys.select("kind").distinct().collect()]
    mentions = F.col("text").rlike("|".join(sorted(kinds)) or "$.")
    found = said(of_patients.filter(mentions), "patient").select(F.col("source").alias("patient"), "name").persist()
    leads = said(nobodys, "name").persist()
    while True:
        here, there = found.alias("here"), leads.alias("there")
        further = here.join(there, F.col("here.name") == F.col("there.source")).select("here.patient", "there.name")
        more = found.unionByName(further).distinct().persist()
        if more.count() == found.count():
            return found
        found = more
