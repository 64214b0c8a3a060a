"""How is a cohort interpreted on many machines? The same call for each patient, on Apache Spark.

The JVM reads, filters and groups the raw text; Python gets only what can matter, in Arrow batches, and answers one patient at a time.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from adapter.cohort.answering import answered
from adapter.cohort.folder import MANIFEST, not_read, wanted
from adapter.cohort.interpreting import Interpreting
from adapter.cohort.joining import kept, report
from adapter.cohort.lines import MOST_BYTES
from adapter.cohort.place import ASIDE, CASES, REPORT, RESULTS, Plan, Signature
from adapter.cohort.spark_grouping import Found, placed
from adapter.cohort.spark_lines import LOOKED_AT, lines, looked_at, matters, text_of
from adapter.cohort.table import schema
from adapter.cohort.trouble import Halted

if TYPE_CHECKING:
    import pyarrow as pa

Spark = Any
Frame = Any
_AT_ONCE = 64
_BLOCK_BYTES = 32 * 1024 * 1024
_WORK = ".work"
# The number of a line in its file: those in the blocks before, and the place in its own.
_LINE = "CAST(before + row - first + 1 AS BIGINT)"
# What Spark is asked for, unless the one who submits has said otherwise: blocks of one size, so that a place in a file has one name.
_ASKED_FOR = {
    "spark.sql.files.maxPartitionBytes": str(_BLOCK_BYTES),
    "spark.sql.files.openCostInBytes": str(_BLOCK_BYTES),
    "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",
}


@dataclass(frozen=True, slots=True)
class SparkOrder:
    """What is asked for; the places may be on any file system that the cluster knows."""

    source: str
    out: str
    interpreting: Interpreting
    signature: Signature
    issued: str
    master: str | None = None
    memory: str = "2GB"
    partitions: int | None = None
    anew: bool = False


def run(order: SparkOrder) -> dict[str, object]:
    """Interpret the whole folder; what the report says."""
    with _session(order) as spark:
        _prepare(spark, order)
        names, unread, paths = _inputs(spark, order.source)
        pieces = order.partitions or max(spark.sparkContext.defaultParallelism, _bytes(spark, paths) // _BLOCK_BYTES)
        spark.conf.set("spark.sql.shuffle.partitions", str(pieces))
        rows = _rows(spark, order, paths, pieces)
        found = placed(rows, order.interpreting.read_types)
        return _answered(spark, order, names, unread, rows, found)


@contextmanager
def _session(order: SparkOrder) -> Iterator[Spark]:
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("onco-adapter cohort")
    for name, value in _ASKED_FOR.items():
        builder = builder.config(name, value)
    if order.master:
        memory = order.memory.removesuffix("B").lower()
        if order.master.startswith("local"):
            # On this machine Python is the one that has the adapter; Spark itself would take whatever "python3" is.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = builder.master(order.master).config("spark.driver.memory", memory).config("spark.ui.enabled", "false")
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    try:
        yield spark
    except PySparkException as error:
        # What Spark says may quote a line of the input: only the kind of the trouble is told.
        condition = error.getCondition() if hasattr(error, "getCondition") else None
        raise Halted(
            f"Spark could not finish ({condition or type(error).__name__}); its own log says where. Start again with --anew"
        ) from None
    finally:
        spark.stop()


def _path(spark: Spark, place: str) -> tuple[Any, Any]:
    """The place and its file system, as Hadoop names them."""
    jvm, context = spark.sparkContext._jvm, spark.sparkContext._jsc  # noqa: SLF001 - The only door to Hadoop's file systems.
    path = jvm.org.apache.hadoop.fs.Path(place)
    return path, path.getFileSystem(context.hadoopConfiguration())


def _prepare(spark: Spark, order: SparkOrder) -> None:
    path, files = _path(spark, order.out)
    for name in (REPORT, RESULTS, CASES, ASIDE, _WORK):
        inner, _ = _path(spark, f"{order.out}/{name}")
        if files.exists(inner) and not order.anew:
            raise Halted(f"{order.out} holds a run. Choose another folder, or discard that run with --anew")
        files.delete(inner, True)  # noqa: FBT003 - A call of Java has no names: with all that is in it.
    if files.exists(path) and len(files.listStatus(path)):
        raise Halted(f"{order.out} is not empty and holds no run of ours; name a new folder")


def _inputs(spark: Spark, source: str) -> tuple[list[str], list[str], list[str]]:
    """The names of the files to read, the names of what else is there, and the addresses of the files."""
    path, files = _path(spark, source)
    if not files.exists(path) or not files.getFileStatus(path).isDirectory():
        raise Halted(f"{source} is no folder; name the folder that holds the NDJSON files of the export")
    listed = list(files.listStatus(path))
    found = {str(one.getPath().getName()): str(one.getPath().toString()) for one in listed if one.isFile()}
    manifest = _content(spark, found[MANIFEST]) if MANIFEST in found else None
    names = wanted(found, manifest, source)
    return names, not_read((str(one.getPath().getName()) for one in listed), names), [found[name] for name in names]


def _bytes(spark: Spark, paths: list[str]) -> int:
    return sum(int(files.getFileStatus(path).getLen()) for path, files in (_path(spark, one) for one in paths))


def _content(spark: Spark, address: str) -> bytes:
    rows = spark.read.text(address, wholetext=True).collect()
    return b"".join(str(row.value).encode() for row in rows)


def _rows(spark: Spark, order: SparkOrder, paths: list[str], pieces: int) -> Frame:
    """Each line once, with its number in its file and as much of its text as can matter, kept on disk between the steps."""
    from pyspark.sql import functions as F  # noqa: N812 - The name that everybody gives it.

    read_types = order.interpreting.read_types
    seen = lines(spark, paths, read_types)
    blocks = seen.groupBy("file", "block", "asks").agg(F.min("row").alias("first"), F.count("row").alias("size")).persist()
    asked = blocks.filter(F.col("asks").isNotNull() & (F.col("asks") != "read")).select("asks").distinct()
    known = asked.mapInArrow(matters(order.interpreting), "asks STRING, matters BOOLEAN")
    judged = seen.filter(~F.col("empty")).join(known, "asks", "left")
    place = f"{order.out}/{_WORK}/rows"
    kept_text = F.when(F.col("plain"), text_of(read_types))
    unsure = F.when(~F.col("plain"), F.col("value").cast("binary"))
    numbered = judged.join(F.broadcast(_begun(blocks)), ["file", "block"]).withColumn("line", F.expr(_LINE))
    columns = numbered.select("file", "line", "kind", "id", "patient", kept_text.alias("text"), unsure.alias("value"))
    columns.coalesce(pieces).write.parquet(place)
    return _looked_at(order, spark.read.parquet(place))


def _looked_at(order: SparkOrder, written: Frame) -> Frame:
    """The same where lines.py has looked at what the JVM was not sure about."""
    from pyspark.sql import functions as F  # noqa: N812 - As above.

    sure = written.filter(F.col("value").isNull()).withColumn("aside", F.lit(None).cast("string")).drop("value")
    doubtful = written.filter(F.col("value").isNotNull()).select("value", "file", "line")
    if doubtful.isEmpty():
        return sure
    return sure.unionByName(doubtful.mapInArrow(looked_at(order.interpreting), LOOKED_AT).persist())


def _begun(blocks: Frame) -> Frame:
    """For each block of a file the number of lines before it, and the mark of its first one."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F  # noqa: N812 - As above.

    whole = blocks.groupBy("file", "block").agg(F.min("first").alias("first"), F.sum("size").alias("size"))
    earlier = Window.partitionBy("file").orderBy("block").rowsBetween(Window.unboundedPreceding, -1)
    return whole.withColumn("before", F.coalesce(F.sum("size").over(earlier), F.lit(0)))


def _answered(spark: Spark, order: SparkOrder, names: list[str], unread: list[str], rows: Frame, found: Found) -> dict[str, object]:
    from pyspark import StorageLevel
    from pyspark.sql import functions as F  # noqa: N812 - As above.

    answers = _interpreted(order, found.placed).persist(StorageLevel.DISK_ONLY)
    answers.select("line").write.text(f"{order.out}/{RESULTS}")
    cases = answers.select(F.explode("cases").alias("case")).select("case.*")
    cases.write.parquet(f"{order.out}/{CASES}")
    refused = answers.filter(F.col("refused") != "").select("patient", "refused")
    reasons = _keep_aside(spark, order, found.aside, refused)
    read = F.col("kind").isin(*order.interpreting.read_types)
    idle = rows.filter(F.col("aside").isNull() & F.col("patient").isNull() & ~read).groupBy("kind").count().orderBy("kind")
    counted = {
        "lines": rows.count(),
        "patients": answers.count(),
        "passed_by": {str(row["kind"]): int(row["count"]) for row in idle.collect()},
    }
    cases_found = answers.select(F.sum(F.size("cases"))).first()[0] or 0
    said = report(Plan(order.signature, order.issued), counted, names, unread, cases_found, reasons)
    spark.createDataFrame([(json.dumps(said),)], "line STRING").coalesce(1).write.text(f"{order.out}/{REPORT}")
    path, files = _path(spark, f"{order.out}/{_WORK}")
    files.delete(path, True)  # noqa: FBT003 - A call of Java has no names.
    return said


def _interpreted(order: SparkOrder, mine: Frame) -> Frame:
    """The answers, in the order of the patients."""
    from pyspark.sql.pandas.types import from_arrow_schema

    grouped = mine.repartitionByRange("patient").sortWithinPartitions("patient", "file", "line")
    return grouped.select("patient", "text").mapInArrow(_answering(order.interpreting), from_arrow_schema(_answer_schema()))


def _answer_schema() -> pa.Schema:
    import pyarrow as pa

    cases = pa.list_(pa.struct([pa.field(one.name, one.type) for one in schema()]))
    return pa.schema([("patient", pa.string()), ("line", pa.string()), ("refused", pa.string()), ("cases", cases)])


def _answering(interpreting: Interpreting) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """One call for each patient; what Python gets stands sorted by patient."""

    def answer(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        rows = ((str(patient), str(text).encode()) for batch in batches for patient, text in _pairs(batch))
        made: list[dict[str, object]] = []
        for patient, one in answered(rows, interpreting.start()):
            made.append({"patient": patient, "line": one.line.decode(), "refused": one.refused, "cases": one.rows})
            if len(made) == _AT_ONCE:
                yield pa.RecordBatch.from_pylist(made, _answer_schema())
                made = []
        yield pa.RecordBatch.from_pylist(made, _answer_schema())

    return answer


def _pairs(batch: pa.RecordBatch) -> Iterator[tuple[object, object]]:
    return zip(batch.column("patient").to_pylist(), batch.column("text").to_pylist(), strict=True)


def _keep_aside(spark: Spark, order: SparkOrder, aside: Frame, refused: Frame) -> dict[str, int]:
    """Each line that was not used as it was sent, read once more from its file; nothing where there is none."""
    from pyspark.sql import functions as F  # noqa: N812 - As above.

    aside = aside.persist()
    reasons = {
        str(row["why"]): int(row["count"]) for row in aside.groupBy(F.substring_index("aside", ":", 1).alias("why")).count().collect()
    }
    gone = [(str(row.patient), str(row.refused)) for row in refused.collect()]
    if gone:
        reasons["refused-patient"] = len(gone)
    written = _texts(spark, order, aside) if reasons.keys() - {"refused-patient"} else spark.createDataFrame([], "line STRING")
    told = [(msgspec.json.encode({"patient": patient, "reason": f"refused-patient: {why}"}).decode(),) for patient, why in gone]
    written.unionByName(spark.createDataFrame(told, "line STRING")).coalesce(1).write.text(f"{order.out}/{ASIDE}")
    return reasons


def _texts(spark: Spark, order: SparkOrder, aside: Frame) -> Frame:
    from pyspark.sql import functions as F  # noqa: N812 - As above.

    _, _, paths = _inputs(spark, order.source)
    seen = lines(spark, paths, order.interpreting.read_types)
    blocks = seen.groupBy("file", "block").agg(F.min("row").alias("first"), F.count("row").alias("size"))
    numbered = seen.join(F.broadcast(_begun(blocks)), ["file", "block"])
    there = numbered.select("file", F.expr(_LINE).alias("line"), F.col("value").cast("binary"))
    found = there.join(F.broadcast(aside), ["file", "line"]).orderBy("file", "line")
    return found.select("file", "line", "aside", "value").mapInArrow(_kept, "line STRING")


def _kept(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    for batch in batches:
        made = [
            kept(row["file"], row["line"], row["aside"], bytes(row["value"])[:MOST_BYTES]).decode().rstrip("\n")
            for row in batch.to_pylist()
        ]
        yield pa.RecordBatch.from_pydict({"line": pa.array(made, pa.string())})
