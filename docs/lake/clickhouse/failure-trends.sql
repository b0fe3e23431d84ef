-- The report `failure-trends --by day` from a lake, in ClickHouse (tried with 26.9).
--
--   clickhouse local --param_lake=/data/lake --param_manifests=_manifest.json --param_since= --param_until= \
--     --param_zone=UTC --param_include_absent=0 --format=CSVWithNames --queries-file=failure-trends.sql
--
-- manifests is 'site=*/_manifest.json' for all sites. since and until are empty, a date in the zone, or a time such as
-- 2026-01-31T06:00:00+01:00; since is included, until is not. include_absent=1 also counts messages that their run no
-- longer has. Days before 1900 and after 2299 are beyond ClickHouse's dates.

WITH listed AS (
    SELECT tupleElement(file, 'path') AS path, tupleElement(file, 'rows') AS rows
    FROM file(concat({lake:String}, '/', {manifests:String}), JSONEachRow,
        'files Array(Tuple(path String, "table" String, rows UInt64))')
    ARRAY JOIN files AS file
    WHERE tupleElement(file, 'table') = 'runs'
), found AS (
    SELECT count() AS rows
    FROM file(concat({lake:String}, '/runs/**/*.parquet'), Parquet)
    WHERE replaceRegexpOne(_path, '^.*/(runs/)', '\\1') IN (SELECT path FROM listed)
), selected AS (
    SELECT
        toDate32(started_at, {zone:String}) AS period_start,
        job_id, job_name, status,
        if({include_absent:UInt8}, messages_held, messages_present) AS present,
        -- In ticks of 100 ns. The seventh digit of a time stands in the text beside it, before the Z.
        toInt128(10 * (toUnixTimestamp64Micro(ended_at) - toUnixTimestamp64Micro(started_at))
            + toInt64(ifNull(substring(ended_at_exact, -2, 1), '0'))
            - toInt64(ifNull(substring(started_at_exact, -2, 1), '0'))) AS length
    FROM file(concat({lake:String}, '/runs/**/*.parquet'), Parquet)
    WHERE
        -- The files that the manifest names: while an export replaces files, globs see rows twice.
        replaceRegexpOne(_path, '^.*/(runs/)', '\\1') IN (SELECT path FROM listed)
        AND ({since:String} = '' OR started_at
            >= parseDateTime64BestEffort(if({since:String} = '', '1970-01-01', {since:String}), 6, {zone:String}))
        AND ({until:String} = '' OR started_at
            < parseDateTime64BestEffort(if({until:String} = '', '1970-01-01', {until:String}), 6, {zone:String}))
), counted AS (
    SELECT
        period_start, job_id,
        any(job_name) AS job_name,
        count() AS runs,
        countIf(status = 4) AS completed,
        countIf(status = 5) AS faulted,
        countIf(status = 7) AS aborted,
        countIf(status BETWEEN 0 AND 3) AS unfinished,
        completed + faulted + aborted AS finished,
        countIf(present > 0) AS runs_with_messages,
        sum(present) AS messages,
        sum(length) AS ticks,
        count(length) * toInt128(10000000) AS divisor,
        max(length) AS max_ticks
    FROM selected
    GROUP BY period_start, job_id
)
SELECT
    period_start, job_id, job_name, runs, completed, faulted, aborted, unfinished,
    runs - finished - unfinished AS other,
    -- Whole numbers divided as such: a Float64 would round some halves down.
    if(finished = 0, NULL, toDecimal128(intDiv(20000 * (faulted + aborted) + finished, 2 * greatest(finished, 1)), 0)
        * toDecimal128('0.0001', 4)) AS failure_rate,
    runs_with_messages, messages,
    if(divisor = 0, NULL, toDecimal128(sign(ticks) * intDiv(20 * abs(ticks) + divisor, 2 * greatest(divisor, 1)), 0)
        * toDecimal128('0.1', 1)) AS mean_duration_seconds,
    toString(toDecimal128(max_ticks, 0) * toDecimal128('0.0000001', 7)) AS max_duration_seconds
FROM counted
-- A file that was listed and is gone would be left out in silence.
WHERE 0 = (
    SELECT throwIf(rows <> (SELECT sum(rows) FROM listed), 'an export replaces files of the lake: ask again') FROM found)
ORDER BY period_start NULLS LAST, job_id
SETTINGS output_format_decimal_trailing_zeros = 1, format_csv_null_representation = '';
