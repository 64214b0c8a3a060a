"""How does the JVM look at the lines? The same questions as lines.py asks, as expressions of Spark on the raw text.

Only text that the JVM is not sure about is looked at by lines.py itself, and only each code once is asked about in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from adapter.cohort.interpreting import Interpreting
from adapter.cohort.lines import ASKING, CONTAINED, MOST_BYTES, NAME, PERSON

if TYPE_CHECKING:
    import pyarrow as pa

    Frame = Any
    Column = Any

# As much of a resource as tells whose it is and what it asks for; STRING keeps the text of whatever JSON stands there.
_HEAD = (
    "resourceType STRING, id STRING, subject STRUCT<reference: STRING>, patient STRUCT<reference: STRING>, code STRING, contained STRING, "
    ""
    "hasMember STRING, partOf STRING, derivedFrom STRING, focus STRING, specimen STRING, "
    "component ARRAY<STRUCT<code: STRING>>, meta STRUCT<versionId: STRING, lastUpdated: STRING>, _bad STRING"
)
# Strict JSON only: the parser of Spark would forgive more than lines.py does.
_STRICT = {"columnNameOfCorruptRecord": "_bad", "allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
_BETWEEN = "\u0001"
LOOKED_AT = "kind STRING, id STRING, patient STRING, text STRING, aside STRING, file STRING, line LONG"


def lines(spark: Any, paths: list[str], read_types: frozenset[str]) -> Frame:  # noqa: ANN401 - pyspark is not there when types are checked.
    """Each line with its place, its type, id and patient, the codes that it asks for, and whether lines.py has to look at it."""
    from pyspark.sql import functions as F  # noqa: N812 - The name that everybody gives it.

    text = spark.read.text(paths, lineSep="\n").select(
        F.rtrim(F.ltrim("value", F.lit("\ufeff")), F.lit("\r")).alias("value"),
        F.col("_metadata.file_name").alias("file"),
        F.col("_metadata.file_block_start").alias("block"),
        F.monotonically_increasing_id().alias("row"),
    )
    headed = text.withColumn("head", F.from_json("value", _HEAD, _STRICT))
    kind = F.col("head.resourceType")
    is_plain = (
        F.expr(f"octet_length(value) < {MOST_BYTES} AND is_valid_utf8(value)")
        & F.col("head._bad").isNull()
        & F.coalesce(kind != "", F.expr("false"))
        & (kind != "Bundle")
        & F.col("value").rlike(r"^\s*\{")
        & F.col("value").rlike(r"\}\s*$")
        & ~F.col("value").rlike(r"\}\s*\{")
    )
    plain = F.coalesce(is_plain, F.expr("false"))
    ties = F.coalesce(*(F.col(f"head.{name}") for name in ("contained", "hasMember", "partOf", "derivedFrom", "focus")))
    asked = F.when(plain & (kind == ASKING) & ties.isNull(), _codes())
    return headed.select(
        "file",
        "block",
        "row",
        "value",
        "head",
        (F.trim("value") == "").alias("empty"),
        plain.alias("plain"),
        F.when(plain, kind).otherwise("").alias("kind"),
        F.when(plain, F.coalesce("head.id", F.lit(""))).otherwise("").alias("id"),
        F.when(plain, _patient(kind)).alias("patient"),
        F.when(plain & (kind != ASKING) & kind.isin(*read_types), F.lit("read")).otherwise(asked).alias("asks"),
    )


def _codes() -> Column:
    from pyspark.sql import functions as F  # noqa: N812 - As above.

    of_parts = F.transform(F.coalesce("head.component", F.array()), lambda part: part["code"])
    return F.concat_ws(_BETWEEN, F.concat(F.array("head.code"), of_parts))


def _patient(kind: Column) -> Column:
    from pyspark.sql import functions as F  # noqa: N812 - As above.

    named = [F.regexp_extract(F.col(f"head.{field}.reference"), NAME, 1) for field in ("subject", "patient")]
    people = [F.when(name.startswith(f"{PERSON}/"), name) for name in named]
    own = F.when(F.col("head.id") != "", F.concat(F.lit(f"{PERSON}/"), F.col("head.id")))
    return F.when(kind == PERSON, own).otherwise(F.coalesce(*people))


def matters(interpreting: Interpreting) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """For each text of codes, whether one of them asks for something that is interpreted; runs in Python, once for each text."""

    def asked(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            asks = interpreting.start().sieve.asks
            texts = batch.column("asks").to_pylist()
            found = [any(asks(code.encode()) for code in text.split(_BETWEEN) if code) for text in texts]
            yield pa.RecordBatch.from_pydict({"asks": texts, "matters": found})

    return asked


def text_of(read_types: frozenset[str]) -> Column:
    """What of each line goes on: all of it where it can matter, else as little as is needed to count it."""
    from pyspark.sql import functions as F  # noqa: N812 - As above.

    is_read = F.col("kind").isin(*read_types)
    holds_others = ~is_read & F.col("value").contains(CONTAINED.decode())
    is_whole = ~F.col("plain") | holds_others | (is_read & F.coalesce("matters", F.expr("true")))
    named = F.to_json(F.struct(F.col("kind").alias("resourceType"), F.when(F.col("id") != "", F.col("id")).alias("id")))
    return F.when(is_whole, F.col("value")).when(F.col("kind") == ASKING, _counted()).otherwise(named)


def _counted() -> Column:
    """An Observation that asks for nothing here, in the shape that lines.py gives it."""
    from pyspark.sql import functions as F  # noqa: N812 - As above.

    digest = F.hex(F.xxhash64("value"))
    rest = F.struct(
        F.col("kind").alias("resourceType"),
        F.when(F.col("id") != "", F.col("id")).alias("id"),
        F.col("head.meta").alias("meta"),
        F.when(F.col("head.subject.reference").isNotNull(), F.struct(F.col("head.subject.reference").alias("reference"))).alias("subject"),
        digest.alias("issued"),
    )
    parts = F.transform(
        F.col("head.component"), lambda part: F.concat(F.lit('{"code":'), F.coalesce(part["code"], F.lit("null")), F.lit("}"))
    )
    code = F.coalesce(F.concat(F.lit('"code":'), F.col("head.code"), F.lit(",")), F.lit(""))
    specimen = F.coalesce(F.concat(F.lit('"specimen":'), F.col("head.specimen"), F.lit(",")), F.lit(""))
    components = F.coalesce(F.concat(F.lit('"component":['), F.concat_ws(",", parts), F.lit("],")), F.lit(""))
    return F.concat(F.lit("{"), code, specimen, components, F.substring(F.to_json(rest), 2, 2_147_483_647))


def looked_at(interpreting: Interpreting) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What lines.py makes of the lines that the JVM was not sure about; runs in Python."""

    def look(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            sieve = interpreting.start().sieve
            looks = [sieve.look(bytes(value)) for value in batch.column("value").to_pylist()]
            made = {name: batch.column(name) for name in ("file", "line")}
            words = {name: pa.array([getattr(one, name) for one in looks], pa.string()) for name in ("kind", "id", "patient")}
            words["text"] = pa.array([one.text.decode() for one in looks], pa.string())
            words["aside"] = pa.array([one.aside or None for one in looks], pa.string())
            yield pa.RecordBatch.from_pydict(words | made)

    return look
