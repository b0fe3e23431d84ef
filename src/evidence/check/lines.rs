//! `ledger.txt`: its form, its hashes, and the fields of its lines.

use std::collections::{BTreeMap, HashMap};

use sha2::Digest;

use super::facts::StatedFacts;
use super::findings::PackageFindings;
use super::form::{is_guid, is_hash, is_instant, is_number, is_time};
use crate::model::hex;

const FILE: &str = "data/ledger.txt";

/// The kinds of lines that are about runs. Lines of other kinds only count for the chain.
const KINDS: [&str; 15] = [
    "archive id=GUID at=TIME schema=NUMBER",
    "naive-time zone=WORD rules=HASH|- release=WORD at=TIME",
    "job-named job=GUID at=TIME name=HASH by=HASH|-",
    "revision run=GUID number=NUMBER sync=NUMBER at=TIME job=GUID bytes=NUMBER sha256=HASH reader=NUMBER zone=WORD started=INSTANT|-",
    "quarantined id=NUMBER job=GUID sync=NUMBER at=TIME position=NUMBER bytes=NUMBER sha256=HASH kept=HASH reason=HASH run=GUID|-",
    "accepted id=NUMBER at=TIME sha256=HASH why=HASH by=HASH",
    "absent run=GUID sync=NUMBER at=TIME",
    "returned run=GUID sync=NUMBER at=TIME",
    "reindexed at=TIME reader=NUMBER zone=WORD rules=HASH|- release=WORD by=HASH",
    "removed run=GUID job=GUID at=TIME started=INSTANT|- ended=INSTANT|- revisions=NUMBER messages=NUMBER plan=HASH why=HASH by=HASH",
    "lost what=payload entry=NUMBER",
    "lost what=quarantined id=NUMBER",
    "lost what=results sync=NUMBER",
    "lost what=name job=GUID",
    "lost what=server job=GUID",
];

/// A line of a chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChainLine<'t> {
    /// Its number in the ledger; `None` for a line of results.
    pub(super) number: Option<u64>,
    pub(super) text: &'t str,
    /// Its number in the file.
    row: usize,
}

impl<'t> ChainLine<'t> {
    pub(super) fn kind(&self) -> &'t str {
        kind_of(self.text)
    }

    /// The value of a field; empty if the line does not have it.
    pub(super) fn word(&self, name: &str) -> &'t str {
        word(self.text, name)
    }

    /// The value of a numeric field; only for lines of a known kind, which have it.
    pub(super) fn count(&self, name: &str) -> u64 {
        self.word(name).parse().unwrap_or_default()
    }

    pub(super) fn place(&self) -> String {
        format!("{FILE}, line {}", self.row)
    }
}

fn kind_of(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

fn word<'t>(line: &'t str, name: &str) -> &'t str {
    let value = |word: &'t str| word.strip_prefix(name)?.strip_prefix('=');
    line.split(' ').skip(1).find_map(value).unwrap_or_default()
}

/// The lines of each job.
pub(super) type Chains<'t> = BTreeMap<&'t str, Vec<ChainLine<'t>>>;

/// Reads the file up to the first line in a wrong form, and compares its hashes.
pub(super) fn read<'t>(text: &'t str, facts: &StatedFacts, findings: &mut PackageFindings) -> Chains<'t> {
    let mut lines: Vec<&str> = text.split('\n').collect();
    if lines.pop().is_some_and(|last| !last.is_empty()) {
        findings.add(FILE, "its last line has no end");
    }
    let mut reading = LineReader {
        lines: &lines,
        at: 0,
        findings,
    };
    let mut chains = Chains::new();
    if reading.all(facts, &mut chains).is_some() && reading.at != lines.len() {
        let place = reading.place();
        reading.findings.add(place, "something stands behind the end");
    }
    chains
}

struct LineReader<'r, 't> {
    lines: &'r [&'t str],
    at: usize,
    findings: &'r mut PackageFindings,
}

/// A job's line of a sync's results.
struct ResultLine<'t> {
    /// Without the line feed.
    line: &'t str,
    lines: &'t str,
    chain: &'t str,
}

impl<'t> LineReader<'_, 't> {
    /// The place of the next line, for findings.
    fn place(&self) -> String {
        format!("{FILE}, line {}", self.at + 1)
    }

    /// The next line, as read by `read`; if it is not `what`, that is reported.
    fn take<T>(&mut self, what: &str, read: impl Fn(&'t str) -> Option<T>) -> Option<T> {
        let line = self.lines.get(self.at).copied();
        match line.and_then(read) {
            Some(read) => {
                self.at += 1;
                Some(read)
            }
            None => {
                let place = self.place();
                let what = format!("{what} was expected there");
                self.findings
                    .differ(place, what, "", line.unwrap_or("the end of the file"));
                None
            }
        }
    }

    fn all(&mut self, facts: &StatedFacts, chains: &mut Chains<'t>) -> Option<()> {
        let after = |word: &'static str, fits: fn(&str) -> bool| {
            move |line: &'t str| {
                line.strip_prefix(word)?
                    .strip_prefix(' ')
                    .filter(|value| fits(value))
            }
        };
        self.take("the words jobruns ledger 1", |line| {
            (line == "jobruns ledger 1").then_some(())
        })?;
        let archive = self.take("the id of the archive", after("archive", is_guid))?;
        let before = self.take("the hash before the head", after("before", is_hash))?;
        let head = self.take("the head", after("head", is_hash))?;
        let ended = self.take("a line sync-ended", |line| is_sync_ended(line).then_some(line))?;
        let follows = hex(&next(&unhex(before), ended));
        if follows != head {
            let what = "the head does not follow from this line and the hash before it";
            self.findings
                .differ(format!("{FILE}, line 5"), what, follows, head);
        }
        let (sync, at) = (word(ended, "sync"), word(ended, "at"));
        let sync_id = facts.sync_id.map(|sync| sync.to_string()).unwrap_or_default();
        for (what, line, value, said) in [
            ("archive_id", 2, archive, &facts.archive_id),
            ("head", 4, head, &facts.head),
            ("sync_id", 5, sync, &sync_id),
            ("head_at", 5, at, &facts.head_at),
        ] {
            if value != said {
                let what = format!("its {what} is not that of {FILE}, line {line}");
                self.findings.differ("data/package.json", what, value, said);
            }
        }
        let results = self.results(ended, facts)?;
        let mut numbered = HashMap::new();
        for (job, result) in &results {
            let chain = self.chain(job, archive, result, &mut numbered)?;
            chains.insert(job, chain);
        }
        self.take("the end", |line| (line == "end").then_some(()))
    }

    /// The lines of a sync's results, by job.
    fn results(&mut self, ended: &'t str, facts: &StatedFacts) -> Option<BTreeMap<&'t str, ResultLine<'t>>> {
        let (sync, at) = (word(ended, "sync"), word(ended, "at"));
        let count: u64 = self.take("the number of results", |line| number_after(line, "results"))?;
        let mut hash = sha2::Sha256::new();
        let mut results: BTreeMap<&str, ResultLine<'_>> = BTreeMap::new();
        for _ in 0..count {
            let line = self.take("a line of the results, or its SHA-256", |line| {
                is_printable(line).then_some(line)
            })?;
            if is_hash(line) {
                hash.update(unhex(line));
                continue;
            }
            hash.update(sha2::Sha256::digest(line.as_bytes()));
            let read = read_result(line, sync, at)
                .filter(|(job, _)| results.keys().next_back().is_none_or(|last| last < job));
            match read {
                Some((job, result)) => {
                    results.insert(job, result);
                }
                None => {
                    let what = format!(
                        "it is not a line of the results of sync {sync}, or not in order: {line:.200}"
                    );
                    self.findings.add(format!("{FILE}, line {}", self.at), what);
                }
            }
        }
        let hash = hex(&hash.finalize());
        if hash != word(ended, "results") {
            let what = "its results do not have the hash that the line sync-ended says";
            self.findings.differ(FILE, what, word(ended, "results"), hash);
        }
        if !results.keys().copied().eq(facts.jobs.keys().map(String::as_str)) {
            let list = |jobs: Vec<&str>| jobs.join(" ");
            let what = "its results are of other jobs than package.json says";
            let (said, there) = (
                facts.jobs.keys().map(String::as_str).collect(),
                results.keys().copied().collect(),
            );
            self.findings.differ(FILE, what, list(said), list(there));
        }
        Some(results)
    }

    fn chain(
        &mut self,
        job: &str,
        archive: &str,
        result: &ResultLine<'t>,
        numbered: &mut HashMap<u64, &'t str>,
    ) -> Option<Vec<ChainLine<'t>>> {
        let count = self.take(&format!("the chain of job {job}"), |line| {
            number_after(line.strip_prefix("chain ")?, job)
        })?;
        let what = format!("a line of the chain of job {job}");
        let (mut chain, mut hash, mut latest) = (Vec::new(), [0; 32], 0);
        for _ in 0..count {
            let (mark, text) = self.take(&what, |line| {
                let (mark, text) = line.split_once(' ')?;
                ((mark == "-" || is_number(mark)) && is_printable(text)).then_some((mark, text))
            })?;
            hash = next(&hash, text);
            let line = ChainLine {
                number: mark.parse().ok(),
                text,
                row: self.at,
            };
            match line.number {
                number if number.is_none() != (line.kind() == "job") => {
                    let what = "a line of the ledger needs its number there, and one of results has -";
                    self.findings.add(line.place(), what);
                }
                Some(number) => {
                    let is_first = chain.is_empty();
                    let one = *numbered.entry(number).or_insert(text);
                    if number <= latest || (number == 1) != is_first || one != text {
                        let what = format!(
                            "its number {number} is not above that before it, or that of another line"
                        );
                        self.findings.add(line.place(), what);
                    }
                    latest = latest.max(number);
                }
                None => {}
            }
            if has_its_form(text) {
                chain.push(line);
            } else {
                self.findings
                    .add(line.place(), format!("it is not a line of a ledger: {text:.200}"));
            }
        }
        if count.to_string() != result.lines || hex(&hash) != result.chain {
            let what = format!(
                "the chain of job {job} is not where the results say: lines are missing, were added or changed"
            );
            self.findings.differ(FILE, what, result.chain, hex(&hash));
        }
        if chain.last().is_none_or(|last| last.text != result.line) {
            self.findings.add(
                FILE,
                format!("the chain of job {job} does not end with its line of the results"),
            );
        }
        let begins = chain
            .first()
            .is_some_and(|first| first.kind() == "archive" && first.word("id") == archive);
        if !begins {
            let what =
                format!("the chain of job {job} does not begin with the line of the archive {archive}");
            self.findings.add(FILE, what);
        }
        Some(chain)
    }
}

fn number_after(line: &str, word: &str) -> Option<u64> {
    let number = line.strip_prefix(word)?.strip_prefix(' ')?;
    is_number(number).then(|| number.parse().ok())?
}

/// The hash after a line.
fn next(before: &[u8], line: &str) -> [u8; 32] {
    let mut hash = sha2::Sha256::new();
    hash.update(before);
    hash.update(line.as_bytes());
    hash.finalize().into()
}

/// The bytes of hexadecimal digits, which were checked before.
fn unhex(text: &str) -> Vec<u8> {
    let digit =
        |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap_or_default()).unwrap_or_default();
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

fn is_sync_ended(line: &str) -> bool {
    let mut words = line.split(' ');
    words.next() == Some("sync-ended")
        && words
            .next()
            .and_then(|word| word.strip_prefix("sync="))
            .is_some_and(is_number)
        && words
            .next()
            .and_then(|word| word.strip_prefix("at="))
            .is_some_and(is_time)
        && words.next().is_some_and(|word| {
            ["complete", "partial", "failed", "interrupted"]
                .map(|outcome| format!("outcome={outcome}"))
                .contains(&word.to_owned())
        })
        && words.clone().all(is_any_word)
        && words
            .next_back()
            .and_then(|word| word.strip_prefix("results="))
            .is_some_and(is_hash)
}

fn read_result<'t>(text: &'t str, sync: &str, at: &str) -> Option<(&'t str, ResultLine<'t>)> {
    let (line, ending) = text.rsplit_once(" lines=")?;
    let (lines, chain) = ending.split_once(" chain=")?;
    let mut words = line.strip_prefix("job ")?.split(' ');
    let job = words.next()?.strip_prefix("id=").filter(|job| is_guid(job))?;
    let is_right = words.next()?.strip_prefix("sync=") == Some(sync)
        && words.next()?.strip_prefix("began=").is_some_and(is_time)
        && words.next()?.strip_prefix("at=") == Some(at)
        && words.clone().next()?.starts_with("outcome=")
        && words.all(is_any_word)
        && is_number(lines)
        && is_hash(chain);
    is_right.then_some((job, ResultLine { line, lines, chain }))
}

fn is_any_word(word: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    word.split_once('=').is_some_and(|(name, value)| {
        !name.is_empty()
            && name.bytes().all(is_name)
            && !value.is_empty()
            && value.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

/// Whether a line of a known kind has the fields of its kind.
fn has_its_form(line: &str) -> bool {
    let of_kind = |form: &&str| kind_of(form) == kind_of(line);
    let mut forms = KINDS.iter().copied().filter(|form| of_kind(form)).peekable();
    forms.peek().is_none() || forms.any(|form| fits_form(line, form))
}

fn fits_form(line: &str, form: &str) -> bool {
    let mut words = line.split(' ');
    let all = form.split(' ').all(|expected| {
        words
            .next()
            .is_some_and(|word| match (expected.split_once('='), word.split_once('=')) {
                (None, None) => expected == word,
                (Some((name, values)), Some((there, value))) => {
                    name == there && values.split('|').any(|kind| fits(value, kind))
                }
                _ => false,
            })
    });
    all && words.next().is_none()
}

fn fits(value: &str, kind: &str) -> bool {
    match kind {
        "GUID" => is_guid(value),
        "HASH" => is_hash(value),
        "NUMBER" => is_number(value),
        "WORD" => !value.is_empty(),
        "TIME" => is_time(value),
        "INSTANT" => is_instant(value),
        word => value == word,
    }
}

fn is_printable(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_words_of_its_kind_in_their_order() {
        let guid = "3c6bafcd-9b04-4c9b-8b4b-6a1f2c9f0d11";
        let line = format!("absent run={guid} sync=2 at=2026-01-31T03:00:00Z");
        assert!(has_its_form(&line));
        assert!(!has_its_form(&line.replace("sync=2", "sync=02")));
        assert!(!has_its_form(&format!("{line} more=1")));
        assert!(!has_its_form(&line.replace(" sync=2", "")));
        assert!(
            has_its_form("lost what=name job=3c6bafcd-9b04-4c9b-8b4b-6a1f2c9f0d11")
                && !has_its_form("lost what=else")
        );
        assert!(has_its_form("a-kind-to-come of=any"));
    }
}
