//! The jobs file: a GUID and an optional name per line.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::text::decode;
use crate::model::Guid;

/// A job of a jobs file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedJob {
    pub job_id: Guid,
    /// Its name, if the file has one.
    pub name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobsFile {
    /// Each job once, in the order of its first line.
    pub jobs: Vec<ListedJob>,
    /// The lines (from 1) that list a job again. The last name given counts.
    pub repeated_lines: Vec<usize>,
}

/// The most characters of a bad line that an error repeats.
const SHOWN_OF_A_BAD_LINE: usize = 60;

/// Reads the jobs file at `path`.
///
/// A line is a GUID, optionally followed by blanks and the job's name. Empty lines are ignored. A `#` starts a comment at
/// the beginning of a line or with blanks on both sides; elsewhere, as in `Team #5`, it is part of the name. The output of
/// `jobruns jobs list --format csv` is accepted, too: its watched jobs, with the names that people gave.
///
/// # Errors
/// If the file cannot be read, has a line that does not begin with a GUID, or lists no job.
pub fn read_jobs_file(path: &Path) -> Result<JobsFile, ConfigError> {
    let what = "jobs file";
    let path = path.to_path_buf();
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(ConfigError::Read { what, path, source }),
    };
    match decode(&bytes) {
        Ok(text) => parse(path, &text),
        Err(source) => Err(ConfigError::Encoding { what, path, source }),
    }
}

impl JobsFile {
    /// The absolute path of the jobs file at `path`, by which the archive tells jobs files apart.
    #[must_use]
    pub fn identity(path: &Path) -> String {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        absolute.to_string_lossy().into_owned()
    }
}

/// The line, GUID and name of each watched job in the output of `jobruns jobs list --format csv`, without names that the
/// server gave. `None` if the text does not begin with the header of such a file.
fn csv_rows(text: &str) -> Option<Vec<(usize, String, Option<String>)>> {
    let heading = text.lines().find(|line| !line.trim().is_empty())?;
    let heading = heading.trim_start().trim_start_matches('"').to_lowercase();
    let rest = heading.strip_prefix("job_id")?.trim_start_matches('"');
    // A spreadsheet may have saved the file with its own delimiter.
    let delimiter = rest.bytes().next().filter(|byte| b",;\t".contains(byte))?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.as_bytes());
    let columns: Vec<String> = reader.headers().ok()?.iter().map(str::to_lowercase).collect();
    let column = |name: &str| columns.iter().position(|column| column == name);
    let (name, origin, watched) = (column("name"), column("name_from"), column("watched"));
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.ok()?;
        let line = record.position().map_or(0, csv::Position::line);
        let value = |column: Option<usize>| column.and_then(|column| record.get(column)).map(str::trim);
        if value(watched).is_some_and(|watched| watched.eq_ignore_ascii_case("no")) {
            continue;
        }
        let is_given = value(origin).is_none_or(|origin| origin == "given");
        let name = value(name).filter(|name| is_given && !name.is_empty());
        let id = record.get(0).unwrap_or_default().trim();
        rows.push((
            usize::try_from(line).unwrap_or(0),
            id.to_owned(),
            name.map(str::to_owned),
        ));
    }
    Some(rows)
}

/// The lines that list a job: number, GUID, and a name if there is one.
fn rows(text: &str) -> Vec<(usize, String, Option<String>)> {
    let plain = || {
        (1..).zip(text.lines()).filter_map(|(number, line)| {
            let line = without_comment(line).trim();
            let (id, name) = match line.split_once(char::is_whitespace) {
                Some((id, name)) => (id, Some(name.trim().to_owned())),
                None => (line, None),
            };
            (!line.is_empty()).then(|| (number, id.to_owned(), name))
        })
    };
    csv_rows(text).unwrap_or_else(|| plain().collect())
}

fn parse(path: PathBuf, text: &str) -> Result<JobsFile, ConfigError> {
    let mut jobs: Vec<ListedJob> = Vec::new();
    let mut places: HashMap<Guid, usize> = HashMap::new();
    let mut repeated_lines = Vec::new();
    for (number, id, name) in rows(text) {
        let Ok(job_id) = id.parse::<Guid>() else {
            let text = id.chars().take(SHOWN_OF_A_BAD_LINE).collect();
            return Err(ConfigError::JobsLine {
                path,
                line: number,
                text,
            });
        };
        match places.get(&job_id) {
            None => {
                places.insert(job_id, jobs.len());
                jobs.push(ListedJob { job_id, name });
            }
            Some(&place) => {
                repeated_lines.push(number);
                if name.is_some() {
                    jobs[place].name = name;
                }
            }
        }
    }
    if jobs.is_empty() {
        return Err(ConfigError::NoJobs { path });
    }
    Ok(JobsFile { jobs, repeated_lines })
}

fn without_comment(line: &str) -> &str {
    let begins = |(at, _): &(usize, &str)| {
        let before = line[..*at].chars().next_back().is_none_or(char::is_whitespace);
        let after = line[at + 1..].chars().next().is_none_or(char::is_whitespace);
        before && (after || line[..*at].trim().is_empty())
    };
    match line.match_indices('#').find(begins) {
        Some((at, _)) => &line[..at],
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ff761384-4b49-40b4-97d8-0de38669075a";
    const B: &str = "a282d163-2248-4904-8135-0eaf08be8e55";

    fn read(text: &str) -> Result<Vec<(String, Option<String>)>, ConfigError> {
        let file = parse(PathBuf::from("jobs.txt"), text)?;
        Ok(file
            .jobs
            .into_iter()
            .map(|job| (job.job_id.to_string(), job.name))
            .collect())
    }

    #[test]
    fn a_line_is_a_guid_and_an_optional_name() {
        let text = format!(
            "# ours\r\n\r\n{{{}}}\tNightly  checks \r\n#{A} old\n  {B}\n",
            A.to_uppercase()
        );
        let expected = vec![
            (A.to_owned(), Some("Nightly  checks".to_owned())),
            (B.to_owned(), None),
        ];
        assert_eq!(read(&text).unwrap(), expected);
    }

    #[test]
    fn a_hash_within_a_name_is_a_letter() {
        let name = |line: &str| read(line).unwrap().remove(0).1;
        assert_eq!(
            name(&format!("{A} Team #5 C# checks # of the north")).as_deref(),
            Some("Team #5 C# checks")
        );
        assert_eq!(name(&format!("{A} # no name")), None);
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let error = read(&format!("{A}\n\nnonsense here\n")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "jobs.txt:3: \"nonsense\" is not a job (expected a GUID and an optional name)"
        );
    }

    #[test]
    fn a_job_twice_is_one_job_and_its_last_name_counts() {
        let text = format!("{A} first\n{B}\n{A} second\n{A}\n");
        let file = parse(PathBuf::from("jobs.txt"), &text).unwrap();
        assert_eq!(file.jobs.len(), 2);
        assert_eq!(file.jobs[0].name.as_deref(), Some("second"));
        assert_eq!(file.repeated_lines, [3, 4]);
    }

    #[test]
    fn a_file_without_jobs_is_refused() {
        for text in ["", "# none\n\n"] {
            assert!(matches!(read(text), Err(ConfigError::NoJobs { .. })), "{text:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_does_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.txt");
        let mut bytes = vec![0xFF, 0xFE];
        bytes.extend(
            format!("{A} Prüfung\r\n")
                .encode_utf16()
                .flat_map(u16::to_le_bytes),
        );
        fs::write(&path, bytes).unwrap();
        assert_eq!(
            read_jobs_file(&path).unwrap().jobs[0].name.as_deref(),
            Some("Prüfung")
        );
    }

    #[test]
    fn a_list_of_jobs_as_csv_is_read_with_its_watched_jobs_and_given_names() {
        for (text, name) in [
            (
                format!(
                    "job_id,name,name_from,watched,runs\n{A},\"North, all\",given,yes,5\n{B},x,server,no,5\n"
                ),
                Some("North, all"),
            ),
            (
                format!("job_id;name;name_from;watched\r\n{A};North;server;yes\r\n"),
                None,
            ),
            (format!("\"JOB_ID\"\t\"name\"\n{A}\tNorth\n"), Some("North")),
        ] {
            let expected = vec![(A.to_owned(), name.map(str::to_owned))];
            assert_eq!(read(&text).unwrap(), expected, "{text}");
        }
        let error = read(&format!("job_id,name\n{A},x\nnonsense,y\n")).unwrap_err();
        assert!(
            error.to_string().starts_with("jobs.txt:3: \"nonsense\""),
            "{error}"
        );
    }
}
