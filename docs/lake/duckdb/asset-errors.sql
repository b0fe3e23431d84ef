-- The report `asset-errors` from a lake, in DuckDB (tried with 1.5 and 2.0).
--
--   duckdb -csv -nullvalue '' -cmd "SET VARIABLE lake = '/data/lake'" -f asset-errors.sql
--
-- Variables, each with its default: lake ('lake'), manifests ('_manifest.json'; 'site=*/_manifest.json' for all sites),
-- since and until (NULL; a date in the zone, or a time such as '2026-01-31T06:00:00+01:00'; since is included, until is
-- not), zone ('UTC'; an IANA name), include_absent (false; true also counts messages that their run no longer has).

SET VARIABLE lake = coalesce(getvariable('lake'), 'lake');
SET VARIABLE manifests = coalesce(getvariable('manifests'), '_manifest.json');
SET VARIABLE zone = coalesce(getvariable('zone'), 'UTC');
SET VARIABLE include_absent = coalesce(getvariable('include_absent'), false);
SET VARIABLE from_instant = CASE
    WHEN length(getvariable('since')) = 10 THEN getvariable('since')::TIMESTAMP AT TIME ZONE getvariable('zone')
    ELSE getvariable('since')::TIMESTAMPTZ END;
SET VARIABLE to_instant = CASE
    WHEN length(getvariable('until')) = 10 THEN getvariable('until')::TIMESTAMP AT TIME ZONE getvariable('zone')
    ELSE getvariable('until')::TIMESTAMPTZ END;
-- The files that the manifest names: while an export replaces files, globs see rows twice.
SET VARIABLE files = (
    SELECT list(getvariable('lake') || '/' || file.path)
    FROM (SELECT unnest(files) AS file FROM read_json(getvariable('lake') || '/' || getvariable('manifests')))
    WHERE file."table" = 'messages');

-- A time in ticks of 100 ns: its seventh digit stands in the text beside it, before the Z.
CREATE OR REPLACE TEMP MACRO ticks_of(instant, exact) AS
    10 * epoch_us(instant) + coalesce(substr(exact, -2, 1)::INT, 0);
CREATE OR REPLACE TEMP MACRO text_of(ticks) AS
    strftime(make_timestamp((ticks - CASE WHEN ticks < 0 THEN 9 ELSE 0 END) // 10), '%Y-%m-%dT%H:%M:%S')
        || regexp_replace(format('.{:07d}', (ticks % 10_000_000 + 10_000_000) % 10_000_000), '\.?0+$', '') || 'Z';

WITH selected AS (
    SELECT
        -- No text and an empty one are the same to the report.
        coalesce(asset, '') AS asset,
        coalesce(asset_type, '') AS asset_type,
        coalesce(asset_owner, '') AS asset_owner,
        lower(category) AS category,
        message, message_details, job_run_id, job_id,
        coalesce(ticks_of(occurred_at, occurred_at_exact), ticks_of(run_started_at, run_started_at_exact)) AS ticks
    FROM read_parquet(getvariable('files'), hive_partitioning = false)
    WHERE (absent_since IS NULL OR getvariable('include_absent'))
        AND (getvariable('from_instant') IS NULL
            OR coalesce(occurred_at, run_started_at) >= getvariable('from_instant'))
        AND (getvariable('to_instant') IS NULL
            OR coalesce(occurred_at, run_started_at) < getvariable('to_instant'))
), counted AS (
    SELECT
        asset, asset_type,
        -- That of the latest message; of several at that time the last one by bytes.
        max(row(coalesce(ticks, -9223372036854775808), asset_owner))[2] AS asset_owner,
        count(*) AS messages,
        count(*) FILTER (category = 'error') AS errors,
        count(*) FILTER (category = 'warning') AS warnings,
        count(*) FILTER (category IN ('information', 'info', 'informational')) AS information,
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
    SELECT asset, asset_type, message AS top_message
    FROM by_message
    QUALIFY row_number() OVER (PARTITION BY asset, asset_type ORDER BY messages DESC, message) = 1
), by_detail AS (
    SELECT asset, asset_type, message_details, count(*) AS messages
    FROM selected WHERE message_details <> ''
    GROUP BY asset, asset_type, message_details
), top_details AS (
    SELECT asset, asset_type, message_details AS top_detail
    FROM by_detail
    QUALIFY row_number() OVER (PARTITION BY asset, asset_type ORDER BY messages DESC, message_details) = 1
)
SELECT
    asset, asset_type, asset_owner, messages, errors, warnings, information,
    messages - errors - warnings - information AS other,
    runs, jobs,
    text_of(first_ticks) AS first_seen,
    text_of(last_ticks) AS last_seen,
    top_message, top_detail
FROM counted
LEFT JOIN top_messages USING (asset, asset_type)
LEFT JOIN top_details USING (asset, asset_type)
ORDER BY errors DESC, messages DESC, asset, asset_type;
