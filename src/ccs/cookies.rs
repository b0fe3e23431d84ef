//! The cookies of the server. A load balancer ties a client to one of several servers by a cookie, and a token is known
//! only to the server that issued it.

use std::sync::{Mutex, PoisonError};

use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};

/// The most cookies that are kept; a load balancer sets one or two.
const MOST_COOKIES: usize = 32;

/// The longest cookie that is kept, in bytes; the limit of browsers.
const LONGEST_COOKIE: usize = 4096;

#[derive(Default)]
pub(super) struct Cookies(Mutex<Vec<(String, String)>>);

impl Cookies {
    /// Stores what an answer sets. All answers are from one server, which gets every cookie back. A cookie with an expiry
    /// in the future is kept like one without: a sync is over before.
    pub(super) fn take(&self, headers: &HeaderMap) {
        let mut cookies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for value in headers.get_all(SET_COOKIE) {
            let Some((name, value, over)) = value.to_str().ok().and_then(parsed) else {
                continue;
            };
            cookies.retain(|(known, _)| known != name);
            if !over && cookies.len() < MOST_COOKIES {
                cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// The `Cookie` header of the next request, if there are any.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let cookies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs: Vec<String> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut header = HeaderValue::from_str(&pairs.join("; "))
            .ok()
            .filter(|header| !header.is_empty())?;
        header.set_sensitive(true);
        Some(header)
    }
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookies")
    }
}

/// Name and value of a cookie, and whether it is to be removed.
fn parsed(text: &str) -> Option<(&str, &str, bool)> {
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || name.len() + value.len() > LONGEST_COOKIE {
        return None;
    }
    let mut over = None;
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            // It has priority over a date (RFC 6265, 5.3).
            "max-age" => over = value.parse::<i64>().ok().map(|seconds| seconds <= 0).or(over),
            "expires" if over.is_none() => {
                let date = chrono::DateTime::parse_from_rfc2822(value).ok();
                over = date.map(|date| date < chrono::Utc::now());
            }
            _ => {}
        }
    }
    Some((name, value, over.unwrap_or(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &[&str]) -> Option<String> {
        let cookies = Cookies::default();
        for line in lines {
            let mut headers = HeaderMap::new();
            headers.append(SET_COOKIE, line.parse().unwrap());
            cookies.take(&headers);
        }
        cookies.header().map(|header| header.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_cookie_is_sent_back_until_it_is_taken_back() {
        assert_eq!(after(&[]), None);
        assert_eq!(
            after(&["lb=node1; Path=/; HttpOnly", "x=\"a=b\"; Secure; Max-Age=60"]).unwrap(),
            "lb=node1; x=\"a=b\""
        );
        assert_eq!(after(&["lb=node1", "lb=node2"]).unwrap(), "lb=node2");
        assert_eq!(after(&["lb=node1", "lb=; Max-Age=0"]), None);
        assert_eq!(
            after(&["lb=node1", "lb=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]),
            None
        );
        assert_eq!(after(&["nothing", "=x"]), None);
    }
}
