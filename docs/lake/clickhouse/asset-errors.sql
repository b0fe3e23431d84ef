-- The report `asset-errors` from a lake, in ClickHouse (tried with 26.9).
--
--   clickhouse local --param_lake=/data/lake --param_manifests=_manifest.json --param_since= --param_until= \
--     --param_zone=UTC --param_include_absent=0 --format=CSVWithNames --queries-file=asset-errors.sql
--
-- manifests is 'site=*/_manifest.json' for all sites. since and until are empty, a date in the zone, or a time such as
-- 2026-01-31T06:00:00+01:00; since is included, until is not. include_absent=1 also counts messages that their run no
-- longer has. first_seen and last_seen before 1900 and after 2299 are beyond ClickHouse's dates.

WITH listed AS (
    SELECT tupleElement(file, 'path') AS path, tupleElement(file, 'rows') AS rows
    FROM file(concat({lake:String}, '/', {manifests:String}), JSONEachRow,
        'files Array(Tuple(path String, "table" String, rows UInt64))')
    ARRAY JOIN files AS file
    WHERE tupleElement(file, 'table') = 'messages'
), found AS (
    SELECT count() AS rows
    FROM file(concat({lake:String}, '/messages/**/*.parquet'), Parquet)
    WHERE replaceRegexpOne(_path, '^.*/(messages/)', '\\1') IN (SELECT path FROM listed)
), selected AS (
    SELECT
        -- No text and an empty one are the same to the report.
        ifNull(m.asset, '') AS asset,
        ifNull(m.asset_type, '') AS asset_type,
        ifNull(m.asset_owner, '') AS asset_owner,
        lower(m.category) AS category,
        message, message_details, job_run_id, job_id,
        -- In ticks of 100 ns. The seventh digit of a time stands in the text beside it, before the Z.
        if(occurred_at IS NULL,
            10 * toUnixTimestamp64Micro(run_started_at) + toInt64(ifNull(substring(run_started_at_exact, -2, 1), '0')),
            10 * toUnixTimestamp64Micro(occurred_at) + toInt64(ifNull(substring(occurred_at_exact, -2, 1), '0'))
        ) AS ticks
    FROM file(concat({lake:String}, '/messages/**/*.parquet'), Parquet) AS m
    WHERE
        -- The files that the manifest names: while an export replaces files, globs see rows twice.
        replaceRegexpOne(_path, '^.*/(messages/)', '\\1') IN (SELECT path FROM listed)
        AND (absent_since IS NULL OR {include_absent:UInt8})
        AND ({since:String} = '' OR coalesce(occurred_at, run_started_at)
            >= parseDateTime64BestEffort(if({since:String} = '', '1970-01-01', {since:String}), 6, {zone:String}))
        AND ({until:String} = '' OR coalesce(occurred_at, run_started_at)
            < parseDateTime64BestEffort(if({until:String} = '', '1970-01-01', {until:String}), 6, {zone:String}))
), counted AS (
    SELECT
        asset, asset_type,
        -- That of the latest message; of several at that time the last one by bytes.
        max((ifNull(ticks, toInt64(-9223372036854775808)), asset_owner)).2 AS owner,
        count() AS messages,
        countIf(category = 'error') AS errors,
        countIf(category = 'warning') AS warnings,
        countIf(category IN ('information', 'info', 'informational')) AS information,
        uniqExact(job_run_id) AS runs,
        uniqExact(job_id) AS jobs,
        min(ticks) AS first_ticks,
        max(ticks) AS last_ticks
    FROM selected
    GROUP BY asset, asset_type
), top_messages AS (
    SELECT asset, asset_type, message AS top_message
    FROM selected WHERE message <> ''
    GROUP BY asset, asset_type, message
    ORDER BY count() DESC, message
    LIMIT 1 BY asset, asset_type
), top_details AS (
    SELECT asset, asset_type, message_details AS top_detail
    FROM selected WHERE message_details <> ''
    GROUP BY asset, asset_type, message_details
    ORDER BY count() DESC, message_details
    LIMIT 1 BY asset, asset_type
)
SELECT
    asset, asset_type, owner AS asset_owner, messages, errors, warnings, information,
    messages - errors - warnings - information AS other,
    runs, jobs,
    formatDateTime(fromUnixTimestamp64Micro(intDiv(first_ticks - if(first_ticks < 0, 9, 0), 10), 'UTC'), '%FT%T')
        || replaceRegexpOne('.' || leftPad(toString(positiveModulo(first_ticks, 10000000)), 7, '0'), '\\.?0+$', '')
        || 'Z' AS first_seen,
    formatDateTime(fromUnixTimestamp64Micro(intDiv(last_ticks - if(last_ticks < 0, 9, 0), 10), 'UTC'), '%FT%T')
        || replaceRegexpOne('.' || leftPad(toString(positiveModulo(last_ticks, 10000000)), 7, '0'), '\\.?0+$', '')
        || 'Z' AS last_seen,
    top_message, top_detail
FROM counted
LEFT JOIN top_messages USING (asset, asset_type)
LEFT JOIN top_details USING (asset, asset_type)
-- A file that was listed and is gone would be left out in silence.
WHERE 0 = (
    SELECT throwIf(rows <> (SELECT sum(rows) FROM listed), 'an export replaces files of the lake: ask again') FROM found)
ORDER BY errors DESC, messages DESC, asset, asset_type
SETTINGS format_csv_null_representation = '';
