"""Compares the reports that engines make from a lake with those of jobruns, cell by cell.

    python compare.py jobruns.db /data/lake
    python compare.py jobruns.db /data/lake --engine duckdb --since 2026-01-01 --timezone Asia/Kolkata

Says of each engine and report how many rows were equal; ends with 1 where a cell differs. Engines that are not installed
here are named and left out. The lake must be up to date with the archive. ClickHouse is run as chdb, which is ClickHouse as a
Python package; Iceberg is a catalog in a temporary folder, whose tables DuckDB reads through PyArrow.
"""

import argparse
import csv
import importlib.util
import io
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def is_there(package):
    """Whether Python has a package; the folder `duckdb` beside this file is not one."""
    found = importlib.util.find_spec(package)
    return found is not None and found.origin is not None


def sql(engine, report):
    with open(os.path.join(HERE, engine, report + ".sql"), encoding="utf-8") as file:
        return file.read()


def rows_of(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def run(command):
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr.decode()}")
    return rows_of(done.stdout.decode())


def span(options):
    """The options that reports and scripts have alike."""
    given = [("--since", options.since), ("--until", options.until), ("--timezone", options.timezone)]
    flags = [word for name, value in given if value is not None for word in (name, value)]
    return flags + (["--include-absent"] if options.include_absent else [])


def lake_options(options):
    return ["--manifests", options.manifests] + span(options)


def jobruns(report, options):
    command = [options.jobruns, "report", report, "--archive", options.archive, "--format", "csv", "--no-guard"]
    return run(command + span(options))


def duckdb(report, options, replace=None):
    """`replace` is what stands for the lake's files: their text in the statement, and the rows instead."""
    import duckdb

    connection = duckdb.connect()
    values = {"lake": options.lake, "manifests": options.manifests, "zone": options.timezone}
    values |= {"since": options.since, "until": options.until}
    for name, value in values.items():
        if value is not None:
            connection.execute(f"SET VARIABLE {name} = $1", [value])
    connection.execute("SET VARIABLE include_absent = $1", [options.include_absent])
    # The session's zone must make no difference.
    connection.execute("SET TimeZone = 'Asia/Kolkata'")
    script = sql("duckdb", report)
    if replace is not None:
        text, rows = replace
        connection.register("registered", rows)
        assert text in script
        script = script.replace(text, "registered")
    for statement in duckdb.extract_statements(script):
        result = connection.execute(statement)
    names = [column[0] for column in result.description]
    return [names] + [["" if cell is None else str(cell) for cell in row] for row in result.fetchall()]


def polars(report, options):
    return run([sys.executable, os.path.join(HERE, "polars_reports.py"), report, options.lake] + lake_options(options))


def clickhouse(report, options):
    import chdb

    values = {
        "lake": options.lake,
        "manifests": options.manifests,
        "since": options.since or "",
        "until": options.until or "",
        "zone": options.timezone or "UTC",
        "include_absent": "1" if options.include_absent else "0",
    }
    return rows_of(chdb.query(sql("clickhouse", report), "CSVWithNames", params=values).bytes().decode())


def spark(report, options):
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "report.csv")
        command = [os.path.join(os.path.dirname(sys.executable), "spark-submit"), "--master", options.spark_master]
        command += ["--conf", "spark.sql.session.timeZone=Asia/Kolkata", "--conf", "spark.sql.shuffle.partitions=4"]
        command += ["--conf", "spark.ui.enabled=false", os.path.join(HERE, "spark_reports.py"), report]
        # spark-submit is found through the PATH of its own environment.
        os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
        run(command + [options.lake, output] + lake_options(options))
        with open(output, encoding="utf-8", newline="") as file:
            return rows_of(file.read())


def iceberg(report, options):
    import pyiceberg.catalog

    table = {"failure-trends": "runs", "asset-errors": "messages"}[report]
    with tempfile.TemporaryDirectory() as folder:
        properties = {"type": "sql", "uri": f"sqlite:///{folder}/catalog.db", "warehouse": f"file://{folder}"}
        command = [sys.executable, os.path.join(HERE, "iceberg_register.py"), options.lake, "--manifests", options.manifests]
        for name, value in properties.items():
            command += ["--property", f"{name}={value}"]
        # Twice: the second time the tables are there.
        run(command)
        run(command)
        rows = pyiceberg.catalog.load_catalog("lake", **properties).load_table(f"jobruns.{table}").scan().to_arrow()
        text = "read_parquet(getvariable('files'), hive_partitioning = false)"
        return duckdb(report, options, (text, rows))


ENGINES = {
    "duckdb": (duckdb, ["duckdb"]),
    "polars": (polars, ["polars"]),
    "clickhouse": (clickhouse, ["chdb"]),
    "spark": (spark, ["pyspark"]),
    "iceberg": (iceberg, ["pyiceberg", "pyarrow", "sqlalchemy", "duckdb"]),
}


def differs(engine, report, mine, theirs):
    if mine == theirs:
        print(f"{engine}: {report}: {len(mine) - 1} rows equal", flush=True)
        return False
    print(f"{engine}: {report}: {len(mine) - 1} rows, jobruns has {len(theirs) - 1}")
    pairs = [(a, b) for a, b in zip(mine, theirs) if a != b]
    for a, b in pairs[:3]:
        print(f"  {engine}: {a}\n  jobruns: {b}")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive")
    parser.add_argument("lake")
    parser.add_argument("--engine", action="append", choices=list(ENGINES), help="default: each that is installed")
    parser.add_argument("--manifests", default="_manifest.json", help="such as site=oslo/_manifest.json")
    parser.add_argument("--since")
    parser.add_argument("--until")
    parser.add_argument("--timezone")
    parser.add_argument("--include-absent", action="store_true")
    parser.add_argument("--jobruns", default="jobruns", help="the program")
    parser.add_argument("--spark-master", default="local-cluster[2,1,1024]", help="by default two workers here")
    options = parser.parse_args()
    options.lake = os.path.abspath(options.lake)
    expected = {report: jobruns(report, options) for report in ("failure-trends", "asset-errors")}
    has_difference = False
    for engine in options.engine or ENGINES:
        make, packages = ENGINES[engine]
        missing = [package for package in packages if not is_there(package)]
        if missing:
            print(f"{engine}: left out, Python has no {', '.join(missing)}", file=sys.stderr)
            continue
        for report, theirs in expected.items():
            has_difference |= differs(engine, report, make(report, options), theirs)
    sys.exit(1 if has_difference else 0)


main()
