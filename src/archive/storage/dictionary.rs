//! What the payloads of a job are packed with.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::payload::{self, DICTIONARY_BYTES};
use super::revisions::reported_bytes;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;

/// Runs after which a job gets a fresh dictionary: texts change over the years, and 24 KiB per 4,096 runs cost nothing.
const RUNS_PER_DICTIONARY: i64 = 4096;

/// New dictionaries that are remembered: more than jobs are ever asked for at a time. A forgotten one is stored again.
const REMEMBERED: usize = 256;

/// Runs that a dictionary is made of. Measured on the data of `benches/first_sync`: two heads of 12 KiB pack payloads
/// to 7.4 % of the JSON, one of 16 KiB to 8.9 %, four of 16 KiB to 7.2 %.
const HEADS: usize = 2;

/// A run of a few lines is not a sample of a job's texts.
const SMALLEST_SAMPLE: usize = 4 << 10;

/// Bytes that payloads of a job are packed with.
#[derive(Debug, PartialEq, Eq)]
pub struct Dictionary {
    /// Its key, once it is stored.
    pub key: Option<i64>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Makes a job's dictionary of the heads of its runs.
#[derive(Debug, Default)]
pub struct DictionaryMaker {
    bytes: Vec<u8>,
    heads: usize,
}

impl DictionaryMaker {
    /// Looks at a run; the dictionary, once enough were seen.
    pub fn see(&mut self, run: &[u8]) -> Option<Dictionary> {
        if run.len() < SMALLEST_SAMPLE {
            return None;
        }
        self.bytes.extend_from_slice(head_of(run));
        self.heads += 1;
        (self.heads == HEADS).then(|| Dictionary {
            key: None,
            bytes: std::mem::take(&mut self.bytes),
        })
    }
}

/// The beginning of a run that goes into a dictionary.
pub(in crate::archive) fn head_of(run: &[u8]) -> &[u8] {
    &run[..run.len().min(DICTIONARY_BYTES / HEADS)]
}

/// What the job's next payloads are packed with; `runs` are those archived of it. A job that has no dictionary, or whose
/// last one is old, gets one of its latest runs; `None` where they do not make one.
pub(in crate::archive) fn at_hand(
    connection: &Connection,
    job_key: i64,
    runs: usize,
) -> Result<Option<Arc<Dictionary>>, ArchiveError> {
    let latest: Option<(i64, Vec<u8>, i64)> = connection.cached().optional(
        "SELECT dictionary_key, bytes, runs FROM dictionary
         WHERE job_key = ?1 ORDER BY dictionary_key DESC LIMIT 1",
        [job_key],
        "read the dictionary of a job",
        |row| row.try_into(),
    )?;
    let runs = i64::try_from(runs).unwrap_or(i64::MAX);
    if let Some((key, bytes, runs_then)) = latest
        && runs - runs_then < RUNS_PER_DICTIONARY
    {
        let key = Some(key);
        return Ok(Some(Arc::new(Dictionary { key, bytes })));
    }
    of_latest_runs(connection, job_key)
}

/// A dictionary of the runs archived last.
fn of_latest_runs(connection: &Connection, job_key: i64) -> Result<Option<Arc<Dictionary>>, ArchiveError> {
    let (mut maker, mut dictionary) = (DictionaryMaker::default(), None);
    connection.cached().each(
        "SELECT p.data, d.bytes, p.entry_id
         FROM (SELECT run_key, revision FROM _run WHERE job_key = ?1
               ORDER BY started_ticks DESC LIMIT 8) r
         JOIN _revision v ON v.run_key = r.run_key AND v.revision = r.revision
         JOIN payload p ON p.entry_id = v.entry_id
         LEFT JOIN dictionary d ON d.dictionary_key = p.dictionary_key",
        [job_key],
        "read the latest runs of a job",
        |row| {
            if dictionary.is_none() {
                let (packed, with): (Vec<u8>, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?);
                let limit = reported_bytes(connection, row.get(2)?)?;
                // A damaged payload is not a sample; `verify` names it.
                if let Ok(run) = payload::unpack(&packed, with.as_deref(), limit) {
                    dictionary = maker.see(&run);
                }
            }
            Ok(())
        },
    )?;
    Ok(dictionary.map(Arc::new))
}

/// Keys of the dictionaries that this sync stored.
#[derive(Debug, Default)]
pub(in crate::archive) struct NewDictionaries(Vec<(Arc<Dictionary>, i64)>);

impl NewDictionaries {
    /// The key of a dictionary; stores it where it is new.
    pub(in crate::archive) fn key(
        &mut self,
        connection: &Connection,
        job_key: i64,
        dictionary: &Arc<Dictionary>,
    ) -> Result<i64, ArchiveError> {
        if let Some(key) = dictionary.key {
            return Ok(key);
        }
        if let Some(&(_, key)) = self.0.iter().find(|(known, _)| Arc::ptr_eq(known, dictionary)) {
            return Ok(key);
        }
        debug_assert!(dictionary.bytes.len() <= DICTIONARY_BYTES);
        let key = connection.cached().insert(
            "INSERT INTO dictionary (job_key, bytes, runs)
             VALUES (?1, ?2, (SELECT count(*) FROM _run WHERE job_key = ?1))",
            params![job_key, dictionary.bytes],
            "store a dictionary",
        )?;
        // The latest first: a job's runs come together, and only the jobs at hand need theirs.
        self.0.insert(0, (Arc::clone(dictionary), key));
        self.0.truncate(REMEMBERED);
        Ok(key)
    }

    /// Forgets everything: the rows of a transaction that was rolled back are not there.
    pub(in crate::archive) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{PackedPayload, Packer, ReceivedRun, Writer};
    use crate::decode::read_run_fields;
    use crate::model::{Guid, NaiveZone};

    struct TestJob {
        writer: Writer,
        job: Guid,
        runs: u32,
    }

    impl TestJob {
        fn dictionary(&mut self) -> Option<Arc<Dictionary>> {
            self.writer.job_at_hand(self.job, None).unwrap().dictionary
        }

        /// Archives one more run, of about 5 kB, in a sync of its own.
        fn run_comes(&mut self) -> Vec<u8> {
            let at_hand = self.writer.job_at_hand(self.job, None).unwrap();
            self.runs += 1;
            let summary = "x".repeat(5_000);
            let run = format!(
                r#"{{"JobRunID":"00000000-0000-0000-0000-{:012}","JobSummary":"{summary}"}}"#,
                self.runs
            );
            let run = run.into_bytes();
            let dictionary = at_hand.dictionary;
            let mut packer = Packer::new(dictionary.as_ref().map(|d| d.bytes.as_slice())).unwrap();
            let payload = PackedPayload {
                data: packer.pack(&run).unwrap(),
                dictionary,
                bytes: run.len() as u64,
                sha256: <sha2::Sha256 as sha2::Digest>::digest(&run).into(),
            };
            let read = read_run_fields(&run, NaiveZone::Utc).unwrap();
            let sync = self.writer.begin_sync(Some(0)).unwrap();
            self.writer.begin().unwrap();
            let received = ReceivedRun::new(0, read, None, payload);
            let job_key = self.writer.job_key(self.job).unwrap();
            self.writer.store_run(sync, job_key, &received).unwrap();
            self.writer.commit().unwrap();
            run
        }
    }

    #[test]
    fn a_job_of_one_run_a_sync_gets_its_dictionary_from_the_second_and_a_fresh_one_when_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let mut job = TestJob {
            writer: Writer::open(&folder.path().join("a.db")).unwrap(),
            job: "457b51a3-2bca-492c-8b7b-8936eca18649".parse().unwrap(),
            runs: 0,
        };
        assert_eq!(job.dictionary(), None);
        let first = job.run_comes();
        assert_eq!(job.dictionary(), None, "one run is no sample");
        let second = job.run_comes();
        let made = job.dictionary().unwrap();
        assert_eq!(made.key, None);
        assert!(
            made.bytes == [first.clone(), second.clone()].concat() || made.bytes == [second, first].concat()
        );
        job.run_comes();
        let stored = job.dictionary().unwrap();
        assert_eq!((stored.key, &stored.bytes), (Some(1), &made.bytes));
        let set = "UPDATE dictionary SET runs = runs - ?1";
        Connection::open(folder.path().join("a.db"))
            .unwrap()
            .execute(set, [RUNS_PER_DICTIONARY - 1])
            .unwrap();
        assert_eq!(job.dictionary().unwrap().key, Some(1));
        job.run_comes();
        assert_eq!(job.dictionary().unwrap().key, None, "a fresh one is due");
        job.run_comes();
        assert_eq!(job.dictionary().unwrap().key, Some(2));
    }

    #[test]
    fn a_dictionary_is_two_beginnings_of_runs_that_are_long_enough() {
        let mut maker = DictionaryMaker::default();
        assert_eq!(maker.see(&[1; SMALLEST_SAMPLE - 1]), None);
        assert_eq!(maker.see(&[2; SMALLEST_SAMPLE]), None);
        let made = maker.see(&[3; 1 << 20]).unwrap();
        let expected = [vec![2; SMALLEST_SAMPLE], vec![3; DICTIONARY_BYTES / 2]].concat();
        assert_eq!((made.key, made.bytes), (None, expected));
    }
}
