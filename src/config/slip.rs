//! Usual mistakes in TOML, and what to write instead.

/// How to correct a line that is not TOML; `None` if the mistake is not a usual one. Repeats only the key of the line,
/// which may contain a password.
pub(super) fn remedy(line: &str) -> Option<String> {
    let line = line.trim();
    if line.contains([
        '\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}', '\u{201a}', '\u{ab}', '\u{bb}',
    ]) {
        return Some("it has typographic quotes, as word processors and web pages make them; write straight ones: key = 'value'".to_owned());
    }
    if line.contains('\u{a0}') {
        return Some("it has a no-break space, as web pages have them; write a blank".to_owned());
    }
    if line.contains('\r') {
        return Some(
            "its lines end with a carriage return alone; save the file with the line ends of Windows or Unix"
                .to_owned(),
        );
    }
    let Some((key, value)) = line.split_once('=') else {
        let is_setting = line.split_once([':', ' ']).is_some_and(|(key, _)| is_key(key));
        return is_setting.then(|| "a setting is written with an equals sign: key = 'value'".to_owned());
    };
    let (key, value) = (key.trim(), value.trim());
    let key = if is_key(key) { key } else { "key" };
    if value.starts_with('"') && value.contains('\\') {
        return Some(format!(
            "in double quotes a backslash begins an escape; write the value in single quotes, which take it as it is: {key} = '...'"
        ));
    }
    if value.is_empty() {
        return Some(format!("the value is missing: {key} = '...', or delete the line"));
    }
    if value.starts_with(['"', '\'', '[', '{']) {
        return None;
    }
    let word = value.split(['#', ' ']).next().unwrap_or_default().to_lowercase();
    if ["true", "false", "yes", "no", "on", "off"].contains(&word.as_str()) {
        return Some(format!(
            "yes and no are written in small letters: {key} = true, or {key} = false"
        ));
    }
    Some(format!(
        "a text, such as a name, path, URL or pin, stands in quotes: {key} = '...'"
    ))
}

/// Whether it is spelled like the key of a setting.
pub(super) fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_slips_are_told_with_the_way_to_write_it_and_without_the_value() {
        for (line, told) in [
            (r#"username = "CORP\hunter2""#, "single quotes"),
            ("pin = 0aF3hunter2", "pin = '...'"),
            ("url = https://ccs.example:12431/hunter2", "stands in quotes"),
            ("insecure = True # hunter2", "insecure = true"),
            ("url = \u{201c}hunter2\u{201d}", "straight ones"),
            ("url\u{a0}= 'hunter2'", "no-break space"),
            ("url: hunter2", "equals sign"),
            ("url =", "the value is missing"),
        ] {
            let remedy = remedy(line).unwrap_or_default();
            assert!(remedy.contains(told), "{line}: {remedy}");
            assert!(!remedy.contains("hunter2"), "{line}: {remedy}");
        }
        assert_eq!(remedy("retries = [1, 2"), None);
    }
}
