//! What jobs are called in tables and messages.

use std::collections::HashMap;

/// The most jobs that a message names.
const NAMED_JOBS: usize = 3;

/// Digits of a job's GUID that tell two jobs of one name apart.
const SHORT_ID: usize = 8;

/// What each job is called: its name, with the beginning of its GUID where another job has the same name; the GUID of a job
/// without a name.
pub(crate) fn titles<'j>(jobs: impl Iterator<Item = (&'j str, Option<&'j str>)> + Clone) -> Vec<String> {
    let mut bearers: HashMap<&str, u32> = HashMap::new();
    for name in jobs.clone().filter_map(|(_, name)| name) {
        *bearers.entry(name).or_default() += 1;
    }
    jobs.map(|(id, name)| match name {
        Some(name) if bearers[name] > 1 => {
            let short = id.get(..SHORT_ID).unwrap_or(id);
            format!("{name} ({short})")
        }
        Some(name) => name.to_owned(),
        None => id.to_owned(),
    })
    .collect()
}

/// The jobs of a message: the title of one, "20 jobs (A, B, C and 17 more)" of several.
pub(crate) fn list_of_jobs(titles: &[&str]) -> String {
    let (named, more) = titles.split_at(titles.len().min(NAMED_JOBS));
    let count = titles.len();
    match (titles, more.len()) {
        ([title], _) => (*title).to_owned(),
        (_, 0) => format!("{count} jobs ({})", named.join(", ")),
        (_, more) => format!("{count} jobs ({} and {more} more)", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_jobs_of_one_name_are_told_apart() {
        let jobs = [
            ("aaaaaaaa-1", Some("Nightly")),
            ("bbbbbbbb-2", Some("Weekly")),
            ("cccccccc-3", Some("Nightly")),
            ("dddddddd-4", None),
        ];
        assert_eq!(
            titles(jobs.into_iter()),
            ["Nightly (aaaaaaaa)", "Weekly", "Nightly (cccccccc)", "dddddddd-4"]
        );
    }

    #[test]
    fn a_message_names_some_of_many_jobs() {
        assert_eq!(list_of_jobs(&["A"]), "A");
        assert_eq!(list_of_jobs(&["A", "B", "C"]), "3 jobs (A, B, C)");
        assert_eq!(
            list_of_jobs(&["A", "B", "C", "D", "E"]),
            "5 jobs (A, B, C and 2 more)"
        );
    }
}
