//! Text files as editors and shells write them: UTF-8 with or without a byte order mark, UTF-16 with one.

/// The bytes are not text in an encoding that is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// Neither a byte order mark nor UTF-8 in this line, from 1.
    #[error("it is not UTF-8 text (line {0}); save it as UTF-8 (in Notepad: Save As, Encoding)")]
    NotUtf8(usize),
    /// UTF-16 by its byte order mark, but broken inside.
    #[error("it begins like UTF-16 text and is broken inside; save it as UTF-8")]
    BrokenUtf16,
    /// Zero bytes: UTF-16 without a byte order mark, or no text at all.
    #[error("it holds zero bytes (UTF-16 without a byte order mark?); save it as UTF-8")]
    ZeroBytes,
}

/// The text of a small file. Windows PowerShell's `>` writes UTF-16LE with a byte order mark; Notepad writes either.
///
/// # Errors
/// [`NotText`] if the encoding is not certain; contains nothing of the text.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, NotText> {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest)?,
        _ => utf8(bytes)?,
    };
    if text.contains('\0') {
        Err(NotText::ZeroBytes)
    } else {
        Ok(text)
    }
}

fn utf8(bytes: &[u8]) -> Result<String, NotText> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| {
        if bytes.contains(&0) {
            NotText::ZeroBytes
        } else {
            let before = &bytes[..error.valid_up_to()];
            NotText::NotUtf8(before.iter().filter(|&&byte| byte == b'\n').count() + 1)
        }
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, NotText> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(NotText::BrokenUtf16);
    }
    char::decode_utf16(pairs.iter().copied().map(unit))
        .collect::<Result<_, _>>()
        .map_err(|_| NotText::BrokenUtf16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_marks_are_understood_and_dropped() {
        assert_eq!(decode("pä".as_bytes()), Ok("pä".to_owned()));
        assert_eq!(decode(b"\xEF\xBB\xBFpw"), Ok("pw".to_owned()));
        assert_eq!(decode(b"\xFF\xFEp\0\xE4\0"), Ok("pä".to_owned()));
        assert_eq!(decode(b"\xFE\xFF\0p\0\xE4"), Ok("pä".to_owned()));
        assert_eq!(decode(b""), Ok(String::new()));
    }

    #[test]
    fn what_is_not_plain_is_refused() {
        assert_eq!(decode(b"p\xE4"), Err(NotText::NotUtf8(1)));
        assert_eq!(decode(b"p\0w\0"), Err(NotText::ZeroBytes));
        assert_eq!(decode(b"\xFF\xFEp"), Err(NotText::BrokenUtf16));
        assert_eq!(decode(b"\xFF\xFE\x00\xD8"), Err(NotText::BrokenUtf16));
    }
}
