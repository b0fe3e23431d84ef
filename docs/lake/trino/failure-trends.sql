-- The report `failure-trends --by day` from a lake, in Trino (not tried there, see docs/beyond-one-machine.md).
--
--   trino --catalog lake --schema jobruns --output-format CSV_HEADER --file failure-trends.sql
--
-- The tables are those that iceberg_register.py registers: they have exactly the files of the manifest. What is requested
-- stands in the first lines: since is included, until is not.

WITH requested AS (
    SELECT
        'UTC' AS zone,
        CAST(NULL AS timestamp(6) with time zone) AS since, -- such as timestamp '2026-01-01 00:00:00 Asia/Kolkata'
        CAST(NULL AS timestamp(6) with time zone) AS until,
        false AS include_absent -- true also counts messages that their run no longer has
), selected AS (
    SELECT
        CAST(at_timezone(started_at, zone) AS date) AS period_start,
        job_id, job_name, status,
        if(include_absent, messages_held, messages_present) AS present,
        -- In ticks of 100 ns; all seven digits are in the text beside a time, where it has the seventh.
        CAST(
            date_diff('second', date_trunc('second', started_at), date_trunc('second', ended_at)) * 10000000
            + CAST(coalesce(substr(ended_at_exact, 21, 7), substr(CAST(ended_at AS varchar), 21, 6) || '0') AS bigint)
            - CAST(coalesce(substr(started_at_exact, 21, 7), substr(CAST(started_at AS varchar), 21, 6) || '0') AS bigint)
            AS decimal(20, 0)) AS ticks
    FROM runs CROSS JOIN requested
    WHERE (since IS NULL OR started_at >= since) AND (until IS NULL OR started_at < until)
), counted AS (
    SELECT
        period_start, job_id,
        max(job_name) AS job_name,
        count(*) AS runs,
        count_if(status = 4) AS completed,
        count_if(status = 5) AS faulted,
        count_if(status = 7) AS aborted,
        count_if(status BETWEEN 0 AND 3) AS unfinished,
        count_if(status IN (4, 5, 7)) AS finished,
        count_if(present > 0) AS runs_with_messages,
        sum(present) AS messages,
        sum(ticks) AS ticks,
        nullif(count(ticks), 0) * CAST(10000000 AS decimal(20, 0)) AS divisor,
        max(ticks) AS max_ticks
    FROM selected
    GROUP BY period_start, job_id
)
SELECT
    period_start, job_id, job_name, runs, completed, faulted, aborted, unfinished,
    runs - finished - unfinished AS other,
    -- A division of decimals without places rounds to the nearest, halves away from zero.
    CAST(CAST((faulted + aborted) * 10000 AS decimal(20, 0)) / CAST(nullif(finished, 0) AS decimal(20, 0)) AS decimal(9, 0))
        * 0.0001 AS failure_rate,
    runs_with_messages, messages,
    CAST(ticks * 10 / divisor AS decimal(20, 0)) * 0.1 AS mean_duration_seconds,
    regexp_replace(CAST(max_ticks * 0.0000001 AS varchar), '\.?0+$', '') AS max_duration_seconds
FROM counted
ORDER BY period_start NULLS LAST, job_id;
