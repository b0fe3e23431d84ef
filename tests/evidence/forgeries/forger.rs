//! What somebody with the file can do who knows all that is documented: lines sealed as ours are, tables made anew by our own
//! program, and nothing left behind that says so.

use std::path::PathBuf;

use jobruns::archive::{GENESIS, entry_hash};
use jobruns::model::hex;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use super::chains::Chains;
use crate::common::program::Ended;
use crate::common::story::Story;

/// An archive of three published syncs: runs that changed, went, and a job that failed; quarantine, one of it accepted.
pub(crate) struct Scene {
    pub(crate) story: Story,
    /// The published heads, oldest first.
    pub(crate) heads: Vec<String>,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let story = Story::new().await;
        let program = &story.program;
        story.sync(&["--head-file", "heads.txt"]).ends_with(0);
        program.write("first.db", std::fs::read(program.path("jobruns.db")).unwrap());
        story.server.set_faults(vec![
            "bad-message=3@1".parse().unwrap(),
            "bad-run=6@2".parse().unwrap(),
        ]);
        story.sync(&["--head-file", "heads.txt"]).ends_with(3);
        program
            .run(&["quarantine", "accept", "1", "--why", "a known bug"])
            .ends_with(0);
        story.server.set_faults(Vec::new());
        story.server.pass_night();
        story.sync(&["--head-file", "heads.txt"]).ends_with(0);
        program.run(&["verify", "--head-file", "heads.txt"]).ends_with(0);
        let list = std::fs::read_to_string(program.path("heads.txt")).unwrap();
        let heads = list.lines().filter_map(|line| line.split(' ').next_back());
        let heads = heads.map(str::to_owned).collect();
        Self { story, heads }
    }

    /// A copy of the archive to forge.
    pub(crate) fn forge(&self, name: &str) -> Forgery<'_> {
        let path = self.story.program.path(&format!("{name}.db"));
        let archive = Connection::open(self.story.program.path("jobruns.db")).unwrap();
        archive
            .execute("VACUUM INTO ?1", [path.to_str().unwrap()])
            .unwrap();
        Forgery { scene: self, path }
    }

    /// What `jobruns verify` and the Python check say.
    pub(crate) fn verify(&self, archive: &str, more: &[&str]) -> [Ended; 2] {
        let program = &self.story.program;
        let ours = program.run(&[&["verify", "--archive", archive], more].concat());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verify.py");
        let mut python = program.start("python3");
        python.args([script, archive]).args(more).env("PYTHONUTF8", "1");
        [ours, Ended::of(python.spawn().unwrap())]
    }
}

/// A copy of the archive in the hands of a forger.
pub(crate) struct Forgery<'s> {
    pub(crate) scene: &'s Scene,
    pub(crate) path: PathBuf,
}

/// A revision of the ledger, and what it takes to name it.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    pub(crate) entry: i64,
    pub(crate) run: String,
    pub(crate) job: String,
    pub(crate) line: String,
}

impl Forgery<'_> {
    pub(crate) fn name(&self) -> &str {
        self.path.file_name().unwrap().to_str().unwrap()
    }

    pub(crate) fn open(&self) -> Connection {
        let connection = Connection::open(&self.path).unwrap();
        connection
            .execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
            .unwrap();
        connection
    }

    pub(crate) fn sql(&self, sql: &str) {
        self.open()
            .execute_batch(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub(crate) fn text(&self, sql: &str) -> String {
        let value = self.open().query_row(sql, [], |row| row.get(0));
        value.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) fn number(&self, sql: &str) -> i64 {
        let value = self.open().query_row(sql, [], |row| row.get(0));
        value.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let connection = self.open();
        let mut statement = connection
            .prepare("SELECT entry FROM ledger ORDER BY entry_id")
            .unwrap();
        let lines = statement.query_map([], |row| row.get(0)).unwrap();
        lines.collect::<Result<_, _>>().unwrap()
    }

    pub(crate) fn head(&self) -> String {
        self.text("SELECT lower(hex(entry_hash)) FROM ledger ORDER BY entry_id DESC LIMIT 1")
    }

    /// The newest time of the ledger, which no line may precede.
    pub(crate) fn now(&self) -> String {
        let lines = self.lines();
        let times = lines.iter().filter_map(|line| word(line, "at"));
        times.max().unwrap().to_owned()
    }

    /// The first run that failed.
    pub(crate) fn failed(&self) -> Revision {
        self.revision("SELECT job_run_id FROM runs WHERE status = 5 AND revision = 1 ORDER BY 1 LIMIT 1")
    }

    /// The first revision of the run that a query names.
    pub(crate) fn revision(&self, sql: &str) -> Revision {
        let run = self.text(sql);
        let like = format!("revision run={run} number=1 %");
        let (entry, line): (i64, String) = self
            .open()
            .query_row(
                "SELECT entry_id, entry FROM ledger WHERE entry LIKE ?1",
                [like],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        let job = word(&line, "job").unwrap().to_owned();
        Revision {
            entry,
            run,
            job,
            line,
        }
    }

    /// The line that says that a run was removed, as the program would write it.
    pub(crate) fn removal_of(&self, revision: &Revision) -> String {
        let Revision { run, job, .. } = revision;
        let of_run = |column: &str| {
            self.text(&format!(
                "SELECT coalesce({column}, '-') FROM runs WHERE job_run_id = '{run}'"
            ))
        };
        let messages = self.number(&format!(
            "SELECT count(*) FROM messages WHERE job_run_id = '{run}'"
        ));
        let seal = "ab".repeat(32);
        let why = self.reason();
        format!(
            "removed run={run} job={job} at={} started={} ended={} revisions=1 messages={messages} plan={seal} why={why} by={}",
            self.now(),
            of_run("started_at"),
            of_run("ended_at"),
            self.by()
        )
    }

    /// Adds a reason as the program would, and says its hash.
    fn reason(&self) -> String {
        let hash = Sha256::digest("a rule");
        self.open()
            .execute(
                "INSERT OR IGNORE INTO _reason VALUES (?1, 'a rule')",
                [hash.as_slice()],
            )
            .unwrap();
        hex(&<[u8; 32]>::from(hash))
    }

    /// Deletes every row of a run, and notes that it was removed where the ledger says so.
    pub(crate) fn remove_rows(&self, run: &str) {
        self.sql(&format!(
            "DELETE FROM payload WHERE entry_id IN (SELECT entry_id FROM _revision JOIN _run USING (run_key) WHERE job_run_id = '{run}');
             DELETE FROM _revision WHERE run_key = (SELECT run_key FROM _run WHERE job_run_id = '{run}');
             DELETE FROM _run WHERE job_run_id = '{run}'"
        ));
        self.tables_anew();
    }

    /// Runs a command on the copy.
    pub(crate) fn command(&self, words: &[&str]) -> Ended {
        let program = &self.scene.story.program;
        program
            .run(&[words, &["--archive", self.name()]].concat())
            .ends_with(0)
    }

    /// The run as if it had never failed.
    pub(crate) fn whitewashed(&self, run: &str) -> Vec<u8> {
        let program = &self.scene.story.program;
        let ended = program
            .run(&["payload", run, "--archive", self.name()])
            .ends_with(0);
        let payload = ended.stdout.replacen("\"Status\":5", "\"Status\":4", 1);
        assert_ne!(payload, ended.stdout);
        payload.into_bytes()
    }

    /// Appends lines, each sealed as the program would; the number of the first.
    pub(crate) fn append(&self, lines: &[&str]) -> i64 {
        let connection = self.open();
        let mut first = None;
        for line in lines {
            let (entry, before): (i64, [u8; 32]) = connection
                .query_row(
                    "SELECT entry_id, entry_hash FROM ledger ORDER BY entry_id DESC LIMIT 1",
                    [],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .unwrap();
            connection
                .execute(
                    "INSERT INTO ledger VALUES (?1, ?2, ?3)",
                    params![entry + 1, line, entry_hash(&before, line)],
                )
                .unwrap();
            first.get_or_insert(entry + 1);
        }
        self.chains_anew();
        first.unwrap()
    }

    /// Who acted, as the lines name it.
    pub(crate) fn by(&self) -> String {
        self.text("SELECT lower(hex(by_sha256)) FROM _actor")
    }

    /// The chains of the jobs as they follow from the lines and results that are there.
    pub(crate) fn chains_anew(&self) {
        let (connection, lines) = (self.open(), self.lines());
        let mut chains = Chains::new(&connection, &lines);
        for line in lines {
            chains.take(line);
        }
        chains.store(&connection);
    }

    /// A salvage that never was: its block with these lines between.
    pub(crate) fn pretend_salvage(&self, lines: &[&str]) -> i64 {
        let (now, head) = (self.now(), self.head());
        let entries = self.lines().len();
        let begin = format!("salvaged at={now} head={head} entries={entries} by={}", self.by());
        let end = format!("salvage-ended at={now}");
        self.append(&[&[begin.as_str()], lines, &[end.as_str()]].concat())
    }

    /// The whole chain anew, with other lines, and the hashes of results that follow from them.
    pub(crate) fn chain_anew(&self, change: impl Fn(&str) -> String) {
        let lines: Vec<String> = self.lines().iter().map(|line| change(line)).collect();
        let mut chains = Chains::new(&self.open(), &lines);
        self.chain_of(lines.into_iter().map(|line| chains.take(line)));
    }

    /// The whole chain anew, with other lines and nothing else.
    pub(crate) fn chain_as_it_stands(&self, change: impl Fn(&str) -> String) {
        self.chain_of(self.lines().iter().map(|line| change(line)));
    }

    fn chain_of(&self, lines: impl Iterator<Item = String>) {
        let connection = self.open();
        let mut before = GENESIS;
        for (entry, line) in (1_i64..).zip(lines) {
            before = entry_hash(&before, &line);
            connection
                .execute(
                    "UPDATE ledger SET entry = ?2, entry_hash = ?3 WHERE entry_id = ?1",
                    params![entry, line, before],
                )
                .unwrap();
        }
    }

    /// Other bytes for a revision, in table and chain, whatever the heads said.
    pub(crate) fn replace_payload(&self, revision: &Revision, payload: &[u8]) {
        self.set_payload(revision.entry, payload);
        let (old, new) = (&revision.line, with_payload(&revision.line, payload));
        self.chain_anew(|line| if line == old { new.clone() } else { line.to_owned() });
    }

    pub(crate) fn set_payload(&self, entry: i64, payload: &[u8]) {
        let data = zstd::bulk::compress(payload, 3).unwrap();
        self.open()
            .execute(
                "INSERT OR REPLACE INTO payload VALUES (?1, NULL, ?2)",
                params![entry, data],
            )
            .unwrap();
    }

    /// Every table anew, by our own program, and then no word of it.
    pub(crate) fn tables_anew(&self) {
        let program = &self.scene.story.program;
        program.run(&["reindex", "--archive", self.name()]).ends_with(0);
        self.sql("DELETE FROM ledger WHERE entry_id = (SELECT max(entry_id) FROM ledger) AND entry LIKE 'reindexed %'");
        self.chains_anew();
    }

    /// Whether both verifiers end with this code and say these words; what is wrong with it.
    pub(crate) fn judged(&self, more: &[&str], code: i32, said: &[&str]) -> Vec<String> {
        let mut wrong = Vec::new();
        let ended = self.scene.verify(self.name(), more);
        for (who, ended) in ["jobruns verify", "verify.py"].into_iter().zip(ended) {
            let told = format!("{}{}", ended.stdout, ended.stderr);
            let missing: Vec<_> = said.iter().filter(|words| !told.contains(**words)).collect();
            if ended.code != Some(code) || !missing.is_empty() {
                let name = self.name();
                wrong.push(format!(
                    "{name}: {who} {more:?} ended with {:?} instead of {code}, and does not say {missing:?}: {told}",
                    ended.code
                ));
            }
        }
        wrong
    }

    /// Ends with this code with both verifiers, and both say these words.
    #[track_caller]
    pub(crate) fn ends_with(&self, more: &[&str], code: i32, said: &[&str]) {
        let wrong = self.judged(more, code, said);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// The value of a word of a line.
pub(crate) fn word<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    line.split(' ')
        .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

/// A line `revision` with the hash and the length of other bytes.
pub(crate) fn with_payload(line: &str, payload: &[u8]) -> String {
    let sha256 = hex(&<[u8; 32]>::from(Sha256::digest(payload)));
    line.replace(
        &format!("sha256={}", word(line, "sha256").unwrap()),
        &format!("sha256={sha256}"),
    )
    .replace(
        &format!("bytes={}", word(line, "bytes").unwrap()),
        &format!("bytes={}", payload.len()),
    )
}
