//! The chains of jobs as somebody would make them who has read `docs/evidence.md` and nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jobruns::archive::{GENESIS, entry_hash};
use jobruns::model::hex;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::forger::word;

/// What each sync found of each job, as its line says it.
type Found = HashMap<String, BTreeMap<String, String>>;

/// Lines of a ledger, taken one after the other.
#[derive(Default)]
pub(crate) struct Chains {
    found: Found,
    /// By job; of the lines that tell of every job by an empty one.
    chains: BTreeMap<String, (u64, [u8; 32])>,
    runs: HashMap<String, String>,
    pieces: HashMap<String, String>,
    revisions: HashMap<String, String>,
    began: String,
    lost: BTreeSet<String>,
    entries: u64,
    /// A sync whose results have a line of this job alone.
    of_one_job: Option<(String, String)>,
}

fn digest(texts: &[String]) -> String {
    let hashes = texts.iter().map(Sha256::digest);
    hex(&<[u8; 32]>::from(Sha256::digest(
        hashes.collect::<Vec<_>>().concat(),
    )))
}

impl Chains {
    /// Begins before the first of the lines, with the results that the archive has.
    pub(crate) fn new(archive: &Connection, lines: &[String]) -> Self {
        let sql = "SELECT s.sync_id, s.job_id, format('outcome=%s count=%s error=', s.outcome, coalesce(s.count_asked, '-')), s.error,
                format(' http=%s attempts=%d seen=%d new=%d changed=%d unchanged=%d quarantined=%d absent=%d messages=%d bytes=%d ms=%d total=%s',
                    coalesce(s.http_status, '-'), s.attempts, s.runs_seen, s.runs_new, s.runs_changed, s.runs_unchanged,
                    s.runs_quarantined, s.runs_absent, s.messages_new, s.body_bytes, round(s.seconds * 1000),
                    coalesce(s.total_job_runs, '-'))
            FROM sync_jobs s";
        let mut statement = archive.prepare(sql).unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut found = Found::new();
        while let Some(row) = rows.next().unwrap() {
            let text = |index: usize| row.get::<_, Option<String>>(index).unwrap();
            let error = text(3).map_or("-".to_owned(), |error| {
                hex(&<[u8; 32]>::from(Sha256::digest(error)))
            });
            let line = format!("{}{error}{}", text(2).unwrap(), text(4).unwrap());
            let sync = row.get::<_, i64>(0).unwrap().to_string();
            found.entry(sync).or_default().insert(text(1).unwrap(), line);
        }
        let lost = lines.iter().filter(|line| line.starts_with("lost what=results "));
        Self {
            found,
            chains: BTreeMap::from([(String::new(), (0, GENESIS))]),
            lost: lost.map(|line| word(line, "sync").unwrap().to_owned()).collect(),
            ..Self::default()
        }
    }

    /// Leaves all jobs but one out of the results of a sync.
    pub(crate) fn of_one_job_in(self, sync: i64, job: &str) -> Self {
        let of_one_job = Some((sync.to_string(), job.to_owned()));
        Self { of_one_job, ..self }
    }

    fn push(&mut self, job: &str, line: &str) {
        let common = self.chains[""];
        let chain = self.chains.entry(job.to_owned()).or_insert(common);
        *chain = (chain.0 + 1, entry_hash(&chain.1, line));
    }

    /// Takes the next line. That of a sync's end gets the hashes that its results have by now.
    pub(crate) fn take(&mut self, line: String) -> String {
        self.entries += 1;
        let get = |key: &str| word(&line, key).unwrap_or_default().to_owned();
        let (kind, what) = (line.split(' ').next().unwrap(), get("what"));
        let of_every_job = [
            "archive",
            "naive-time",
            "reindexed",
            "salvaged",
            "retention-locked",
        ];
        if of_every_job.contains(&kind) || what == "results" || get("job") == "-" {
            for job in self.chains.keys().cloned().collect::<Vec<_>>() {
                self.push(&job, &line);
            }
            return line;
        }
        match kind {
            "revision" => {
                self.runs.insert(get("run"), get("job"));
                self.revisions.insert(self.entries.to_string(), get("job"));
            }
            "quarantined" => drop(self.pieces.insert(get("id"), get("job"))),
            "sync-began" => self.began = get("at"),
            "sync-ended" if !self.lost.contains(&get("sync")) => return self.sealed(&line),
            _ => {}
        }
        let mut jobs = BTreeSet::from([get("job")]);
        jobs.extend(self.runs.get(&get("run")).cloned());
        jobs.extend(match (kind, &*what) {
            ("accepted", _) | ("lost", "quarantined") => self.pieces.get(&get("id")).cloned(),
            ("lost", "payload") => self.revisions.get(&get("entry")).cloned(),
            _ => None,
        });
        for job in jobs.iter().filter(|job| !job.is_empty()) {
            self.push(job, &line);
        }
        line
    }

    fn sealed(&mut self, line: &str) -> String {
        let get = |key: &str| word(line, key).unwrap().to_owned();
        let (sync, at) = (get("sync"), get("at"));
        let found = self.found.get(&sync).cloned().unwrap_or_default();
        let (mut figures, mut results) = (Vec::new(), Vec::new());
        let jobs: Vec<String> = self
            .chains
            .keys()
            .filter(|job| !job.is_empty())
            .cloned()
            .collect();
        let left_out = |job: &String| {
            self.of_one_job
                .as_ref()
                .is_some_and(|(of, only)| *of == sync && only != job)
        };
        let jobs: Vec<String> = jobs.into_iter().filter(|job| !left_out(job)).collect();
        for job in jobs {
            let said = found.get(&job).map_or("outcome=none", |found| found);
            let own = format!("job id={job} sync={sync} began={} at={at} {said}", self.began);
            self.push(&job, &own);
            let (lines, chain) = self.chains[&job];
            results.push(format!("{own} lines={lines} chain={}", hex(&chain)));
            figures.extend(found.contains_key(&job).then_some(own));
        }
        line.replace(&get("figures"), &digest(&figures))
            .replace(&get("results"), &digest(&results))
    }

    /// Writes where the chains stand, as the next sync would look for it.
    pub(crate) fn store(&self, archive: &Connection) {
        archive.execute("DELETE FROM _chain", []).unwrap();
        for (job, (lines, hash)) in &self.chains {
            archive
                .execute(
                    "INSERT OR REPLACE INTO _chain SELECT coalesce((SELECT job_key FROM _job WHERE job_id = ?1), 0), ?2, ?3",
                    rusqlite::params![job, lines, hash],
                )
                .unwrap();
        }
    }
}
