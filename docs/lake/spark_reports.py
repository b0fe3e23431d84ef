"""The reports `failure-trends --by day` and `asset-errors` from a lake, in Spark (tried with 4.3).

    spark-submit --master spark://host:7077 spark_reports.py failure-trends /data/lake trends.csv
    spark-submit --master yarn spark_reports.py asset-errors s3a://bucket/lake assets.csv --since 2026-01-01

The driver and all workers must reach the lake under the same path or address. The time zone of the session does not matter.
The driver writes the CSV file (spark-submit mixes warnings into standard output).
"""

import argparse
import contextlib
import csv
import datetime
import json
import sys
import zoneinfo

from pyspark.sql import SparkSession


def ticks(name):
    """A time in ticks of 100 ns: its seventh digit stands in the text beside it, before the Z."""
    return f"10 * unix_micros({name}) + coalesce(cast(substr({name}_exact, -2, 1) AS BIGINT), 0)"


def text(ticks):
    """A time in ticks as the text that the report has. Without a zone, or that of the session would be taken."""
    fraction = f"pmod({ticks}, 10000000L)"
    at = f"TIMESTAMP_NTZ'1970-01-01' + make_dt_interval(0, 0, 0, ({ticks} - {fraction}) div 10000000L)"
    digits = f"concat('.', lpad(cast({fraction} AS STRING), 7, '0'))"
    return f"concat(replace(cast({at} AS STRING), ' ', 'T'), regexp_replace({digits}, '[.]?0+$', ''), 'Z')"


FAILURE_TRENDS = f"""
WITH selected AS (
    SELECT
        cast(convert_timezone('UTC', :zone,
            TIMESTAMP_NTZ'1970-01-01' + make_dt_interval(0, 0, 0, unix_seconds(started_at))) AS DATE) AS period_start,
        job_id, job_name, status,
        CASE WHEN :include_absent THEN messages_held ELSE messages_present END AS present,
        cast({ticks("ended_at")} - ({ticks("started_at")}) AS DECIMAL(20, 0)) AS length
    FROM lake_rows
    WHERE (:since IS NULL OR started_at >= :since) AND (:until IS NULL OR started_at < :until)
), counted AS (
    SELECT
        period_start, job_id,
        any_value(job_name) AS job_name,
        count(*) AS runs,
        count_if(status = 4) AS completed,
        count_if(status = 5) AS faulted,
        count_if(status = 7) AS aborted,
        count_if(status BETWEEN 0 AND 3) AS unfinished,
        count_if(status IN (4, 5, 7)) AS finished,
        count_if(present > 0) AS runs_with_messages,
        sum(present) AS messages,
        sum(length) AS ticks,
        nullif(count(length), 0) * 10000000L AS divisor,
        max(length) AS max_ticks
    FROM selected
    GROUP BY period_start, job_id
)
SELECT
    period_start, job_id, job_name, runs, completed, faulted, aborted, unfinished,
    runs - finished - unfinished AS other,
    -- Whole numbers divided as such: a DOUBLE would round some halves down.
    cast((20000 * (faulted + aborted) + finished) div (2 * nullif(finished, 0)) AS DECIMAL(9, 0)) * 0.0001BD AS failure_rate,
    runs_with_messages, messages,
    cast(sign(ticks) * ((20 * abs(ticks) + divisor) div (2 * divisor)) AS DECIMAL(20, 0)) * 0.1BD AS mean_duration_seconds,
    regexp_replace(cast(max_ticks * 0.0000001BD AS STRING), '[.]?0+$', '') AS max_duration_seconds
FROM counted
ORDER BY period_start NULLS LAST, job_id
"""

ASSET_ERRORS = f"""
WITH selected AS (
    SELECT
        -- No text and an empty one are the same to the report.
        coalesce(asset, '') AS asset,
        coalesce(asset_type, '') AS asset_type,
        coalesce(asset_owner, '') AS asset_owner,
        lower(category) AS category,
        message, message_details, job_run_id, job_id,
        coalesce({ticks("occurred_at")}, {ticks("run_started_at")}) AS ticks
    FROM lake_rows
    WHERE (absent_since IS NULL OR :include_absent)
        AND (:since IS NULL OR coalesce(occurred_at, run_started_at) >= :since)
        AND (:until IS NULL OR coalesce(occurred_at, run_started_at) < :until)
), counted AS (
    SELECT
        asset, asset_type,
        -- That of the latest message; of several at that time the last one by bytes.
        max(struct(coalesce(ticks, -9223372036854775807L) AS ticks, asset_owner)).asset_owner AS asset_owner,
        count(*) AS messages,
        count_if(category = 'error') AS errors,
        count_if(category = 'warning') AS warnings,
        count_if(category IN ('information', 'info', 'informational')) AS information,
        count(DISTINCT job_run_id) AS runs,
        count(DISTINCT job_id) AS jobs,
        min(ticks) AS first_ticks,
        max(ticks) AS last_ticks
    FROM selected
    GROUP BY asset, asset_type
), by_message AS (
    SELECT asset, asset_type, message, count(*) AS messages
    FROM selected WHERE message <> ''
    GROUP BY asset, asset_type, message
), top_messages AS (
    SELECT asset, asset_type, min_by(message, struct(-messages, message)) AS top_message
    FROM by_message
    GROUP BY asset, asset_type
), by_detail AS (
    SELECT asset, asset_type, message_details, count(*) AS messages
    FROM selected WHERE message_details <> ''
    GROUP BY asset, asset_type, message_details
), top_details AS (
    SELECT asset, asset_type, min_by(message_details, struct(-messages, message_details)) AS top_detail
    FROM by_detail
    GROUP BY asset, asset_type
)
SELECT
    asset, asset_type, asset_owner, messages, errors, warnings, information,
    messages - errors - warnings - information AS other,
    runs, jobs,
    {text("first_ticks")} AS first_seen,
    {text("last_ticks")} AS last_seen,
    top_message, top_detail
FROM counted
LEFT JOIN top_messages USING (asset, asset_type)
LEFT JOIN top_details USING (asset, asset_type)
ORDER BY errors DESC, messages DESC, asset, asset_type
"""

REPORTS = {"failure-trends": ("runs", FAILURE_TRENDS), "asset-errors": ("messages", ASSET_ERRORS)}


def files(spark, lake, table, manifests):
    """The files that the manifests name: while an export replaces files, globs see rows twice."""
    # Spark's own readers leave out files whose name begins with an underscore.
    java = spark.sparkContext._jvm
    pattern = java.org.apache.hadoop.fs.Path(f"{lake}/{manifests}")
    system = pattern.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    entries = []
    for status in system.globStatus(pattern) or []:
        with contextlib.closing(system.open(status.getPath())) as stream:
            entries += json.loads(java.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))["files"]
    found = [f"{lake}/{file['path']}" for file in entries if file["table"] == table]
    if not found:
        sys.exit(f"the manifests {lake}/{manifests} name no file of the table {table}")
    return found


def instant(text, zone):
    """The time in UTC that --since or --until names: a date in the zone, or a time with an offset."""
    if text is None:
        return None
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (at if at.tzinfo else at.replace(tzinfo=zoneinfo.ZoneInfo(zone))).astimezone(datetime.timezone.utc)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", choices=list(REPORTS))
    parser.add_argument("lake", help="the folder or address of the lake")
    parser.add_argument("output", help="the CSV file to write")
    parser.add_argument("--manifests", default="_manifest.json", help="'site=*/_manifest.json' for all sites")
    parser.add_argument("--since", help="from this date in the zone, or time with offset, on")
    parser.add_argument("--until", help="before this date or time")
    parser.add_argument("--timezone", default="UTC", help="an IANA name")
    parser.add_argument("--include-absent", action="store_true", help="messages that their run no longer has, too")
    options = parser.parse_args()
    table, query = REPORTS[options.report]
    spark = SparkSession.builder.appName(f"jobruns {options.report}").getOrCreate()
    # Other programs than Spark never write times by the Julian calendar.
    spark.conf.set("spark.sql.parquet.datetimeRebaseModeInRead", "CORRECTED")
    paths = files(spark, options.lake, table, options.manifests)
    spark.read.parquet(*paths).createOrReplaceTempView("lake_rows")
    values = {
        "since": instant(options.since, options.timezone),
        "until": instant(options.until, options.timezone),
        "include_absent": options.include_absent,
    }
    if table == "runs":
        values["zone"] = options.timezone
    report = spark.sql(query, args=values)
    with open(options.output, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(report.columns)
        out.writerows(report.toLocalIterator())
    spark.stop()


main()
