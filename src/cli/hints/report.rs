//! Hints for errors of reports.

use crate::report::ReportError;

pub(crate) fn report(error: &ReportError) -> Option<String> {
    match error {
        ReportError::Archive(error) => super::archive(error),
        ReportError::Query(error) => super::query(error),
        ReportError::UnknownJob {
            nearest: Some(nearest),
            ..
        } => Some(format!(
            "did you mean {nearest:?}? `jobruns jobs list` shows them all."
        )),
        ReportError::UnknownJob { nearest: None, .. } => {
            Some("`jobruns jobs list` shows them all; take a GUID or a name.".to_owned())
        }
        ReportError::AmbiguousJob { meant, .. } => Some(format!(
            "name each that is meant by its GUID, with --job: {}.",
            meant.join(", ")
        )),
        ReportError::WrongUsage { hint, .. } => hint.map(str::to_owned),
        ReportError::Temporary { .. } => Some(
            "make room there, or name another folder by the environment variable TMPDIR (on Windows TMP)."
                .to_owned(),
        ),
        ReportError::Write(_) | ReportError::SinceAfterUntil { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::QueryError;

    #[test]
    fn a_job_or_parameter_that_is_not_there_has_one_that_may_be_meant() {
        let job = ReportError::UnknownJob {
            given: "Weakly".to_owned(),
            nearest: Some("Weekly".to_owned()),
        };
        assert!(report(&job).unwrap().contains("\"Weekly\""));
        let name = ":a".to_owned();
        let missing = ReportError::Query(QueryError::MissingParameter { name });
        assert_eq!(report(&missing).unwrap(), "give it with --param a=VALUE.");
        let other = ReportError::Query(QueryError::NoSuchParameter {
            name: "b".to_owned(),
            known: vec![":a".to_owned()],
        });
        assert_eq!(report(&other).unwrap(), "it has :a.");
    }
}
