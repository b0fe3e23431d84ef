//! Any bytes as an answer: no panic, and the same elements and end in chunks of any size.
#![no_main]

use jobruns::decode::{AnswerReader, Element, End};
use libfuzzer_sys::fuzz_target;

fn read(body: &[u8], piece: usize, limit: usize) -> (Vec<Element>, End) {
    let mut reader = AnswerReader::new(limit);
    let mut elements = Vec::new();
    for chunk in body.chunks(piece) {
        if reader.push(chunk, &mut |element| elements.push(element)).is_err() {
            break;
        }
    }
    (elements, reader.finish())
}

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (piece, limit, body) = input;
    let (piece, limit) = (usize::from(piece).max(1), usize::from(limit));
    assert_eq!(read(body, piece, limit), read(body, body.len().max(1), limit));
});
