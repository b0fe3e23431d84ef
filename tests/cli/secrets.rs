//! A server that says password and tokens again, in every form and place: none of them is shown, logged or archived.

use crate::common::program::{Ended, Program};
use crate::common::scripted::{Asked, answering, reply};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const JOB: &str = "ff761384-4b49-40b4-97d8-0de38669075a";

/// Has what some encoding changes. The words in it survive every encoding of this test but Base64 and numbers.
const PASSWORD: &str = "Tr0ub4dor&<>\"'/+ %staple";
const ACCESS: &str = "AccessT0kenWithoutAnythingOdd";
const REFRESH: &str = "RefreshT0ken/with+odd=signs&more";

/// Pieces of the secrets that must stand nowhere, whatever was encoded around them.
const TELLING: [&str; 5] = ["Tr0ub4dor", "staple", "T0kenWithout", "RefreshT0ken", "odd=signs"];

type Form = fn(&str) -> String;

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte.is_ascii_alphanumeric() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02x}"),
        })
        .collect()
}

fn html(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

fn json(text: &str) -> String {
    let text = serde_json::Value::from(text).to_string();
    text.replace('/', "\\/")
        .replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('+', "\\u002B")
}

fn each(text: &str, write: impl Fn(u32) -> String) -> String {
    text.chars().map(|character| write(character.into())).collect()
}

/// How a secret may be written. Headers hold what has no line break.
const FORMS: [(&str, Form); 16] = [
    ("plain", str::to_owned),
    ("JSON", json),
    ("JSON in JSON", |text| {
        serde_json::Value::from(json(text)).to_string()
    }),
    ("UTF-16 escapes", |text| each(text, |c| format!("\\u{c:04x}"))),
    ("UTF-16 escapes in capitals", |text| {
        each(text, |c| format!("\\u{c:04X}"))
    }),
    ("HTML", html),
    ("HTML twice", |text| html(&html(text))),
    ("HTML in numbers", |text| each(text, |c| format!("&#{c};"))),
    ("HTML in hexadecimal numbers", |text| {
        each(text, |c| format!("&#x{c:X};"))
    }),
    ("percent", percent),
    ("percent in capitals", |text| percent(text).to_uppercase()),
    ("percent, + for a space", |text| percent(text).replace("%20", "+")),
    ("percent three times", |text| percent(&percent(&percent(text)))),
    ("HTML in percent", |text| percent(&html(text))),
    ("Base64", |text| STANDARD.encode(text)),
    ("Base64 behind a user", |text| {
        STANDARD.encode(format!("auditor:{text}"))
    }),
];

/// Where a server may say a secret.
#[derive(Clone, Copy, Debug)]
enum Place {
    LoginError,
    LoginOauthError,
    LoginPage,
    Location,
    ContentType,
    DataError,
    DataPage,
    JobName,
    NoAnswer,
}

const PLACES: [Place; 9] = [
    Place::LoginError,
    Place::LoginOauthError,
    Place::LoginPage,
    Place::Location,
    Place::ContentType,
    Place::DataError,
    Place::DataPage,
    Place::JobName,
    Place::NoAnswer,
];

fn answer(place: Place, said: &str, asked: &Asked) -> Vec<u8> {
    const JSON: &str = "Content-Type: application/json\r\n";
    const HTML: &str = "Content-Type: text/html\r\n";
    let page = format!("<html><title>The value password=\"{said}\" looks dangerous.</title></html>");
    // A header is one line of visible characters.
    let word: String = said.chars().filter(|c| c.is_ascii_graphic()).collect();
    if asked.line.contains("oauth") {
        return match place {
            Place::LoginError => reply(500, HTML, page),
            Place::LoginOauthError => {
                let error =
                    serde_json::json!({"error": "invalid_grant", "error_description": format!("no: {said}")});
                reply(400, JSON, error.to_string())
            }
            Place::LoginPage => reply(200, HTML, page),
            _ => {
                let token = serde_json::json!({"access_token": ACCESS, "refresh_token": REFRESH});
                reply(200, JSON, token.to_string())
            }
        };
    }
    if !asked.line.contains("jobruns") {
        let name = match place {
            Place::JobName => said,
            _ => "Nightly",
        };
        return reply(
            200,
            JSON,
            serde_json::json!({"JobID": JOB, "JobName": name}).to_string(),
        );
    }
    match place {
        Place::Location => reply(
            302,
            &format!("Location: /login/{word}?again={word}#{word}\r\n"),
            "",
        ),
        Place::ContentType => reply(200, &format!("Content-Type: text/html; x={word}\r\n"), "<html>"),
        Place::DataError => reply(500, HTML, page),
        Place::DataPage => reply(200, HTML, page),
        Place::NoAnswer => reply(200, JSON, serde_json::json!({"Message": said}).to_string()),
        _ => reply(200, JSON, "[]"),
    }
}

/// Expects that no secret stands in what the program said, logged or archived.
#[track_caller]
fn keeps_secrets(program: &Program, ended: Ended, what: &str) {
    let mut places = vec![
        ("stdout".to_owned(), ended.stdout.into_bytes()),
        ("stderr".to_owned(), ended.stderr.into_bytes()),
    ];
    for entry in std::fs::read_dir(program.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        places.push((
            path.display().to_string(),
            std::fs::read(&path).unwrap_or_default(),
        ));
    }
    assert!(places.iter().any(|(name, _)| name.ends_with("log.txt")), "{what}");
    let secrets = [PASSWORD, ACCESS, REFRESH];
    let packed = secrets.map(|secret| STANDARD.encode(secret));
    let numbers = secrets.map(|secret| each(secret, |c| format!("&#{c};")));
    let needles = TELLING
        .iter()
        .copied()
        .chain(packed.iter().map(String::as_str))
        .chain(numbers.iter().map(String::as_str));
    for needle in needles {
        for (name, bytes) in &places {
            let text = String::from_utf8_lossy(bytes).to_lowercase();
            assert!(
                !text.contains(&needle.to_lowercase()),
                "{what}: {needle:?} stands in {name}"
            );
        }
    }
}

fn program(url: &str) -> Program {
    Program::with_password(url, PASSWORD).with("JOBRUNS_LOG_FILE", "log.txt")
}

#[test]
fn no_secret_is_said_again_in_any_form_from_any_place_on_any_channel() {
    for place in PLACES {
        for (name, form) in FORMS {
            // All at once: what does not leak together does not leak alone.
            let said: String = [PASSWORD, ACCESS, REFRESH].map(form).join(" ");
            let url = answering(move |asked| answer(place, &said, asked));
            let program = program(&url);
            let ended = program.run(&[
                "-vv",
                "sync",
                JOB,
                "--insecure",
                "--password-encoding",
                "none",
                "--format",
                "json",
            ]);
            keeps_secrets(&program, ended, &format!("{place:?} as {name}"));
        }
    }
}

#[test]
fn a_login_with_another_status_or_type_is_taken_and_its_tokens_are_not_said() {
    for (status, kind) in [
        (201, "application/json"),
        (200, "text/html"),
        (202, "application/json"),
    ] {
        let url = answering(move |asked| {
            if asked.line.contains("oauth") {
                let token = serde_json::json!({"access_token": ACCESS, "refresh_token": REFRESH});
                return reply(status, &format!("Content-Type: {kind}\r\n"), token.to_string());
            }
            reply(200, "", "[]")
        });
        let program = program(&url);
        let ended = program
            .run(&["-vv", "sync", JOB, "--insecure", "--format", "json"])
            .ends_with(if status == 202 { 1 } else { 0 });
        keeps_secrets(&program, ended, kind);
    }
}

#[test]
fn what_oauth_says_of_a_refused_login_is_still_quoted() {
    let url = answering(|asked| {
        assert!(asked.body.starts_with("grant_type=password&"));
        reply(
            400,
            "",
            r#"{"error":"invalid_grant","error_description":"The user name or password is incorrect.","debug":"x"}"#,
        )
    });
    program(&url)
        .run(&["sync", JOB, "--insecure"])
        .ends_with(1)
        .says("answered 400: invalid_grant: The user name or password is incorrect.")
        .never_shows("debug");
}
