//! Undoes the encodings in which a server may write a secret: escapes, percent-encoding, character references, UTF-16.

/// Decodes the escapes of JSON, JavaScript and C: `\"`, `\/`, `\n`, `\xXX`, `\uXXXX`. `None` if there is none.
pub(super) fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    decoded(text, b'\\', |rest| {
        let (&kind, following) = rest.split_first()?;
        let simple = |byte: u8| Some((vec![byte], 1));
        match kind {
            b'u' if following.starts_with(b"{") => {
                let digits = following[1..].iter().position(|&byte| byte == b'}')?;
                hex_number(&following[1..], digits).map(|(unit, _)| (utf8(unit), digits + 3))
            }
            b'U' => hex_number(following, 8).map(|(unit, _)| (utf8(unit), 9)),
            b'u' => {
                let (unit, used) = hex_number(following, 4)?;
                let high = unit;
                if (0xd800..0xdc00).contains(&high)
                    && let Some((low @ 0xdc00..=0xdfff, _)) = following
                        .get(used..)
                        .and_then(|more| more.strip_prefix(b"\\u"))
                        .and_then(|more| hex_number(more, 4))
                {
                    return Some((utf8(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 11));
                }
                Some((utf8(unit), 5))
            }
            b'x' => hex_number(following, 2).map(|(unit, _)| (utf8(unit), 3)),
            b'n' => simple(b'\n'),
            b'r' => simple(b'\r'),
            b't' => simple(b'\t'),
            b'b' => simple(8),
            b'f' => simple(12),
            b'0'..=b'7' => {
                let digits = rest
                    .iter()
                    .take(3)
                    .take_while(|byte| (b'0'..=b'7').contains(byte))
                    .count();
                let number = rest[..digits]
                    .iter()
                    .fold(0, |sum, &byte| sum * 8 + u32::from(byte - b'0'));
                Some((
                    u8::try_from(number).map_or_else(|_| utf8(number), |byte| vec![byte]),
                    digits,
                ))
            }
            other => simple(other),
        }
    })
}

/// Decodes percent-encoding, including the `%uXXXX` of old servers. `None` if there is none.
pub(super) fn without_percents(text: &[u8]) -> Option<Vec<u8>> {
    decoded(text, b'%', |rest| match rest.first()? {
        b'u' | b'U' => hex_number(&rest[1..], 4).map(|(unit, _)| (utf8(unit), 5)),
        _ => {
            let (byte, _) = hex_number(rest, 2)?;
            Some((vec![u8::try_from(byte).ok()?], 2))
        }
    })
}

/// Decodes HTML's character references: named, decimal and hexadecimal, with or without `;`. `None` if there is none.
pub(super) fn without_entities(text: &[u8]) -> Option<Vec<u8>> {
    decoded(text, b'&', |rest| {
        if let Some(number) = rest.strip_prefix(b"#") {
            let (radix, skip, digits) = match number.first()? {
                b'x' | b'X' => (16, 2, &number[1..]),
                _ => (10, 1, number),
            };
            let length = digits
                .iter()
                .take_while(|digit| (**digit as char).is_digit(radix))
                .count();
            let value = std::str::from_utf8(&digits[..length]).ok()?;
            let value = u32::from_str_radix(value, radix).ok()?;
            let end = usize::from(digits.get(length) == Some(&b';'));
            return Some((utf8(value), skip + length + end));
        }
        let (name, character) = ENTITIES
            .iter()
            .filter(|(name, _)| {
                rest.get(..name.len())
                    .is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
            })
            .max_by_key(|(name, _)| name.len())?;
        let end = usize::from(rest.get(name.len()) == Some(&b';'));
        Some((character.to_string().into_bytes(), name.len() + end))
    })
}

/// Names of ASCII characters, and of the few others that are common on pages.
const ENTITIES: [(&str, char); 54] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("excl", '!'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("midast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("equals", '='),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("Hat", '^'),
    ("lowbar", '_'),
    ("UnderBar", '_'),
    ("grave", '`'),
    ("DiacriticalGrave", '`'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("verbar", '|'),
    ("vert", '|'),
    ("VerticalLine", '|'),
    ("rcub", '}'),
    ("rbrace", '}'),
    ("hyphen", '-'),
    ("dash", '-'),
    ("auml", 'ä'),
    ("ouml", 'ö'),
    ("uuml", 'ü'),
    ("szlig", 'ß'),
    ("euro", '€'),
    ("sect", '§'),
    ("pound", '£'),
    ("deg", '°'),
    ("eacute", 'é'),
    ("ntilde", 'ñ'),
];

/// Decodes UTF-16, including characters beyond Latin-1. `None` if the text is not UTF-16.
pub(super) fn utf16_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let zeros = text.iter().filter(|&&byte| byte == 0).count();
    if zeros * 4 < text.len() {
        return None;
    }
    let little = text.iter().skip(1).step_by(2).filter(|&&byte| byte == 0).count() * 2 >= zeros;
    let units = text.chunks_exact(2).map(|pair| match little {
        true => u16::from_le_bytes([pair[0], pair[1]]),
        false => u16::from_be_bytes([pair[0], pair[1]]),
    });
    Some(
        char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect::<String>()
            .into_bytes(),
    )
}

/// Decodes what begins with `mark`. `decode` gets the bytes after the mark and returns their meaning and how many of them it
/// used. `None` if nothing was decoded.
fn decoded(text: &[u8], mark: u8, decode: impl Fn(&[u8]) -> Option<(Vec<u8>, usize)>) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut found = false;
    while let Some(at) = memchr::memchr(mark, rest) {
        plain.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        match decode(rest) {
            Some((bytes, used)) => {
                plain.extend_from_slice(&bytes);
                rest = rest.get(used..).unwrap_or_default();
                found = true;
            }
            None => plain.push(mark),
        }
    }
    plain.extend_from_slice(rest);
    found.then_some(plain)
}

/// The number that `digits` hexadecimal digits give, and `digits`.
fn hex_number(text: &[u8], digits: usize) -> Option<(u32, usize)> {
    let text = text.get(..digits)?;
    let all = text.iter().all(u8::is_ascii_hexdigit);
    let text = all.then(|| std::str::from_utf8(text).ok()).flatten()?;
    u32::from_str_radix(text, 16).ok().map(|number| (number, digits))
}

fn utf8(number: u32) -> Vec<u8> {
    char::from_u32(number)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
        .to_string()
        .into_bytes()
}
