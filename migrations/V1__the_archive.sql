-- The archive, first version.
--
-- Two layers. Plural names (jobs, runs, messages, assets, run_revisions, quarantine, syncs, sync_jobs, holds, removed_runs,
-- job_statuses) are for analysts: GUIDs and UTC times as text, names resolved, stable. Names that begin with an underscore (_job, _run,
-- _message, ...), and ledger, payload and dictionary, are internal storage: integer keys, each GUID once, times as
-- integers. Query the plural ones.
--
-- The comments are what `jobruns schema` prints: above a table what a row is, at a column of a plural name its unit, a
-- colon, what it means, and from `; NULL` on when it is NULL.
--
-- What decided the layout, for ten years and a hundred million messages:
--   * Messages are clustered by run and position. They hold four small integers instead of their texts, so counting
--     over all of them reads few pages. The index by asset begins with a block of 512 runs: a new message then changes
--     a page of the newest block, which is in the cache, and not one anywhere in an index of the whole history. A query
--     by asset looks once into each block (a skip-scan).
--   * SQLite's planner chooses by statistics, and by guesses without any. Fixed ones are shipped, so that each archive
--     has the same plans; those that another tool's ANALYZE writes are replaced by the next sync.
--   * Texts that repeat are stored once. Assets with type and owner, and messages with category, are looked up by an
--     index where the writer's memory does not have them, so each is one row however many there are. Details are stored
--     once as far as a bounded memory can tell: one that it has forgotten is stored again, and nothing depends on its
--     not being. An index of them would cost a random write for each new one, and half of them may be unique.
--   * Server times are ticks of 100 ns since 1970-01-01T00:00:00Z (column names end in _ticks), the unit of .NET's
--     DateTime, so nothing is rounded. The archive's own times are whole seconds since then (names end in _unix).
--   * A run keeps the SHA-256 of its bytes as last seen (an unchanged run is known by that alone) beside an
--     order-blind hash of its content (a server that writes fields or messages in another order changes nothing).
--   * Payloads are Zstandard frames (RFC 8878) with runs of the same job as dictionary; Python reads them with its
--     standard library from 3.14 on. Deflate, which any Python reads, was measured: 15 % larger and half as quick. The
--     reader's version and the zone of times without offset stand in the ledger entry of each revision.
--   * Results of jobs of which nothing was new are by far the most rows of a sync's record (500 jobs every quarter of
--     an hour for ten years are 175 million); they have a narrow table of their own.
--   * Foreign keys are declared, and checked by `jobruns verify` rather than at each row: checking them at each of
--     748,000 messages doubles the time of an insert.

-- What the archive is. One row.
CREATE TABLE _archive (
    only        INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),        -- always 1
    archive_id  TEXT    NOT NULL,     -- GUID drawn when the archive was made; the first ledger entry names it
    made_unix   INTEGER NOT NULL,     -- when, seconds since 1970 UTC
    naive_time  TEXT,                 -- zone in which times without offset are read: `utc` or an IANA name; NULL before the first sync
    zone_rules  BLOB,                 -- SHA-256 of the rules of that zone, a row of _zone_rules; NULL for UTC
    zone_release TEXT                 -- release of the IANA time zone database that they come from; NULL for UTC
) STRICT;

-- Rules of time zones by which times without offset are read, so that every machine reads them alike.
CREATE TABLE _zone_rules (
    sha256   BLOB NOT NULL,           -- of tzif; lines naive-time and reindexed of the ledger name it
    zone     TEXT NOT NULL,           -- IANA name
    release  TEXT NOT NULL,           -- release of the IANA time zone database that they come from, such as 2026f; the same lines name it
    tzif     BLOB NOT NULL,           -- a TZif file (RFC 9636)
    PRIMARY KEY (sha256, zone, release)
) STRICT, WITHOUT ROWID;

-- The append-only ledger: what the archive claims, one line of text an entry; docs/evidence.md gives the exact bytes.
CREATE TABLE ledger (
    entry_id    INTEGER NOT NULL PRIMARY KEY,                        -- 1, 2, 3, ... without a gap
    entry       TEXT    NOT NULL,                                    -- the line: a kind, then key=value words
    entry_hash  BLOB    NOT NULL CHECK (length(entry_hash) = 32)     -- SHA-256(hash of the entry before || the line as UTF-8); 32 zero bytes before the first
) STRICT;

-- Reasons that people gave: the texts of the words `why=` of the ledger's lines about published heads that were given up,
-- holds, and runs that were removed.
CREATE TABLE _reason (
    why_sha256  BLOB    NOT NULL PRIMARY KEY CHECK (length(why_sha256) = 32),  -- SHA-256 of the text, as the ledger names it
    why         TEXT    NOT NULL                                      -- the reason that was given
) STRICT, WITHOUT ROWID;

-- Who acted: the texts of the words `by=` of the ledger's lines.
CREATE TABLE _actor (
    by_sha256   BLOB    NOT NULL PRIMARY KEY CHECK (length(by_sha256) = 32),  -- SHA-256 of the text, as the ledger names it
    actor       TEXT    NOT NULL                                      -- user and computer, as the operating system named them: user@host
) STRICT, WITHOUT ROWID;

-- Where the chain of each job stands: of the ledger's lines that tell of it, and of what each sync found of it.
CREATE TABLE _chain (
    job_key     INTEGER NOT NULL PRIMARY KEY,                         -- of the job; 0: of the lines that tell of every job, with which the chain of a new job begins
    lines       INTEGER NOT NULL,                                     -- how many
    hash        BLOB    NOT NULL CHECK (length(hash) = 32)            -- SHA-256(hash before || the line as UTF-8); 32 zero bytes before the first
) STRICT;

-- The servers that answered, by base URL.
CREATE TABLE _server (
    server_key  INTEGER NOT NULL PRIMARY KEY,                         -- 1, 2, 3, ...
    url         TEXT    NOT NULL UNIQUE                               -- base URL
) STRICT;

-- A job.
CREATE TABLE _job (
    job_key           INTEGER NOT NULL PRIMARY KEY,                   -- 1, 2, 3, ...
    job_id            TEXT    NOT NULL UNIQUE,                        -- JobID: GUID, lower case with hyphens
    name              TEXT,                                           -- its name; NULL while it is not known
    server_key        INTEGER REFERENCES _server (server_key),         -- the server that answered last; NULL before the first answer
    watched           INTEGER NOT NULL CHECK (watched IN (0, 1)),     -- 1: a sync without named jobs asks for it
    first_seen_unix   INTEGER NOT NULL,                               -- when the archive first knew of it, seconds since 1970 UTC
    last_synced_unix  INTEGER,                                        -- end of the last sync in which it was complete with count=0
    last_answered_unix INTEGER,                                       -- end of the last sync in which it was complete with --fetch full or auto
    last_error        TEXT,                                           -- why its last sync was not complete; NULL where it was
    total_job_runs    INTEGER,                                        -- TotalJobRuns of the last complete count=0 answer that had it
    watch_origin      TEXT CHECK (watch_origin IN ('asked', 'jobs_file', 'removed')),  -- asked: a person or a sync watches it; jobs_file: jobs files alone do; removed: a person ended it; NULL: not known
    name_given        INTEGER NOT NULL DEFAULT 0 CHECK (name_given IN (0, 1)),         -- 1: a person gave the name; 0: it is the server's
    name_since_unix   INTEGER                                         -- since when it has its name, seconds since 1970 UTC; NULL where that is not known
) STRICT;

-- The names that a job had before. No line of the ledger tells them but by their hashes.
CREATE TABLE _former_name (
    former_key        INTEGER NOT NULL PRIMARY KEY,                   -- 1, 2, 3, ...
    job_key           INTEGER NOT NULL REFERENCES _job (job_key),
    name              TEXT    NOT NULL,                               -- the name
    since_unix        INTEGER,                                        -- since when, seconds since 1970 UTC; NULL where that is not known
    until_unix        INTEGER NOT NULL                                -- until when, seconds since 1970 UTC
) STRICT;

-- The jobs of each jobs file, or of a config file's [[server]] entry, as it was when a sync read it last. Not sealed by the ledger; what follows from it is.
CREATE TABLE _jobs_file (
    path              TEXT    NOT NULL,                               -- the absolute path of the file; of a [[server]] entry that of the config file, `#` and its name
    job_key           INTEGER NOT NULL REFERENCES _job (job_key),
    PRIMARY KEY (path, job_key)
) STRICT, WITHOUT ROWID;

-- The servers that told which jobs they have. Not sealed by the ledger.
CREATE TABLE _job_list (
    server            TEXT    NOT NULL PRIMARY KEY,                   -- base URL
    listed_unix       INTEGER NOT NULL                                -- when it told that last, seconds since 1970 UTC
) STRICT, WITHOUT ROWID;

-- The jobs that a server has, as it told last. Not sealed by the ledger.
CREATE TABLE _listed_job (
    server            TEXT    NOT NULL REFERENCES _job_list (server), -- base URL
    job_id            TEXT    NOT NULL,                               -- JobID: GUID, lower case with hyphens
    name              TEXT    NOT NULL,                               -- JobName
    PRIMARY KEY (server, job_id)
) STRICT, WITHOUT ROWID;

-- Syncs, one row each; totals are the sums over the jobs.
CREATE TABLE _sync (
    sync_id           INTEGER NOT NULL PRIMARY KEY,                   -- 1, 2, 3, ...
    started_unix      INTEGER NOT NULL,                               -- seconds since 1970 UTC
    finished_unix     INTEGER,                                        -- seconds since 1970 UTC; NULL while it runs, and for ever where it was killed
    outcome           TEXT CHECK (outcome IN ('complete', 'partial', 'failed', 'interrupted')),  -- complete, partial, failed or interrupted; NULL while it runs
    count_asked       INTEGER,                                        -- 0: every run of each job; N: the latest N; NULL: --fetch auto, each job by its result
    process_id        INTEGER NOT NULL,                               -- of the process that ran it, to name the holder of the lock
    tool_version      TEXT    NOT NULL,                               -- version of jobruns that ran it
    head              BLOB CHECK (length(head) = 32),                 -- the ledger's last entry_hash when the sync ended, its own end included
    attempts          INTEGER NOT NULL DEFAULT 0,                     -- questions for runs that were put to the server
    runs_seen         INTEGER NOT NULL DEFAULT 0,                     -- elements of JobStatusInfo that were read
    runs_new          INTEGER NOT NULL DEFAULT 0,                     -- runs that the archive did not have
    runs_changed      INTEGER NOT NULL DEFAULT 0,                     -- runs of which a new revision was archived
    runs_unchanged    INTEGER NOT NULL DEFAULT 0,                     -- runs that were as archived
    runs_quarantined  INTEGER NOT NULL DEFAULT 0,                     -- runs of which anything is in quarantine
    runs_absent       INTEGER NOT NULL DEFAULT 0,                     -- runs newly marked absent
    messages_new      INTEGER NOT NULL DEFAULT 0,                     -- messages that the archive did not have
    body_bytes        INTEGER NOT NULL DEFAULT 0,                     -- bytes of the answers' bodies, unpacked
    milliseconds      INTEGER NOT NULL DEFAULT 0,                     -- wall time of the jobs, summed
    clock_skew_seconds INTEGER                                        -- this machine's clock less the server's; NULL where the server did not tell the time
) STRICT;

-- What a sync found of a job, where that is more than in sync_job_unchanged.
CREATE TABLE _sync_job (
    sync_id           INTEGER NOT NULL REFERENCES _sync (sync_id),
    job_key           INTEGER NOT NULL REFERENCES _job (job_key),
    outcome           TEXT    NOT NULL CHECK (outcome IN ('complete', 'partial', 'failed')),  -- complete, partial or failed
    error             TEXT,                                           -- why it was not complete; NULL where it was
    http_status       INTEGER,                                        -- of the last answer; NULL where none came
    attempts          INTEGER NOT NULL,                               -- questions for runs that were put to the server
    runs_seen         INTEGER NOT NULL,                               -- elements of JobStatusInfo that were read
    runs_new          INTEGER NOT NULL,                               -- runs that the archive did not have
    runs_changed      INTEGER NOT NULL,                               -- runs of which a new revision was archived
    runs_unchanged    INTEGER NOT NULL,                               -- runs that were as archived
    runs_quarantined  INTEGER NOT NULL,                               -- runs of which anything is in quarantine
    runs_absent       INTEGER NOT NULL,                               -- runs newly marked absent
    messages_new      INTEGER NOT NULL,                               -- messages that the archive did not have
    body_bytes        INTEGER NOT NULL,                               -- of the answers' bodies, unpacked
    milliseconds      INTEGER NOT NULL,                               -- wall time
    total_job_runs    INTEGER,                                        -- TotalJobRuns as the answer said; NULL where it did not
    count_asked       INTEGER,                                        -- 0: every run was asked for; N: the latest N; NULL where it was not asked
    PRIMARY KEY (sync_id, job_key)
) STRICT, WITHOUT ROWID;

-- Results of jobs that were complete at the first attempt with status 200 and a TotalJobRuns, and had only unchanged runs.
CREATE TABLE _sync_job_unchanged (
    sync_id           INTEGER NOT NULL REFERENCES _sync (sync_id),
    job_key           INTEGER NOT NULL REFERENCES _job (job_key),
    runs_seen         INTEGER NOT NULL,                               -- elements of JobStatusInfo that were read
    body_bytes        INTEGER NOT NULL,                               -- bytes of the answers' bodies, unpacked
    milliseconds      INTEGER NOT NULL,                               -- wall time
    count_asked       INTEGER NOT NULL,                               -- 0: every run was asked for; N: the latest N
    other_total       INTEGER,                                        -- TotalJobRuns where it is not runs_seen; NULL where it is
    PRIMARY KEY (sync_id, job_key)
) STRICT, WITHOUT ROWID;

-- A status code of the API document.
CREATE TABLE job_statuses (
    status       INTEGER NOT NULL PRIMARY KEY,                        -- code: Status of the server
    status_name  TEXT    NOT NULL UNIQUE,                             -- text: its name in the API document
    is_final     INTEGER NOT NULL CHECK (is_final IN (0, 1)),         -- 0 or 1: whether a run with it no longer changes by itself
    is_failure   INTEGER NOT NULL CHECK (is_failure IN (0, 1))        -- 0 or 1: whether a run with it has failed
) STRICT;

INSERT INTO job_statuses (status, status_name, is_final, is_failure) VALUES
    (0, 'None', 0, 0), (1, 'Pending', 0, 0), (2, 'Executing', 0, 0), (3, 'Idle', 0, 0),
    (4, 'Completed', 1, 0), (5, 'Faulted', 1, 1), (6, 'Custom', 1, 0), (7, 'Aborted', 1, 1);

-- A run, in its latest state.
CREATE TABLE _run (
    run_key               INTEGER NOT NULL PRIMARY KEY,               -- 1, 2, 3, ...
    job_run_id            TEXT    NOT NULL UNIQUE,                    -- JobRunID: GUID, lower case with hyphens
    job_key               INTEGER NOT NULL REFERENCES _job (job_key),  -- the job that had it first
    status                INTEGER,                                    -- Status; NULL where it is neither number nor name
    started_ticks         INTEGER,                                    -- JobStartTime, 100 ns since 1970 UTC; NULL where there is none
    ended_ticks           INTEGER,                                    -- JobEndTime, likewise
    started_assumed       INTEGER CHECK (started_assumed IN (0, 1)),  -- 1: the server wrote no offset; NULL without a time
    ended_assumed         INTEGER CHECK (ended_assumed IN (0, 1)),    -- likewise
    started_at_raw        TEXT,                                       -- as sent
    ended_at_raw          TEXT,                                       -- as sent
    exception             TEXT,                                       -- Exception
    custom_status_text    TEXT,                                       -- CustomStatusText
    job_summary           TEXT,                                       -- JobSummary
    status_details        TEXT,                                       -- StatusDetails
    activity_status_list  TEXT,                                       -- JSON text
    message_count         INTEGER,                                    -- MessageCount as the server says
    has_message_list      INTEGER NOT NULL CHECK (has_message_list IN (0, 1)),  -- 0: the latest answer had no list, which says nothing about messages
    unreadable_messages   INTEGER NOT NULL,                           -- messages of the latest answer that went to quarantine
    messages_present      INTEGER NOT NULL,                           -- messages held that the run still has
    messages_held         INTEGER NOT NULL,                           -- all messages held, absent ones too
    messages_without_time INTEGER NOT NULL,                           -- those of them that have no time
    first_message_ticks   INTEGER,                                    -- the least time of those held; NULL where none has one
    last_message_ticks    INTEGER,                                    -- the greatest, likewise
    revision              INTEGER NOT NULL CHECK (revision >= 1),     -- 1: never changed
    first_seen_unix       INTEGER NOT NULL,                           -- seconds since 1970 UTC
    last_changed_unix     INTEGER NOT NULL,                           -- when the latest revision was archived
    absent_since_unix     INTEGER,                                    -- since when it is gone; NULL while the server still lists it
    seen_sha256           BLOB    NOT NULL CHECK (length(seen_sha256) = 32),     -- of the bytes as last received
    content_sha256        BLOB    CHECK (length(content_sha256) = 32), -- order-blind, of the latest revision; NULL until it was needed
    -- The text that analysts compare with, so that an index can answer.
    started_at            TEXT GENERATED ALWAYS AS (
        strftime('%Y-%m-%dT%H:%M:%S', (started_ticks - (started_ticks % 10000000 + 10000000) % 10000000) / 10000000, 'unixepoch')
        || CASE WHEN started_ticks % 10000000 = 0 THEN 'Z'
                ELSE '.' || rtrim(printf('%07d', (started_ticks % 10000000 + 10000000) % 10000000), '0') || 'Z' END) VIRTUAL
) STRICT;

-- Runs of a job, in order of time. It has the times of their messages, so that nothing else is read to find the runs
-- with messages of a span.
CREATE INDEX run_by_job ON _run (job_key, started_ticks, messages_without_time, first_message_ticks, last_message_ticks);
-- Runs of a span of time, over all jobs.
CREATE INDEX run_by_start ON _run (started_at);
-- Runs that the server no longer lists, by job: their ages at that time tell its purge age.
CREATE INDEX run_absent ON _run (job_key, started_ticks, absent_since_unix) WHERE absent_since_unix IS NOT NULL;

-- Message text with its category.
CREATE TABLE _message_kind (
    kind_key  INTEGER NOT NULL PRIMARY KEY,                           -- 1, 2, 3, ...
    message   TEXT,                                                   -- Message
    category  TEXT                                                    -- Category
) STRICT;

-- Finds the row of given texts.
CREATE INDEX message_kind_by_text ON _message_kind (message, category);

-- Asset with its type and the owner of the time.
CREATE TABLE _asset (
    asset_key    INTEGER NOT NULL PRIMARY KEY,                        -- 1, 2, 3, ...
    asset        TEXT,                                                -- Asset
    asset_type   TEXT,                                                -- AssetType
    asset_owner  TEXT,                                                -- AssetOwner
    asset_name   TEXT GENERATED ALWAYS AS (nullif(asset, '')) VIRTUAL,      -- as the view assets counts: NULL and '' are one
    type_name    TEXT GENERATED ALWAYS AS (nullif(asset_type, '')) VIRTUAL  -- likewise
) STRICT;

-- Finds the row of given texts, and the rows of an asset.
CREATE INDEX asset_by_text ON _asset (asset, asset_type, asset_owner);
-- The same as the view assets counts.
CREATE INDEX asset_by_name ON _asset (asset_name, type_name);

-- Details of messages.
CREATE TABLE _message_detail (
    detail_key       INTEGER NOT NULL PRIMARY KEY,                    -- 1, 2, 3, ...
    message_details  TEXT NOT NULL                                    -- MessageDetails
) STRICT;

-- Rows lie in the order of runs, and within a run of positions: message_key is run_key * 2^24 + ordinal. A table clustered
-- by those two columns (WITHOUT ROWID) was 14 % larger and a tenth slower to fill, since SQLite leaves room in its pages.
CREATE TABLE _message (
    message_key        INTEGER NOT NULL PRIMARY KEY,                  -- run_key * 2^24 + ordinal
    occurred_ticks     INTEGER,                                       -- DateTime, 100 ns since 1970 UTC; NULL where there is none
    kind_key           INTEGER NOT NULL REFERENCES _message_kind (kind_key),
    asset_key          INTEGER NOT NULL REFERENCES _asset (asset_key),
    detail_key         INTEGER REFERENCES _message_detail (detail_key),  -- NULL where MessageDetails is null
    occurred_assumed   INTEGER CHECK (occurred_assumed IN (0, 1)),    -- 1: the server wrote no offset; NULL without a time
    absent_since_unix  INTEGER,                                       -- since when it is gone; NULL while its run still has it
    occurred_at_raw    TEXT,                                          -- as sent, only where it could not be read
    run_key            INTEGER GENERATED ALWAYS AS (message_key >> 24) VIRTUAL REFERENCES _run (run_key),
    ordinal            INTEGER GENERATED ALWAYS AS (message_key & 16777215) VIRTUAL,  -- number within the run when first seen, from 0; never changes
    run_block          INTEGER GENERATED ALWAYS AS (message_key >> 33) VIRTUAL  -- 512 consecutive runs: run_key / 2^9
) STRICT;

-- Messages of an asset, block of runs by block of runs.
CREATE INDEX message_by_asset ON _message (run_block, asset_key);

-- Dictionaries of payloads: the first bytes of runs of the job, used as they are (raw content).
CREATE TABLE dictionary (
    dictionary_key  INTEGER NOT NULL PRIMARY KEY,                     -- 1, 2, 3, ...
    job_key         INTEGER NOT NULL REFERENCES _job (job_key),
    bytes           BLOB    NOT NULL,                                 -- raw content
    runs            INTEGER NOT NULL                                  -- runs of the job archived when it was made; a fresh one is due 4,096 later
) STRICT;

-- Every state of a run that was ever archived; the current one included.
CREATE TABLE _revision (
    entry_id        INTEGER NOT NULL PRIMARY KEY REFERENCES ledger (entry_id),
    run_key         INTEGER NOT NULL REFERENCES _run (run_key),
    revision        INTEGER NOT NULL,                                 -- 1, 2, 3, ... of its run
    sync_id         INTEGER NOT NULL REFERENCES _sync (sync_id),
    captured_unix   INTEGER NOT NULL,                                 -- when it was archived, seconds since 1970 UTC
    status          INTEGER,                                          -- Status in this state
    message_count   INTEGER,                                          -- MessageCount in this state
    payload_sha256  BLOB    NOT NULL CHECK (length(payload_sha256) = 32),  -- of the bytes as received
    UNIQUE (run_key, revision)
) STRICT;

-- The bytes of each revision as received, packed.
CREATE TABLE payload (
    entry_id        INTEGER NOT NULL PRIMARY KEY REFERENCES _revision (entry_id),
    dictionary_key  INTEGER REFERENCES dictionary (dictionary_key),   -- NULL: packed without one
    data            BLOB    NOT NULL                                  -- a Zstandard frame (RFC 8878)
) STRICT;

-- What could not be read as a run, or as a message of one; the same bytes of a job once.
CREATE TABLE _quarantined (
    quarantine_id   INTEGER NOT NULL PRIMARY KEY,                     -- 1, 2, 3, ...
    job_key         INTEGER NOT NULL REFERENCES _job (job_key),
    sync_id         INTEGER NOT NULL REFERENCES _sync (sync_id),       -- that saw it first
    captured_unix   INTEGER NOT NULL,                                 -- seconds since 1970 UTC
    position        INTEGER NOT NULL,                                 -- index of the run in the body, from 0
    run_key         INTEGER REFERENCES _run (run_key),                 -- the run whose message it is; NULL where no run could be read
    reason          TEXT    NOT NULL,                                 -- why it could not be read
    payload         BLOB    NOT NULL,                                 -- as received; of a run beyond the size limit its first 1 MiB
    payload_bytes   INTEGER NOT NULL,                                 -- as received
    payload_sha256  BLOB    NOT NULL CHECK (length(payload_sha256) = 32),  -- of all bytes as received
    accepted_unix   INTEGER,                                          -- seconds since 1970 UTC; NULL until somebody accepted it
    accepted_why    TEXT,                                             -- in the words of who accepted it; NULL until then
    UNIQUE (job_key, payload_sha256)
) STRICT;

-- A legal hold: runs that it covers are not removed, whatever a retention rule says.
CREATE TABLE _hold (
    hold_id         INTEGER NOT NULL PRIMARY KEY,                     -- 1, 2, 3, ...
    job_key         INTEGER REFERENCES _job (job_key),                -- NULL: every job
    since_unix      INTEGER,                                          -- seconds since 1970 UTC; NULL: from the beginning
    until_unix      INTEGER,                                          -- the first second that is not covered any more; NULL: without end
    added_unix      INTEGER NOT NULL,                                 -- seconds since 1970 UTC
    added_by        BLOB    NOT NULL CHECK (length(added_by) = 32),   -- a row of _actor
    added_why       BLOB    NOT NULL CHECK (length(added_why) = 32),  -- a row of _reason
    released_unix   INTEGER,                                          -- seconds since 1970 UTC; NULL while it is in force
    released_by     BLOB    CHECK (length(released_by) = 32),         -- a row of _actor; NULL while it is in force
    released_why    BLOB    CHECK (length(released_why) = 32)         -- a row of _reason; NULL while it is in force
) STRICT;

-- A run whose content was removed by a retention rule. The server may still list it; it is not archived again.
CREATE TABLE _removed_run (
    job_run_id         TEXT    NOT NULL PRIMARY KEY,                  -- JobRunID: GUID, lower case with hyphens
    job_key            INTEGER NOT NULL REFERENCES _job (job_key),
    started_ticks      INTEGER,                                       -- JobStartTime, 100 ns since 1970 UTC; NULL where there was none
    ended_ticks        INTEGER,                                       -- JobEndTime, likewise
    revisions          INTEGER NOT NULL,                              -- states of it that were archived
    messages           INTEGER NOT NULL,                              -- messages of it that were held, absent ones too
    first_seen_unix    INTEGER,                                       -- when it was first archived, seconds since 1970 UTC; NULL where a salvage lost that
    absent_since_unix  INTEGER,                                       -- since when the server no longer lists it; NULL where it was listed when it was removed
    removed_unix       INTEGER NOT NULL,                              -- seconds since 1970 UTC
    removed_by         BLOB    NOT NULL CHECK (length(removed_by) = 32),   -- a row of _actor
    removed_why        BLOB    NOT NULL CHECK (length(removed_why) = 32),  -- a row of _reason
    plan               BLOB    NOT NULL CHECK (length(plan) = 32)     -- SHA-256 of the plan by which it was removed
) STRICT, WITHOUT ROWID;

-- Removed runs of a job, in order of time.
CREATE INDEX removed_run_by_job ON _removed_run (job_key, started_ticks);

-- A removal that was recorded and whose bytes are not yet cleared from free pages and logs. At most one row. Not sealed by the
-- ledger.
CREATE TABLE _clearing (
    plan            BLOB    NOT NULL PRIMARY KEY CHECK (length(plan) = 32),  -- SHA-256 of the plan
    since_unix      INTEGER NOT NULL                                  -- when the removal was recorded, seconds since 1970 UTC
) STRICT, WITHOUT ROWID;

-- Backups that `jobruns backup` made. Not sealed by the ledger.
CREATE TABLE _backup (
    path            TEXT    NOT NULL PRIMARY KEY,                     -- absolute path of the copy
    made_unix       INTEGER NOT NULL,                                 -- when it was made last, seconds since 1970 UTC
    host            TEXT    NOT NULL                                  -- the computer on which it was made
) STRICT, WITHOUT ROWID;

-- A job that a sync asked for, or that somebody watches.
CREATE VIEW jobs (
    job_id,          -- GUID: JobID of the server
    name,            -- text: its name; NULL while it is not known
    server,          -- text: base URL of the server that answered last; NULL before the first answer
    watched,         -- 0 or 1: whether a sync without named jobs asks for it
    first_seen_at,   -- UTC time: when the archive first knew of it
    last_synced_at,  -- UTC time: of its last complete sync with count=0; NULL before the first
    last_error,      -- text: why its last sync was not complete; NULL where it was
    total_job_runs,  -- count: TotalJobRuns of the last complete answer to count=0 that had it; NULL before one
    last_answered_at -- UTC time: of its last complete sync with --fetch full or auto, whichever was asked; NULL before the first
) AS
SELECT j.job_id,
       j.name,
       s.url AS server,
       j.watched,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', j.first_seen_unix, 'unixepoch') AS TEXT) AS first_seen_at,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', j.last_synced_unix, 'unixepoch') AS TEXT) AS last_synced_at,
       j.last_error,
       j.total_job_runs,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', j.last_answered_unix, 'unixepoch') AS TEXT) AS last_answered_at
FROM _job j
LEFT JOIN _server s ON s.server_key = j.server_key;

-- A run of a job, in its latest state. It stays when the server has purged it.
CREATE VIEW runs (
    job_run_id,            -- GUID: JobRunID of the server
    job_id,                -- GUID: of the job that had it first
    status,                -- code: Status of the server, see job_statuses; NULL where it was neither a number nor a known name
    status_name,           -- text: the name of status, Unknown(42) for a code that has none; NULL with status
    started_at,            -- UTC time: JobStartTime; NULL where the server sent none that can be read
    ended_at,              -- UTC time: JobEndTime; NULL where the server sent none that can be read
    duration_seconds,      -- seconds: from start to end, negative where the server says so; NULL without one of them
    exception,             -- text: Exception of the server; NULL where it sent none
    custom_status_text,    -- text: CustomStatusText of the server; NULL where it sent none
    job_summary,           -- text: JobSummary of the server; NULL where it sent none
    status_details,        -- text: StatusDetails of the server; NULL where it sent none
    activity_status_list,  -- JSON text: ActivityStatusList of the server; NULL where it sent none
    message_count,         -- count: MessageCount as the server says, which may differ from the messages held; NULL where it does not say
    revision,              -- count: states of this run that are archived, 1 where it never changed
    first_seen_at,         -- UTC time: when the archive first had it
    last_changed_at,       -- UTC time: when its latest revision was archived
    absent_since,          -- UTC time: when a complete answer first lacked it; NULL while the server lists it
    started_at_raw,        -- text: JobStartTime as sent; NULL where the server sent none
    ended_at_raw,          -- text: JobEndTime as sent; NULL where the server sent none
    time_basis,            -- word: explicit where the server wrote an offset, assumed where not, mixed where one end has one; NULL without a time
    job_name               -- text: name of its job; NULL while it is not known
) AS
SELECT r.job_run_id,
       j.job_id,
       r.status,
       CAST(CASE WHEN r.status IS NOT NULL THEN coalesce(s.status_name, 'Unknown(' || r.status || ')') END AS TEXT) AS status_name,
       r.started_at,
       CAST(strftime('%Y-%m-%dT%H:%M:%S', (r.ended_ticks - (r.ended_ticks % 10000000 + 10000000) % 10000000) / 10000000, 'unixepoch')
           || CASE WHEN r.ended_ticks % 10000000 = 0 THEN 'Z'
                   ELSE '.' || rtrim(printf('%07d', (r.ended_ticks % 10000000 + 10000000) % 10000000), '0') || 'Z' END AS TEXT) AS ended_at,
       CAST(CASE WHEN (r.ended_ticks - r.started_ticks) % 10000000 = 0 THEN (r.ended_ticks - r.started_ticks) / 10000000
            ELSE (r.ended_ticks - r.started_ticks) / 10000000.0 END AS NUMERIC) AS duration_seconds,
       r.exception,
       r.custom_status_text,
       r.job_summary,
       r.status_details,
       r.activity_status_list,
       r.message_count,
       r.revision,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', r.first_seen_unix, 'unixepoch') AS TEXT) AS first_seen_at,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', r.last_changed_unix, 'unixepoch') AS TEXT) AS last_changed_at,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', r.absent_since_unix, 'unixepoch') AS TEXT) AS absent_since,
       r.started_at_raw,
       r.ended_at_raw,
       CAST(CASE WHEN r.started_assumed <> r.ended_assumed THEN 'mixed'
            ELSE CASE coalesce(r.started_assumed, r.ended_assumed) WHEN 0 THEN 'explicit' WHEN 1 THEN 'assumed' END
       END AS TEXT) AS time_basis,
       j.name AS job_name
FROM _run r
-- Each run has a job. A left join lets no version of SQLite go through the jobs first where the newest runs are wanted.
LEFT JOIN _job j ON j.job_key = r.job_key
LEFT JOIN job_statuses s ON s.status = r.status;

-- A message of a run about an asset. Two equal messages are two rows.
CREATE VIEW messages (
    job_run_id,       -- GUID: of its run
    job_id,           -- GUID: of its run's job
    ordinal,          -- number: its number within the run when first seen, from 0; it never changes
    occurred_at,      -- UTC time: DateTime of the server; NULL where the server sent none that can be read
    message,          -- text: Message of the server; NULL where it sent none
    message_details,  -- text: MessageDetails of the server; NULL where it sent none
    category,         -- text: Category of the server, such as Error; NULL where it sent none
    asset,            -- text: name of the asset that it is about; NULL where the server sent none
    asset_type,       -- text: type of that asset; NULL where the server sent none
    asset_owner,      -- text: owner of that asset when the message was archived; NULL where the server sent none
    absent_since,     -- UTC time: when a complete reading of its run first lacked it; NULL while its run has it
    occurred_at_raw,  -- text: DateTime as sent, where it could not be read; NULL in all other cases
    time_basis,       -- word: explicit where the server wrote an offset, assumed where not; NULL without a time
    job_name          -- text: name of its run's job; NULL while it is not known
) AS
SELECT r.job_run_id,
       j.job_id,
       m.ordinal,
       CAST(strftime('%Y-%m-%dT%H:%M:%S', (m.occurred_ticks - (m.occurred_ticks % 10000000 + 10000000) % 10000000) / 10000000, 'unixepoch')
           || CASE WHEN m.occurred_ticks % 10000000 = 0 THEN 'Z'
                   ELSE '.' || rtrim(printf('%07d', (m.occurred_ticks % 10000000 + 10000000) % 10000000), '0') || 'Z' END AS TEXT) AS occurred_at,
       CAST((SELECT message FROM _message_kind WHERE kind_key = m.kind_key) AS TEXT) AS message,
       CAST((SELECT message_details FROM _message_detail WHERE detail_key = m.detail_key) AS TEXT) AS message_details,
       CAST((SELECT category FROM _message_kind WHERE kind_key = m.kind_key) AS TEXT) AS category,
       a.asset,
       a.asset_type,
       a.asset_owner,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', m.absent_since_unix, 'unixepoch') AS TEXT) AS absent_since,
       m.occurred_at_raw,
       CAST(CASE m.occurred_assumed WHEN 0 THEN 'explicit' WHEN 1 THEN 'assumed' END AS TEXT) AS time_basis,
       j.name AS job_name
FROM _message m
JOIN _run r ON r.run_key = m.message_key >> 24
           -- True of each. They let SQLite read the messages of a run by their keys, and say that they are few of all.
           AND likelihood(m.message_key >= r.run_key << 24, 0.002)
           AND likelihood(m.message_key <= (r.run_key << 24) + 16777215, 0.002)
JOIN _job j ON j.job_key = r.job_key
JOIN _asset a ON a.asset_key = m.asset_key;

-- An asset: each name with each type once. Of owners with the same last message the alphabetically last is taken.
CREATE VIEW assets (
    asset,             -- text: its name; NULL for messages about no asset
    asset_type,        -- text: its type; NULL where messages name none
    asset_owner,       -- text: its owner in its latest message; NULL where that names none
    first_message_at,  -- UTC time: of its first message, or of the run where the message has no time; NULL without any
    last_message_at,   -- UTC time: of its last message, likewise; NULL without any
    messages           -- count: messages held about it, absent ones too
) AS
WITH used AS (
    SELECT a.asset_name, a.type_name,
           (SELECT asset_owner FROM _asset WHERE asset_key = a.asset_key) AS asset_owner,
           count(*) AS messages,
           min(coalesce(m.occurred_ticks, (SELECT started_ticks FROM _run WHERE run_key = m.message_key >> 24))) AS first_ticks,
           max(coalesce(m.occurred_ticks, (SELECT started_ticks FROM _run WHERE run_key = m.message_key >> 24))) AS last_ticks
    FROM _asset a
    JOIN _message m ON m.asset_key = a.asset_key
    -- Not an order of either table: so the index by asset answers about some assets, and a scan of the messages about all.
    GROUP BY +m.asset_key, a.asset_name, a.type_name
), counted AS (
    SELECT asset_name, type_name, asset_owner,
           row_number() OVER (PARTITION BY asset_name, type_name ORDER BY last_ticks DESC, asset_owner DESC) AS place,
           min(first_ticks) OVER (PARTITION BY asset_name, type_name) AS first_ticks,
           max(last_ticks) OVER (PARTITION BY asset_name, type_name) AS last_ticks,
           sum(messages) OVER (PARTITION BY asset_name, type_name) AS messages
    FROM used
)
SELECT asset_name AS asset,
       type_name AS asset_type,
       CAST(asset_owner AS TEXT) AS asset_owner,
       CAST(strftime('%Y-%m-%dT%H:%M:%S', (first_ticks - (first_ticks % 10000000 + 10000000) % 10000000) / 10000000, 'unixepoch')
           || CASE WHEN first_ticks % 10000000 = 0 THEN 'Z'
                   ELSE '.' || rtrim(printf('%07d', (first_ticks % 10000000 + 10000000) % 10000000), '0') || 'Z' END AS TEXT) AS first_message_at,
       CAST(strftime('%Y-%m-%dT%H:%M:%S', (last_ticks - (last_ticks % 10000000 + 10000000) % 10000000) / 10000000, 'unixepoch')
           || CASE WHEN last_ticks % 10000000 = 0 THEN 'Z'
                   ELSE '.' || rtrim(printf('%07d', (last_ticks % 10000000 + 10000000) % 10000000), '0') || 'Z' END AS TEXT) AS last_message_at,
       CAST(messages AS INTEGER) AS messages
FROM counted
WHERE place = 1;

-- A state of a run that was archived, the current one included.
CREATE VIEW run_revisions (
    job_run_id,      -- GUID: of the run
    revision,        -- number: 1, 2, 3, ... of its run
    sync_id,         -- number: of the sync that brought it
    captured_at,     -- UTC time: when it was archived
    status,          -- code: Status in this state; NULL where it was neither a number nor a known name
    status_name,     -- text: the name of status; NULL with status
    message_count,   -- count: MessageCount in this state, as the server says; NULL where it does not say
    payload_sha256,  -- hexadecimal: SHA-256 of the bytes as received
    entry_hash       -- hexadecimal: of the ledger's entry that seals it
) AS
SELECT r.job_run_id,
       v.revision,
       v.sync_id,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', v.captured_unix, 'unixepoch') AS TEXT) AS captured_at,
       v.status,
       CAST(CASE WHEN v.status IS NOT NULL THEN coalesce(s.status_name, 'Unknown(' || v.status || ')') END AS TEXT) AS status_name,
       v.message_count,
       CAST(lower(hex(v.payload_sha256)) AS TEXT) AS payload_sha256,
       CAST(lower(hex(l.entry_hash)) AS TEXT) AS entry_hash
FROM _revision v
JOIN _run r ON r.run_key = v.run_key
JOIN ledger l ON l.entry_id = v.entry_id
LEFT JOIN job_statuses s ON s.status = v.status;

-- Bytes that could not be read as a run, or as a message of one, as received. The same bytes of a job are kept once.
CREATE VIEW quarantine (
    quarantine_id,  -- number: 1, 2, 3, ...
    job_id,         -- GUID: of the job in whose answer they were
    sync_id,        -- number: of the sync that saw them first
    captured_at,    -- UTC time: when they were archived
    position,       -- number: index of the run in the answer, from 0
    reason,         -- text: why they could not be read
    payload,        -- bytes: as received; of a run beyond the size limit the first 1 MiB
    accepted_at,    -- UTC time: when somebody looked at them and accepted them; NULL before that
    payload_bytes,  -- count: bytes as received, also where only the first of them are kept
    payload_sha256  -- hexadecimal: SHA-256 of all bytes as received
) AS
SELECT q.quarantine_id,
       j.job_id,
       q.sync_id,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', q.captured_unix, 'unixepoch') AS TEXT) AS captured_at,
       q.position,
       q.reason,
       q.payload,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', q.accepted_unix, 'unixepoch') AS TEXT) AS accepted_at,
       q.payload_bytes,
       CAST(lower(hex(q.payload_sha256)) AS TEXT) AS payload_sha256
FROM _quarantined q
JOIN _job j ON j.job_key = q.job_key;

-- A sync with its totals over the jobs.
CREATE VIEW syncs (
    sync_id,           -- number: 1, 2, 3, ...
    started_at,        -- UTC time: when it began
    finished_at,       -- UTC time: when it ended; NULL while it runs, and where it was killed
    outcome,           -- word: complete, partial, failed or interrupted; NULL while it runs, and where it was killed
    head,              -- hexadecimal: the ledger's last hash when it ended; NULL before that
    tool_version,      -- text: version of jobruns that ran it
    attempts,          -- count: questions for runs that were put to the server
    runs_seen,         -- count: elements of JobStatusInfo that were read, unreadable ones included
    runs_new,          -- count: runs that the archive did not have
    runs_changed,      -- count: runs of which a new revision was archived
    runs_unchanged,    -- count: runs that were as archived
    runs_quarantined,  -- count: runs of which anything is in quarantine
    runs_absent,       -- count: runs newly marked absent
    messages_new,      -- count: messages that the archive did not have
    body_bytes,        -- count: bytes of the answers' bodies, unpacked
    seconds,           -- seconds: that its jobs took, summed
    clock_skew_seconds, -- seconds: this machine's clock less the server's, at the last login or list of jobs; NULL where the server did not tell the time
    fetch              -- word: full where it asked for every run of each job, auto where for what is new and now and then for all, count where for a fixed number (--count)
) AS
SELECT sync_id,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', started_unix, 'unixepoch') AS TEXT) AS started_at,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', finished_unix, 'unixepoch') AS TEXT) AS finished_at,
       outcome,
       CAST(CASE WHEN head IS NOT NULL THEN lower(hex(head)) END AS TEXT) AS head,  -- hex(NULL) is ''
       tool_version,
       attempts,
       runs_seen,
       runs_new,
       runs_changed,
       runs_unchanged,
       runs_quarantined,
       runs_absent,
       messages_new,
       body_bytes,
       CAST(milliseconds / 1000.0 AS REAL) AS seconds,
       clock_skew_seconds,
       CAST(CASE WHEN count_asked IS NULL THEN 'auto' WHEN count_asked = 0 THEN 'full' ELSE 'count' END AS TEXT) AS fetch
FROM _sync;

-- What a sync found of a job.
CREATE VIEW sync_jobs (
    sync_id,           -- number: of the sync
    job_id,            -- GUID: of the job
    outcome,           -- word: complete, partial or failed
    error,             -- text: why it was not complete; NULL where it was
    http_status,       -- number: HTTP status of the last answer; NULL where none came
    attempts,          -- count: questions for its runs that were put to the server
    runs_seen,         -- count: elements of JobStatusInfo that were read, unreadable ones included
    runs_new,          -- count: runs that the archive did not have
    runs_changed,      -- count: runs of which a new revision was archived
    runs_unchanged,    -- count: runs that were as archived
    runs_quarantined,  -- count: runs of which anything is in quarantine
    runs_absent,       -- count: runs newly marked absent
    messages_new,      -- count: messages that the archive did not have
    body_bytes,        -- count: bytes of the answers' bodies, unpacked
    seconds,           -- seconds: from the first question to the end of the last answer
    total_job_runs,    -- count: TotalJobRuns as the answer said; NULL where it did not
    count_asked        -- count: latest runs that its last question asked for, 0 for all; NULL where it was not asked
) AS
SELECT s.sync_id, j.job_id, s.outcome, s.error, s.http_status, s.attempts,
       s.runs_seen, s.runs_new, s.runs_changed, s.runs_unchanged, s.runs_quarantined, s.runs_absent,
       s.messages_new, s.body_bytes,
       -- Of a union SQLite tells the type of a subquery, not of a CAST.
       (SELECT CAST(s.milliseconds / 1000.0 AS REAL)) AS seconds, s.total_job_runs, s.count_asked
FROM _sync_job s
JOIN _job j ON j.job_key = s.job_key
UNION ALL
SELECT u.sync_id, j.job_id, 'complete', NULL, 200, 1,
       u.runs_seen, 0, 0, u.runs_seen, 0, 0,
       0, u.body_bytes, (SELECT CAST(u.milliseconds / 1000.0 AS REAL)),
       CAST(coalesce(u.other_total, u.runs_seen) AS INTEGER), u.count_asked
FROM _sync_job_unchanged u
JOIN _job j ON j.job_key = u.job_key;

-- A legal hold: runs whose time from start to end meets its span are not removed while it is in force.
CREATE VIEW holds (
    hold_id,         -- number: 1, 2, 3, ...
    job_id,          -- GUID: of the job whose runs it keeps; NULL for every job
    since,           -- UTC time: from when on it covers; NULL from the beginning
    until,           -- UTC time: the first second that it does not cover any more; NULL without end
    reason,          -- text: why; NULL where a salvage lost it
    added_at,        -- UTC time: when it was added
    added_by,        -- text: user and computer that added it; NULL where a salvage lost that
    released_at,     -- UTC time: when it was released; NULL while it is in force
    released_by,     -- text: user and computer that released it; NULL while it is in force, and where a salvage lost that
    release_reason   -- text: why it was released; NULL while it is in force, and where a salvage lost that
) AS
SELECT h.hold_id,
       j.job_id,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', h.since_unix, 'unixepoch') AS TEXT) AS since,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', h.until_unix, 'unixepoch') AS TEXT) AS until,
       w.why AS reason,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', h.added_unix, 'unixepoch') AS TEXT) AS added_at,
       a.actor AS added_by,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', h.released_unix, 'unixepoch') AS TEXT) AS released_at,
       b.actor AS released_by,
       v.why AS release_reason
FROM _hold h
LEFT JOIN _job j ON j.job_key = h.job_key
LEFT JOIN _reason w ON w.why_sha256 = h.added_why
LEFT JOIN _actor a ON a.by_sha256 = h.added_by
LEFT JOIN _reason v ON v.why_sha256 = h.released_why
LEFT JOIN _actor b ON b.by_sha256 = h.released_by;

-- A run whose content was removed by a retention rule. It is in no other table for analysts.
CREATE VIEW removed_runs (
    job_run_id,   -- GUID: JobRunID of the server
    job_id,       -- GUID: of its job
    started_at,   -- UTC time: JobStartTime; NULL where the server sent none that can be read
    revisions,    -- count: states of it that were archived
    messages,     -- count: messages of it that were held, absent ones too
    removed_at,   -- UTC time: when it was removed
    removed_by,   -- text: user and computer that removed it; NULL where a salvage lost that
    reason,       -- text: why; NULL where a salvage lost it
    plan          -- hexadecimal: SHA-256 of the plan by which it was removed
) AS
SELECT r.job_run_id,
       j.job_id,
       CAST(strftime('%Y-%m-%dT%H:%M:%S', (r.started_ticks - (r.started_ticks % 10000000 + 10000000) % 10000000) / 10000000, 'unixepoch')
           || CASE WHEN r.started_ticks % 10000000 = 0 THEN 'Z'
                   ELSE '.' || rtrim(printf('%07d', (r.started_ticks % 10000000 + 10000000) % 10000000), '0') || 'Z' END AS TEXT) AS started_at,
       r.revisions,
       r.messages,
       CAST(strftime('%Y-%m-%dT%H:%M:%SZ', r.removed_unix, 'unixepoch') AS TEXT) AS removed_at,
       a.actor AS removed_by,
       w.why AS reason,
       CAST(lower(hex(r.plan)) AS TEXT) AS plan
FROM _removed_run r
JOIN _job j ON j.job_key = r.job_key
LEFT JOIN _reason w ON w.why_sha256 = r.removed_why
LEFT JOIN _actor a ON a.by_sha256 = r.removed_by;

-- Statistics for SQLite's planner, as of an archive of ten million messages; an asset is said to have more of them than it
-- has, so that the index by asset is used for few assets at a time. ANALYZE alone can make their table; what it
-- writes beside them depends on how SQLite was built.
ANALYZE job_statuses;
DROP TABLE IF EXISTS sqlite_stat4;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('_asset', 'asset_by_name', '20000 1 1'),
    ('_asset', 'asset_by_text', '20000 1 1 1'),
    ('_job', 'sqlite_autoindex__job_1', '500 1'),
    ('_message', 'message_by_asset', '10000000 18944 400'),
    ('_message_detail', NULL, '5000000'),
    ('_message_kind', 'message_kind_by_text', '1000 1 1'),
    ('_revision', 'sqlite_autoindex__revision_1', '280000 1 1'),
    ('_run', 'run_by_job', '270000 540 1 1 1 1'),
    ('_run', 'run_by_start', '270000 2'),
    ('_run', 'sqlite_autoindex__run_1', '270000 1'),
    ('job_statuses', 'sqlite_autoindex_job_statuses_1', '8 1'),
    ('ledger', NULL, '300000'),
    ('payload', NULL, '280000');
