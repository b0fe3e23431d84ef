//! Recognises password and tokens in the text of a server, in whatever form, so that they are never shown or archived.
//!
//! A text is searched for every secret as it stands and after every sequence of decodings that undoes what a web server or
//! a proxy may have done: JSON and HTML escapes, percent-encoding (several times), UTF-16. It is also searched for the
//! secrets in Base64 and hexadecimal. A text that contains a secret is dropped as a whole: nobody can say what the rest of
//! it would reveal.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem;
use zeroize::Zeroizing;

use super::decodings::{unescaped, utf16_decoded, without_entities, without_percents};
use super::text::one_line;
use crate::model::REDACTED;

/// The most secrets that are remembered: those of the settings, and access and refresh token of the latest logins.
const MOST_SECRETS: usize = 16;

/// The most decodings of a text that are searched; a text that has more counts as secret.
const MOST_TEXTS: usize = 400;

/// A piece of a longer secret with this many bytes counts as the secret: a text that is cut within it, or that wraps lines,
/// must not show most of it.
const PIECE: usize = 16;

/// At the end of a cut text, a beginning of a secret that is no longer than this counts as coincidence.
const CHANCE: usize = 3;

/// The secrets of one client.
#[derive(Default)]
pub(super) struct Redactor {
    secrets: RwLock<VecDeque<Needles>>,
}

/// A secret in every form that the decodings do not undo, in lower case.
struct Needles {
    secret: Zeroizing<String>,
    forms: Vec<Zeroizing<Vec<u8>>>,
}

impl Redactor {
    /// From now on, no text that contains `secret` is quoted.
    pub(super) fn add(&self, secret: &str) {
        let mut secrets = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        if secret.is_empty() || secrets.iter().any(|known| *known.secret == secret) {
            return;
        }
        secrets.push_back(Needles::of(secret));
        if secrets.len() > MOST_SECRETS {
            // The first ones, those of the settings, stay.
            secrets.remove(MOST_SECRETS / 4);
        }
    }

    /// The text of a server as one line, or a placeholder if it contains a secret. `cut` says that the text goes on.
    pub(super) fn quote(&self, bytes: &[u8], cut: bool) -> String {
        if self.is_secret(bytes, cut) {
            return REDACTED.to_owned();
        }
        one_line(bytes)
    }

    /// Whether the text contains a secret in any form.
    pub(super) fn is_secret(&self, bytes: &[u8], cut: bool) -> bool {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        if secrets.is_empty() || bytes.is_empty() {
            return false;
        }
        let mut seen: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        let mut waiting = VecDeque::from([Zeroizing::new(bytes.to_vec())]);
        // Each decoding makes the text shorter, so this ends.
        while let Some(text) = waiting.pop_front() {
            if seen.contains(&text) {
                continue;
            }
            if seen.len() >= MOST_TEXTS {
                return true;
            }
            let plain = normalized(&text);
            if secrets.iter().any(|secret| secret.is_in(&plain, cut)) {
                return true;
            }
            let decoded = [unescaped, without_entities, without_percents, utf16_decoded];
            waiting.extend(
                decoded
                    .iter()
                    .filter_map(|decode| decode(&text).map(Zeroizing::new)),
            );
            seen.push(text);
        }
        false
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Needles {
    fn of(secret: &str) -> Self {
        let wide: Zeroizing<Vec<u8>> =
            Zeroizing::new(secret.encode_utf16().flat_map(u16::to_le_bytes).collect());
        let mut forms = vec![Zeroizing::new(normalized(secret.as_bytes()))];
        if let Some(narrow) = secret
            .chars()
            .map(|c| u8::try_from(c).ok())
            .collect::<Option<Vec<u8>>>()
        {
            forms.push(Zeroizing::new(normalized(&narrow)));
        }
        for bytes in [secret.as_bytes(), wide.as_slice()] {
            forms.push(Zeroizing::new(crate::model::hex(bytes).into_bytes()));
            for alphabet in [&alphabet::STANDARD, &alphabet::URL_SAFE] {
                for before in 0..3 {
                    forms.extend(base64_within(bytes, before, alphabet));
                }
            }
        }
        Self {
            secret: Zeroizing::new(secret.to_owned()),
            forms,
        }
    }

    fn is_in(&self, text: &[u8], cut: bool) -> bool {
        let found = |needle: &[u8]| memmem::find(text, needle).is_some();
        self.forms.iter().any(|form| {
            let whole = match form.len() {
                0..=PIECE => found(form),
                length => form.chunks_exact(PIECE).any(found) || found(&form[length - PIECE..]),
            };
            whole || (cut && ends_within(text, form))
        })
    }
}

/// The Base64 digits that depend only on `bytes` if `before` other bytes (0 to 2) precede them in the same group; `None` if
/// they are too few to mean anything.
fn base64_within(bytes: &[u8], before: usize, alphabet: &alphabet::Alphabet) -> Option<Zeroizing<Vec<u8>>> {
    const LEAST: usize = 6;
    let engine = GeneralPurpose::new(alphabet, GeneralPurposeConfig::new().with_encode_padding(false));
    let mut padded = Zeroizing::new(vec![0; before]);
    padded.extend_from_slice(bytes);
    let encoded = Zeroizing::new(engine.encode(&*padded));
    // The digits at the edges also depend on the neighbours.
    let from = (before * 8).div_ceil(6);
    let to = padded.len() * 8 / 6;
    let inner = encoded.get(from..to)?;
    (inner.len() >= LEAST).then(|| Zeroizing::new(normalized(inner.as_bytes())))
}

/// Whether `text` ends with the beginning of `secret`, possibly followed by an escape that was cut.
fn ends_within(text: &[u8], secret: &[u8]) -> bool {
    const LONGEST_REMNANT: usize = 8;
    (0..=LONGEST_REMNANT.min(text.len())).any(|remnant| {
        let text = &text[..text.len() - remnant];
        (CHANCE + 1..=secret.len().min(text.len())).any(|length| text.ends_with(&secret[..length]))
    })
}

/// The text for comparison: in lower case, without bytes that may stand for a space or may be inserted (`+`, line breaks of
/// wrapped Base64, NUL of UTF-16).
fn normalized(text: &[u8]) -> Vec<u8> {
    text.iter()
        .filter(|byte| !matches!(byte, 0 | b'\t' | b'\r' | b'\n' | b' ' | b'+'))
        .map(u8::to_ascii_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has all that some encoding changes.
    const SECRET: &str = "Tr0ub&d<or>\"x'y/+ %41\\\u{e4}";

    fn knowing(secret: &str) -> Redactor {
        let redactor = Redactor::default();
        redactor.add(secret);
        redactor
    }

    fn percent(text: &str, upper: bool) -> String {
        let encode = |byte: u8| match (byte.is_ascii_alphanumeric(), upper) {
            (true, _) => char::from(byte).to_string(),
            (false, true) => format!("%{byte:02X}"),
            (false, false) => format!("%{byte:02x}"),
        };
        text.bytes().map(encode).collect()
    }

    fn each(text: &str, write: impl Fn(char) -> String) -> String {
        text.chars().map(write).collect()
    }

    /// The secret as servers, frameworks and proxies write it.
    fn forms(secret: &str) -> Vec<String> {
        let engine = base64::engine::general_purpose::STANDARD;
        let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let json = serde_json::Value::from(secret).to_string();
        let html = secret
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let html = html.replace('"', "&quot;").replace('\'', "&#39;");
        let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let once = percent(secret, true);
        let mut forms = vec![
            secret.to_owned(),
            secret.to_uppercase(),
            json.clone(),
            json.replace('/', "\\/"),
            serde_json::Value::from(json.clone()).to_string(),
            each(secret, |c| format!("\\u{:04x}", u32::from(c))),
            each(secret, |c| format!("\\u{:04X}", u32::from(c))),
            each(secret, |c| {
                if u32::from(c) < 256 {
                    format!("\\x{:02x}", u32::from(c))
                } else {
                    c.to_string()
                }
            }),
            each(secret, |c| format!("\\u{{{:x}}}", u32::from(c))),
            each(secret, |c| format!("\\U{:08x}", u32::from(c))),
            secret.bytes().map(|byte| format!("\\{byte:03o}")).collect(),
            json.replace('&', "\\u0026")
                .replace('<', "\\u003c")
                .replace('>', "\\u003E")
                .replace('\'', "\\u0027"),
            html.clone(),
            html.replace("&#39;", "&apos;"),
            html.replace("&#39;", "&#x27;")
                .replace('/', "&#x2F;")
                .replace('+', "&plus;")
                .replace('%', "&percnt;"),
            html.replace('&', "&amp;"),
            each(secret, |c| format!("&#{};", u32::from(c))),
            each(secret, |c| format!("&#x{:X};", u32::from(c))),
            each(secret, |c| format!("&#x{:06x};", u32::from(c))),
            once.clone(),
            percent(secret, false),
            once.replace("%20", "+"),
            percent(&once, true),
            percent(&percent(&once, false), true),
            percent(&percent(&percent(&once, true), true), true),
            each(secret, |c| format!("%u{:04x}", u32::from(c))),
            percent(&html, true),
            percent(&json, false),
            serde_json::Value::from(html.clone()).to_string(),
            engine.encode(secret),
            url_safe.encode(secret),
            engine.encode(format!("auditor:{secret}")),
            engine.encode(format!("CORP\\auditor:{secret}:x")),
            engine.encode(engine.encode(secret)).chars().collect(),
            percent(&engine.encode(secret), true),
            engine.encode(&wide),
            crate::model::hex(secret.as_bytes()),
            crate::model::hex(secret.as_bytes()).to_uppercase(),
        ];
        forms.retain(|form| !form.is_empty());
        forms
    }

    #[test]
    fn a_text_with_a_secret_in_any_form_is_dropped_whole() {
        let redactor = knowing(SECRET);
        // As the session does: the form of the token request is a secret too.
        redactor.add(&base64::engine::general_purpose::STANDARD.encode(SECRET));
        for form in forms(SECRET) {
            let said = format!("<p>The value password={form}; is wrong</p>");
            assert_eq!(redactor.quote(said.as_bytes(), false), REDACTED, "{said}");
            assert_eq!(redactor.quote(form.as_bytes(), false), REDACTED, "{form}");
        }
        for wide in [
            SECRET
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>(),
            SECRET.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        ] {
            assert_eq!(redactor.quote(&wide, false), REDACTED);
        }
        let latin: Vec<u8> = SECRET.chars().map(|c| u8::try_from(c).unwrap()).collect();
        assert_eq!(redactor.quote(&latin, false), REDACTED);
    }

    #[test]
    fn a_text_without_a_secret_is_quoted_as_it_is() {
        let redactor = knowing(SECRET);
        redactor.add("");
        redactor.add("TOKENTOKENTOKENTOKENTOKENTOKEN");
        for text in [
            "JobID is invalid.",
            "<p>100% of C:\\temp &amp; d&lt;x token</p>",
            "%41%zz\\q&nosuch; &#xffffff; \\ud800 %",
        ] {
            assert_eq!(redactor.quote(text.as_bytes(), false), text);
        }
        assert_eq!(Redactor::default().quote(b"any thing", true), "any thing");
    }

    #[test]
    fn a_piece_of_a_token_and_the_beginning_of_a_secret_at_a_cut_are_found() {
        let redactor = knowing("0123456789abcdefghijklmnopqrstuvwxyz-0123456789");
        assert!(redactor.is_secret(b"..lmnopqrstuvwxyz-0123456789 (end)", false));
        assert!(redactor.is_secret(b"token 01234", true));
        assert!(redactor.is_secret(b"token 01234%3", true));
        assert!(!redactor.is_secret(b"token 01234", false));
        assert!(!redactor.is_secret(b"token 012", true));
    }

    #[test]
    fn many_encodings_hide_nothing_and_end() {
        let redactor = knowing("hunter2&");
        let mut text = "hunter2&".to_owned();
        for _ in 0..12 {
            text = percent(&text, true);
        }
        assert!(redactor.is_secret(text.as_bytes(), false));
        let maze = "%5c&#92;".repeat(500);
        redactor.is_secret(maze.as_bytes(), false);
    }

    #[test]
    fn old_tokens_make_room_and_the_password_stays() {
        let redactor = knowing("password");
        for number in 0..100 {
            redactor.add(&format!("token-{number}-"));
        }
        assert!(redactor.is_secret(b"password", false));
        assert!(redactor.is_secret(b"token-99-", false));
        assert!(!redactor.is_secret(b"token-50-", false));
    }
}
