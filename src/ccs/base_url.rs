//! The server's base URL, checked once.

use reqwest::Url;

use super::error::{CcsError, UrlProblem};
use super::settings::Trust;

/// The path of the REST API under the server's base (API document, "URL").
const API_PATH: &str = "/ccs/api/v1";

/// A base URL that passed all checks.
#[derive(Debug, Clone)]
pub(super) struct BaseUrl {
    /// Ends with `/ccs/api/v1/`.
    api: Url,
}

/// Checks a base URL as [`super::Client::new`] does, so that a wrong one is reported before a password is asked for.
///
/// # Errors
/// [`CcsError::BadUrl`].
pub fn check_base_url(text: &str, trust: &Trust) -> Result<(), CcsError> {
    BaseUrl::parse(text, trust).map(drop)
}

/// A base URL in the normalized form that the archive records as a job's server.
///
/// # Errors
/// [`CcsError::BadUrl`].
pub fn plain_base_url(text: &str) -> Result<String, CcsError> {
    BaseUrl::parse(text, &Trust::Insecure).map(|base| base.plain().to_owned())
}

impl BaseUrl {
    /// Checks `text`: an `https://` URL (or `http://` with [`Trust::Insecure`]) with a host, without user, password,
    /// query and fragment. Slashes at the end and the API's own path are taken off.
    pub(super) fn parse(text: &str, trust: &Trust) -> Result<Self, CcsError> {
        let bad = |reason: UrlProblem| CcsError::BadUrl {
            url: without_userinfo(text.trim()),
            reason,
        };
        let mut url = Url::parse(text.trim()).map_err(|_| bad(UrlProblem::NotAUrl))?;
        match (url.scheme(), trust) {
            ("https", _) | ("http", Trust::Insecure) => {}
            ("http", _) => return Err(bad(UrlProblem::PlainHttp)),
            _ => {
                return Err(bad(UrlProblem::NotHttps));
            }
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad(UrlProblem::UserInfo));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad(UrlProblem::Query));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(bad(UrlProblem::NoHost));
        }
        let path = url.path().trim_end_matches('/');
        let split = path.len().saturating_sub(API_PATH.len());
        let prefix = match (path.get(..split), path.get(split..)) {
            (Some(prefix), Some(end)) if end.eq_ignore_ascii_case(API_PATH) => prefix,
            _ => path,
        };
        let path = format!("{}{API_PATH}/", prefix.trim_end_matches('/'));
        url.set_path(&path);
        Ok(Self { api: url })
    }

    /// The base without the API's own path, normalized.
    pub(super) fn plain(&self) -> &str {
        let api = self.api.as_str().trim_end_matches('/');
        api.strip_suffix(API_PATH).unwrap_or(api)
    }

    /// The URL of `path` under the API, e.g. `Jobs`.
    pub(super) fn endpoint(&self, path: &str) -> Url {
        self.api
            .join(path)
            .expect("the relative paths of this module join any http URL")
    }

    /// The root of the server, which every HTTP server answers in some way.
    pub(super) fn root(&self) -> Url {
        self.api.join("/").expect("`/` joins any http URL")
    }

    /// Whether the server is this machine, which no proxy is used for.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.api.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<std::net::IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        }
    }
}

/// Host (an IPv6 address without brackets) and port of a base URL; `None` if it cannot be used.
#[must_use]
pub fn host_and_port(base_url: &str) -> Option<(String, u16)> {
    let base = BaseUrl::parse(base_url, &Trust::Insecure).ok()?;
    let url = base.root();
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), url.port_or_known_default()?))
}

/// Whether `other` has the scheme, host and port of `url`: the only place that may see token and password.
pub(super) fn same_server(url: &Url, other: &Url) -> bool {
    url.scheme() == other.scheme()
        && url.host() == other.host()
        && url.port_or_known_default() == other.port_or_known_default()
}

/// Scheme, host and port, which identify the server in messages.
pub(super) fn origin(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    }
}

/// `url` for a message: without user, password, query and fragment.
pub(super) fn shown(url: &Url) -> String {
    format!("{}{}", origin(url), url.path())
}

/// A text that need not be a URL, without what could be a password: everything before the last `@`, and from `?` or `#` on.
fn without_userinfo(text: &str) -> String {
    let (scheme, rest) = text
        .split_once("://")
        .map_or(("", text), |(scheme, rest)| (scheme, rest));
    // `@` first: a password may contain `?` and `#`.
    let plain = |text: &str| text.split(['?', '#']).next().unwrap_or_default().to_owned();
    let Some((_, rest)) = rest.rsplit_once('@') else {
        return plain(text);
    };
    let rest = plain(rest);
    let separator = if scheme.is_empty() { "" } else { "://" };
    // A "scheme" with an `@` is the beginning of a password that contains `://`.
    let scheme = if scheme.contains('@') { "" } else { scheme };
    format!("{scheme}{separator}{}@{rest}", crate::model::REDACTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> String {
        BaseUrl::parse(text, &Trust::System)
            .unwrap()
            .endpoint("Jobs")
            .to_string()
    }

    #[test]
    fn the_api_path_is_added_once() {
        for text in [
            "https://ccs:12431",
            " https://ccs:12431/ ",
            "https://ccs:12431/ccs/api/v1",
            "https://ccs:12431/CCS/API/v1//",
        ] {
            assert_eq!(endpoint(text), "https://ccs:12431/ccs/api/v1/Jobs", "{text}");
        }
        assert_eq!(
            endpoint("https://gate/inner/"),
            "https://gate/inner/ccs/api/v1/Jobs"
        );
        assert_eq!(endpoint("https://[::1]:8"), "https://[::1]:8/ccs/api/v1/Jobs");
        assert_eq!(
            endpoint("https://h/üüüüüüü"),
            "https://h/%C3%BC%C3%BC%C3%BC%C3%BC%C3%BC%C3%BC%C3%BC/ccs/api/v1/Jobs"
        );
    }

    #[test]
    fn what_is_no_base_url_is_refused_and_a_password_in_it_not_shown() {
        for text in [
            "",
            "ccs.example:12431",
            "ccs",
            "ftp://ccs",
            "https://",
            "http://ccs:12431",
            "https://ccs/?count=0",
            "https://ccs/#x",
            "https://auditor:hunter2@ccs:12431",
            "https://hunter2@ccs",
            "auditor:hunter2@ccs:12431",
            "https://auditor:hunter2@ccs:port",
            "https://auditor:hunter2/@ccs:port",
            "https://auditor:x?hunter2#@ccs:port",
            "https://ccs/?password=hunter2",
        ] {
            let error = BaseUrl::parse(text, &Trust::System).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(matches!(error, CcsError::BadUrl { .. }), "{text}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn plain_http_needs_insecure() {
        assert!(BaseUrl::parse("http://127.0.0.1:1", &Trust::Insecure).is_ok());
        let error = BaseUrl::parse("http://ccs:1", &Trust::Pin([0; 32])).unwrap_err();
        assert!(matches!(
            error,
            CcsError::BadUrl {
                reason: UrlProblem::PlainHttp,
                ..
            }
        ));
    }

    #[test]
    fn loopback_is_known_by_name_and_number() {
        for (text, expected) in [
            ("https://localhost", true),
            ("https://127.1.2.3", true),
            ("https://[::1]", true),
            ("https://ccs.localhost", true),
            ("https://10.0.0.1", false),
            ("https://localhost.example", false),
        ] {
            assert_eq!(
                BaseUrl::parse(text, &Trust::System).unwrap().is_loopback(),
                expected,
                "{text}"
            );
        }
    }
}
