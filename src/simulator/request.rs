//! What a request asks for.

/// What a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource<'a> {
    Tokens,
    Jobs,
    /// With the id as written in the path.
    Job(&'a str),
    Runs(&'a str),
    Elsewhere,
}

/// What a path, in any letter case, asks for.
pub(super) fn place(path: &str) -> Resource<'_> {
    let is = |part: &str, name: &str| part.eq_ignore_ascii_case(name);
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let [ccs, api, version, rest @ ..] = parts.as_slice() else {
        return Resource::Elsewhere;
    };
    if !(is(ccs, "ccs") && is(api, "api") && is(version, "v1")) {
        return Resource::Elsewhere;
    }
    match rest {
        [oauth, tokens] if is(oauth, "oauth") && is(tokens, "tokens") => Resource::Tokens,
        [jobs] if is(jobs, "jobs") => Resource::Jobs,
        [jobs, id] if is(jobs, "jobs") => Resource::Job(id),
        [jobs, id, runs] if is(jobs, "jobs") && is(runs, "jobruns") => Resource::Runs(id),
        _ => Resource::Elsewhere,
    }
}

/// Whether an `Accept-Encoding` names gzip without forbidding it by a weight of 0.
pub(super) fn asks_for_gzip(value: &str) -> bool {
    value.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"))
            && !parts.any(|part| {
                let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
                weight.is_some_and(|weight| weight.parse() == Ok(0.0))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_in_any_letter_case() {
        assert_eq!(place("/ccs/api/v1/oauth/tokens"), Resource::Tokens);
        assert_eq!(place("/CCS/Api/V1/jobs/"), Resource::Jobs);
        assert_eq!(place("/ccs/api/v1/Jobs/Ab"), Resource::Job("Ab"));
        assert_eq!(place("/ccs/api/v1/jobs/Ab/JobRuns"), Resource::Runs("Ab"));
        for other in ["", "/", "/ccs/api/v2/jobs", "/jobs", "/ccs/api/v1/jobs/a/runs"] {
            assert_eq!(place(other), Resource::Elsewhere, "{other}");
        }
    }

    #[test]
    fn gzip_is_asked_for_by_name_and_a_weight_above_nothing() {
        for asks in ["gzip", "br, GZIP", "gzip;q=0.1", "deflate;q=0, gzip; q=1"] {
            assert!(asks_for_gzip(asks), "{asks}");
        }
        for asks_not in ["", "identity", "gzip;q=0", "gzip; q=0.0", "x-gzipped"] {
            assert!(!asks_for_gzip(asks_not), "{asks_not}");
        }
    }
}
