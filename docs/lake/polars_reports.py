"""The reports `failure-trends --by day` and `asset-errors` from a lake, in polars (tried with 2.1).

    python polars_reports.py failure-trends /data/lake > trends.csv
    python polars_reports.py asset-errors /data/lake --since 2026-01-01 --timezone Asia/Kolkata > assets.csv
"""

import argparse
import datetime
import glob
import json
import os
import sys
import zoneinfo

import polars as pl

BY_ASSET = ["asset", "asset_type"]
TICKS_PER_SECOND = 10_000_000


def files(lake, table, manifests):
    """The files that the manifests name: while an export replaces files, globs see rows twice."""
    found = []
    for manifest in glob.glob(os.path.join(lake, manifests)):
        with open(manifest, encoding="utf-8") as text:
            found += [os.path.join(lake, file["path"]) for file in json.load(text)["files"] if file["table"] == table]
    if not found:
        sys.exit(f"the manifests {os.path.join(lake, manifests)} name no file of the table {table}")
    return found


def instant(text, zone):
    """The time in UTC that --since or --until names: a date in the zone, or a time with an offset."""
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (at if at.tzinfo else at.replace(tzinfo=zoneinfo.ZoneInfo(zone))).astimezone(datetime.timezone.utc)


def within(at, options):
    """Whether a time lies in the span; no time does where there is a span."""
    inside = pl.lit(True)
    if options.since:
        inside &= at >= instant(options.since, options.timezone)
    if options.until:
        inside &= at < instant(options.until, options.timezone)
    return inside


def ticks(name):
    """A time in ticks of 100 ns: its seventh digit stands in the text beside it, before the Z."""
    digit = pl.col(name + "_exact").str.tail(2).str.head(1).cast(pl.Int64)
    return pl.col(name).dt.timestamp("us") * 10 + digit.fill_null(0)


def without_zeros(text):
    """`0.5000000` as `0.5`, `3600.0000000` as `3600`."""
    return text.str.replace(r"\.?0+$", "")


def decimal(units, places):
    """`units / 10^places` as text."""
    digits = units.abs().cast(pl.String).str.zfill(places + 1)
    sign = pl.when(units < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return sign + digits.str.head(-places) + "." + digits.str.tail(places)


def time(ticks):
    """A time in ticks as the text that the report has."""
    seconds = pl.from_epoch(ticks.floordiv(TICKS_PER_SECOND), time_unit="s").dt.strftime("%Y-%m-%dT%H:%M:%S")
    return seconds + without_zeros("." + (ticks % TICKS_PER_SECOND).cast(pl.String).str.zfill(7)) + "Z"


def failure_trends(runs, options):
    started = pl.col("started_at")
    status = pl.col("status")
    messages = pl.col("messages_held" if options.include_absent else "messages_present")
    # Sums of ticks may exceed 64 bits.
    length = (ticks("ended_at") - ticks("started_at")).cast(pl.Int128)
    failed, finished, timed = pl.col("faulted") + pl.col("aborted"), pl.col("finished"), pl.col("timed")
    counted = (
        runs.filter(within(started, options))
        .group_by(started.dt.convert_time_zone(options.timezone).dt.date().alias("period_start"), "job_id")
        .agg(
            pl.col("job_name").first(),
            runs=pl.len(),
            completed=(status == 4).sum(),
            faulted=(status == 5).sum(),
            aborted=(status == 7).sum(),
            unfinished=status.is_between(0, 3).sum(),
            finished=status.is_in([4, 5, 7]).sum(),
            runs_with_messages=(messages > 0).sum(),
            messages=messages.sum(),
            timed=length.count(),
            ticks=length.sum(),
            max_ticks=length.max(),
        )
        .with_columns(pl.col("runs", "faulted", "aborted", "unfinished", "finished", "timed").cast(pl.Int128))
    )
    # Whole numbers divided as such: floating-point numbers would round some halves down.
    divisor = timed * TICKS_PER_SECOND
    mean = pl.col("ticks").sign() * (20 * pl.col("ticks").abs() + divisor).floordiv(2 * divisor)
    rate = (20_000 * failed + finished).floordiv(2 * finished)
    return counted.sort("period_start", "job_id", nulls_last=True).select(
        "period_start", "job_id", "job_name", "runs", "completed", "faulted", "aborted", "unfinished",
        (pl.col("runs") - finished - pl.col("unfinished")).alias("other"),
        pl.when(finished > 0).then(decimal(rate, 4)).alias("failure_rate"),
        "runs_with_messages", "messages",
        pl.when(timed > 0).then(decimal(mean, 1)).alias("mean_duration_seconds"),
        without_zeros(decimal(pl.col("max_ticks"), 7)).alias("max_duration_seconds"),
    )


def most_frequent(messages, name, result):
    """The most frequent text of each asset, of equally frequent ones the first by bytes."""
    counted = messages.filter(pl.col(name) != "").group_by(*BY_ASSET, name).len()
    most = counted.filter(pl.col("len") == pl.col("len").max().over(BY_ASSET))
    return most.group_by(BY_ASSET).agg(pl.col(name).min().alias(result))


def asset_errors(messages, options):
    at = pl.coalesce("occurred_at", "run_started_at")
    is_counted = within(at, options)
    if not options.include_absent:
        is_counted &= pl.col("absent_since").is_null()
    category = pl.col("category").str.to_lowercase()
    # No text and an empty one are the same to the report.
    names = pl.col("asset", "asset_type", "asset_owner").fill_null("")
    selected = messages.filter(is_counted).select(
        names, "message", "message_details", "job_run_id", "job_id",
        category=category, ticks=pl.coalesce(ticks("occurred_at"), ticks("run_started_at")),
    )
    category, errors = pl.col("category"), pl.col("errors")
    at = pl.col("ticks")
    # That of the latest message; of several at that time the last one by bytes. Where none has a time, of all.
    owner = pl.col("asset_owner").filter((at == at.max()) | at.max().is_null()).max()
    counted = selected.group_by(BY_ASSET).agg(
        asset_owner=owner,
        messages=pl.len(),
        errors=(category == "error").sum(),
        warnings=(category == "warning").sum(),
        information=category.is_in(["information", "info", "informational"]).sum(),
        runs=pl.col("job_run_id").n_unique(),
        jobs=pl.col("job_id").n_unique(),
        first_ticks=at.min(),
        last_ticks=at.max(),
    )
    return (
        counted.join(most_frequent(selected, "message", "top_message"), on=BY_ASSET, how="left")
        .join(most_frequent(selected, "message_details", "top_detail"), on=BY_ASSET, how="left")
        .sort("errors", "messages", *BY_ASSET, descending=[True, True, False, False])
        .select(
            *BY_ASSET, "asset_owner", "messages", "errors", "warnings", "information",
            (pl.col("messages") - errors - pl.col("warnings") - pl.col("information")).alias("other"),
            "runs", "jobs",
            time(pl.col("first_ticks")).alias("first_seen"),
            time(pl.col("last_ticks")).alias("last_seen"),
            "top_message", "top_detail",
        )
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", choices=["failure-trends", "asset-errors"])
    parser.add_argument("lake", help="the folder of the lake")
    parser.add_argument("--manifests", default="_manifest.json", help="'site=*/_manifest.json' for all sites")
    parser.add_argument("--since", help="from this date in the zone, or time with offset, on")
    parser.add_argument("--until", help="before this date or time")
    parser.add_argument("--timezone", default="UTC", help="an IANA name")
    parser.add_argument("--include-absent", action="store_true", help="messages that their run no longer has, too")
    options = parser.parse_args()
    table, report = {"failure-trends": ("runs", failure_trends), "asset-errors": ("messages", asset_errors)}[options.report]
    rows = pl.scan_parquet(files(options.lake, table, options.manifests), hive_partitioning=False)
    sys.stdout.buffer.write(report(rows, options).collect().write_csv().encode())


main()
