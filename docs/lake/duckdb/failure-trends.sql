-- The report `failure-trends --by day` from a lake, in DuckDB (tried with 1.5 and 2.0).
--
--   duckdb -csv -nullvalue '' -cmd "SET VARIABLE lake = '/data/lake'" -f failure-trends.sql
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
    WHERE file."table" = 'runs');

-- A time in ticks of 100 ns: its seventh digit stands in the text beside it, before the Z.
CREATE OR REPLACE TEMP MACRO ticks_of(instant, exact) AS
    10 * epoch_us(instant) + coalesce(substr(exact, -2, 1)::INT, 0);

WITH selected AS (
    SELECT
        (started_at AT TIME ZONE getvariable('zone'))::DATE AS period_start,
        job_id, job_name, status,
        CASE WHEN getvariable('include_absent') THEN messages_held ELSE messages_present END AS messages,
        ticks_of(ended_at, ended_at_exact) - ticks_of(started_at, started_at_exact) AS ticks
    FROM read_parquet(getvariable('files'), hive_partitioning = false)
    WHERE (getvariable('from_instant') IS NULL OR started_at >= getvariable('from_instant'))
        AND (getvariable('to_instant') IS NULL OR started_at < getvariable('to_instant'))
), counted AS (
    SELECT
        period_start, job_id,
        any_value(job_name) AS job_name,
        count(*) AS runs,
        count(*) FILTER (status = 4) AS completed,
        count(*) FILTER (status = 5) AS faulted,
        count(*) FILTER (status = 7) AS aborted,
        count(*) FILTER (status BETWEEN 0 AND 3) AS unfinished,
        completed + faulted + aborted AS finished,
        count(*) FILTER (messages > 0) AS runs_with_messages,
        sum(messages) AS messages,
        sum(ticks) AS ticks,
        count(ticks) * 10_000_000::HUGEINT AS divisor,
        max(ticks) AS max_ticks
    FROM selected
    GROUP BY period_start, job_id
)
SELECT
    period_start, job_id, job_name, runs, completed, faulted, aborted, unfinished,
    runs - finished - unfinished AS other,
    -- Whole numbers divided as such: a DOUBLE would round some halves down.
    CASE WHEN finished > 0 THEN
        ((20_000 * (faulted + aborted) + finished) // (2 * finished))::DECIMAL(9, 0) * 0.0001 END AS failure_rate,
    runs_with_messages, messages,
    CASE WHEN divisor > 0 THEN
        (sign(ticks) * ((20 * abs(ticks) + divisor) // (2 * divisor)))::DECIMAL(30, 0) * 0.1 END AS mean_duration_seconds,
    regexp_replace((max_ticks::DECIMAL(30, 0) * 0.0000001)::VARCHAR, '\.?0+$', '') AS max_duration_seconds
FROM counted
ORDER BY period_start NULLS LAST, job_id;
