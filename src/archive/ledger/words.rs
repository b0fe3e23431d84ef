//! The words of a line, read one after the other: a key that must be the next, and a value in its only spelling.

use chrono::NaiveDate;

use crate::model::{Guid, Instant, Sha256, TICKS_PER_SECOND, ZoneName};

/// The words of a line that were not read yet.
pub(super) struct LineWords<'line> {
    pub(super) kind: &'line str,
    rest: Option<&'line str>,
}

impl<'line> LineWords<'line> {
    pub(super) fn of(line: &'line str) -> Self {
        match line.split_once(' ') {
            Some((kind, rest)) => Self {
                kind,
                rest: Some(rest),
            },
            None => Self {
                kind: line,
                rest: None,
            },
        }
    }

    pub(super) fn text(&mut self, key: &str) -> Result<&'line str, String> {
        let rest = self.rest.ok_or_else(|| format!("the word {key} is missing"))?;
        let (word, after) = match rest.split_once(' ') {
            Some((word, after)) => (word, Some(after)),
            None => (rest, None),
        };
        self.rest = after;
        word.strip_prefix(key)
            .and_then(|value| value.strip_prefix('='))
            .ok_or_else(|| format!("{word:?} stands where {key} is expected"))
    }

    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, String> {
        let text = self.text(key)?;
        parse(text).ok_or_else(|| format!("{key}={text} cannot be read"))
    }

    /// A value in the only form in which it is written: comparing lines as text and as values gives the same result.
    pub(super) fn exact<T: std::str::FromStr + ToString>(&mut self, key: &str) -> Result<T, String> {
        self.parsed(key, |text| {
            text.parse().ok().filter(|value: &T| value.to_string() == text)
        })
    }

    /// No line of a program has a negative number, nor one of more than 18 digits.
    pub(super) fn number<T: std::str::FromStr + ToString>(&mut self, key: &str) -> Result<T, String> {
        let number = self.exact::<T>(key)?;
        let text = number.to_string();
        if text.starts_with('-') || text.len() > 18 {
            return Err(format!("{key}={text} cannot be read"));
        }
        Ok(number)
    }

    /// A number, or `auto`.
    pub(super) fn count_or_auto(&mut self, key: &str) -> Result<Option<i64>, String> {
        let is_auto = |rest: &str| rest.split(' ').next() == Some(&*format!("{key}=auto"));
        if self.rest.is_some_and(is_auto) {
            return self.text(key).map(|_| None);
        }
        self.number(key).map(Some)
    }

    /// Seconds of either sign, of at most 18 digits, or `-`.
    pub(super) fn seconds_or_none(&mut self, key: &str) -> Result<Option<i64>, String> {
        self.parsed(key, |text| match text {
            "-" => Some(None),
            text => {
                let seconds = text.parse::<i64>().ok()?;
                (seconds.to_string() == text && seconds.unsigned_abs() < 10_u64.pow(18))
                    .then_some(Some(seconds))
            }
        })
    }

    pub(super) fn guid(&mut self, key: &str) -> Result<Guid, String> {
        self.exact(key)
    }

    pub(super) fn guid_or_none(&mut self, key: &str) -> Result<Option<Guid>, String> {
        let is_none = |rest: &str| rest.split(' ').next() == Some(&*format!("{key}=-"));
        if self.rest.is_some_and(is_none) {
            return self.text(key).map(|_| None);
        }
        self.guid(key).map(Some)
    }

    /// A word of visible ASCII, so that a printed line stays one line.
    pub(super) fn word(&mut self, key: &str) -> Result<String, String> {
        self.parsed(key, |text| is_word(text).then(|| text.to_owned()))
    }

    pub(super) fn hash(&mut self, key: &str) -> Result<Sha256, String> {
        self.parsed(key, read_hash)
    }

    pub(super) fn hash_or_none(&mut self, key: &str) -> Result<Option<Sha256>, String> {
        self.parsed(key, |text| match text {
            "-" => Some(None),
            text => read_hash(text).map(Some),
        })
    }

    pub(super) fn time(&mut self, key: &str) -> Result<i64, String> {
        self.parsed(key, read_time)
    }

    pub(super) fn time_or_none(&mut self, key: &str) -> Result<Option<i64>, String> {
        self.parsed(key, |text| match text {
            "-" => Some(None),
            text => read_time(text).map(Some),
        })
    }

    pub(super) fn instant_or_none(&mut self, key: &str) -> Result<Option<Instant>, String> {
        self.parsed(key, |text| match text {
            "-" => Some(None),
            text => read_instant(text).map(Some),
        })
    }

    pub(super) fn zone(&mut self, key: &str) -> Result<ZoneName, String> {
        self.exact(key)
    }

    pub(super) fn end(&self) -> Result<(), String> {
        match self.rest {
            None => Ok(()),
            Some(rest) => Err(format!("{rest:?} stands behind its last word")),
        }
    }
}

pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The bytes of 64 lower-case hexadecimal digits.
pub(super) fn read_hash(text: &str) -> Option<Sha256> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let text: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(hash)
}

/// An instant of the server: as [`read_time`], with up to seven digits of a fraction that does not end in 0.
fn read_instant(text: &str) -> Option<Instant> {
    let (seconds, fraction) = match text.split_once('.') {
        Some((seconds, fraction)) => (format!("{seconds}Z"), fraction.strip_suffix('Z')?),
        None => (text.to_owned(), "0"),
    };
    let ticks: i64 = format!("{fraction:0<7}")
        .parse()
        .ok()
        .filter(|_| fraction.len() <= 7)?;
    let instant = Instant::from_ticks(read_time(&seconds)? * TICKS_PER_SECOND + ticks);
    (instant.to_string() == text).then_some(instant)
}

/// Seconds since 1970 of `2026-01-31T03:00:00Z`.
pub(super) fn read_time(text: &str) -> Option<i64> {
    let shape = text.len() == 20
        && text
            .bytes()
            .zip("0000-00-00T00:00:00Z".bytes())
            .all(|(byte, like)| {
                if like == b'0' {
                    byte.is_ascii_digit()
                } else {
                    byte == like
                }
            });
    if !shape || text.starts_with("0000") {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<u32>().ok();
    let day = NaiveDate::from_ymd_opt(i32::try_from(number(0..4)?).ok()?, number(5..7)?, number(8..10)?)?;
    let time = day.and_hms_opt(number(11..13)?, number(14..16)?, number(17..19)?)?;
    Some(time.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_1970() {
        assert_eq!(read_time("1970-01-01T00:00:01Z"), Some(1));
        assert_eq!(read_time("2026-01-31T03:00:00Z"), Some(1_769_828_400));
        for wrong in [
            "2026-01-31T03:00:00",
            "2026-01-31 03:00:00Z",
            "2026-01-31T03:00:00.5Z",
            "0000-01-31T03:00:00Z",
            "+026-01-31T03:00:00Z",
        ] {
            assert_eq!(read_time(wrong), None, "{wrong}");
        }
    }
}
