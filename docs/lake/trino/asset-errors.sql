-- The report `asset-errors` from a lake, in Trino (not tried there, see docs/beyond-one-machine.md).
--
--   trino --catalog lake --schema jobruns --output-format CSV_HEADER --file asset-errors.sql
--
-- The tables are those that iceberg_register.py registers: they have exactly the files of the manifest. What is requested
-- stands in the first lines: since is included, until is not.

WITH requested AS (
    SELECT
        CAST(NULL AS timestamp(6) with time zone) AS since, -- such as timestamp '2026-01-01 00:00:00 Asia/Kolkata'
        CAST(NULL AS timestamp(6) with time zone) AS until,
        false AS include_absent -- true also counts messages that their run no longer has
), timed AS (
    SELECT
        -- No text and an empty one are the same to the report.
        coalesce(asset, '') AS asset,
        coalesce(asset_type, '') AS asset_type,
        coalesce(asset_owner, '') AS asset_owner,
        lower(category) AS category,
        message, message_details, job_run_id, job_id, absent_since,
        coalesce(occurred_at, run_started_at) AS at,
        if(occurred_at IS NULL, run_started_at_exact, occurred_at_exact) AS at_exact
    FROM messages
), selected AS (
    SELECT
        timed.*,
        -- In ticks of 100 ns; all seven digits are in the text beside a time, where it has the seventh.
        date_diff('second', timestamp '1970-01-01 00:00:00 UTC', date_trunc('second', at)) * 10000000
            + CAST(coalesce(substr(at_exact, 21, 7), substr(CAST(at AS varchar), 21, 6) || '0') AS bigint) AS ticks
    FROM timed CROSS JOIN requested
    WHERE (absent_since IS NULL OR include_absent)
        AND (since IS NULL OR at >= since)
        AND (until IS NULL OR at < until)
), counted AS (
    SELECT
        asset, asset_type,
        -- That of the latest message; of several at that time the last one by bytes.
        max_by(asset_owner, ROW(coalesce(ticks, -9223372036854775807), asset_owner)) AS asset_owner,
        count(*) AS messages,
        count_if(category = 'error') AS errors,
        count_if(category = 'warning') AS warnings,
        count_if(category IN ('information', 'info', 'informational')) AS information,
        count(DISTINCT job_run_id) AS runs,
        count(DISTINCT job_id) AS jobs,
        min(ticks) AS first_ticks,
        max(ticks) AS last_ticks,
        mod(mod(min(ticks), 10000000) + 10000000, 10000000) AS first_fraction,
        mod(mod(max(ticks), 10000000) + 10000000, 10000000) AS last_fraction
    FROM selected
    GROUP BY asset, asset_type
), by_message AS (
    SELECT asset, asset_type, message, count(*) AS messages
    FROM selected WHERE message <> ''
    GROUP BY asset, asset_type, message
), top_messages AS (
    SELECT asset, asset_type, min_by(message, ROW(-messages, message)) AS top_message
    FROM by_message
    GROUP BY asset, asset_type
), by_detail AS (
    SELECT asset, asset_type, message_details, count(*) AS messages
    FROM selected WHERE message_details <> ''
    GROUP BY asset, asset_type, message_details
), top_details AS (
    SELECT asset, asset_type, min_by(message_details, ROW(-messages, message_details)) AS top_detail
    FROM by_detail
    GROUP BY asset, asset_type
)
SELECT
    asset, asset_type, asset_owner, messages, errors, warnings, information,
    messages - errors - warnings - information AS other,
    runs, jobs,
    date_format(from_unixtime((first_ticks - first_fraction) / 10000000, 'UTC'), '%Y-%m-%dT%H:%i:%s')
        || regexp_replace('.' || lpad(CAST(first_fraction AS varchar), 7, '0'), '\.?0+$', '') || 'Z' AS first_seen,
    date_format(from_unixtime((last_ticks - last_fraction) / 10000000, 'UTC'), '%Y-%m-%dT%H:%i:%s')
        || regexp_replace('.' || lpad(CAST(last_fraction AS varchar), 7, '0'), '\.?0+$', '') || 'Z' AS last_seen,
    top_message, top_detail
FROM counted
LEFT JOIN top_messages USING (asset, asset_type)
LEFT JOIN top_details USING (asset, asset_type)
ORDER BY errors DESC, messages DESC, asset, asset_type;
