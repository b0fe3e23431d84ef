//! Rows in order, however many there are: what does not fit into memory is sorted in stretches, which lie in a temporary
//! file and are merged.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use super::parts::{opened, temporary};
use crate::report::error::ReportError;

/// What is sorted in memory at a time.
const BYTES_IN_MEMORY: usize = 8 << 20;

/// What is read of a stretch at a time: rows of a hundred million texts are two thousand stretches.
const BYTES_AT_A_TIME: usize = 8 << 10;

/// What rows are ordered by before their texts: the greater comes first.
pub(super) type Rank = [i64; 3];

const WORD_BYTES: usize = size_of::<u64>();

/// Before the text stand the rank, and whether there is a text.
const TEXT_AT: usize = size_of::<Rank>() + 1;

/// Rows with a rank, a text and a few words. Those of equal rank go by their texts, byte by byte; one without comes first.
#[derive(Debug)]
pub(super) struct Sorted {
    words: usize,
    /// Rows in the order in which they were added, and where each lies.
    bytes: Vec<u8>,
    rows: Vec<Range<usize>>,
    file: Option<File>,
    /// Where each stretch lies in the file.
    stretches: Vec<Range<u64>>,
}

/// A row as bytes: its rank and text such that rows are in the order of these bytes, and then its words.
fn key(row: &[u8], words: usize) -> &[u8] {
    &row[..row.len() - words * WORD_BYTES]
}

impl Sorted {
    /// For rows with this many words.
    pub(super) const fn new(words: usize) -> Self {
        Self {
            words,
            bytes: Vec::new(),
            rows: Vec::new(),
            file: None,
            stretches: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, rank: Rank, text: Option<&[u8]>, words: &[u64]) -> Result<(), ReportError> {
        let from = self.bytes.len();
        for number in rank {
            // The sign turned around puts negative numbers first, all bits turned around the greater ones.
            let ordered = !(number.cast_unsigned() ^ 1 << 63);
            self.bytes.extend_from_slice(&ordered.to_be_bytes());
        }
        self.bytes.push(text.is_some().into());
        self.bytes.extend_from_slice(text.unwrap_or_default());
        let words = words.iter().flat_map(|word| word.to_ne_bytes());
        self.bytes.extend(words);
        self.rows.push(from..self.bytes.len());
        if self.bytes.len() >= BYTES_IN_MEMORY {
            self.write().map_err(temporary)?;
        }
        Ok(())
    }

    fn sort(&mut self) {
        let row = |row: &Range<usize>| key(&self.bytes[row.clone()], self.words);
        self.rows.sort_unstable_by(|a, b| row(a).cmp(row(b)));
    }

    /// Writes what is in memory as a stretch.
    fn write(&mut self) -> io::Result<()> {
        self.sort();
        let mut file = BufWriter::new(opened(&mut self.file)?);
        let from = self.stretches.last().map_or(0, |last| last.end);
        let mut to = from;
        for row in self.rows.drain(..) {
            let bytes = &self.bytes[row];
            let length = u32::try_from(bytes.len())
                .map_err(io::Error::other)?
                .to_ne_bytes();
            file.write_all(&length)?;
            file.write_all(bytes)?;
            to += (length.len() + bytes.len()) as u64;
        }
        file.flush()?;
        self.bytes.clear();
        self.stretches.push(from..to);
        Ok(())
    }

    /// Shows the first `most` rows in their order: text and words.
    pub(super) fn each(
        mut self,
        most: usize,
        mut see: impl FnMut(Option<&[u8]>, &[u64]) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        let count = self.words;
        let mut words = Vec::with_capacity(count);
        let mut see = |row: &[u8]| {
            let key = key(row, count);
            words.clear();
            let bytes = row[key.len()..].as_chunks().0;
            words.extend(bytes.iter().map(|word| u64::from_ne_bytes(*word)));
            see((key[TEXT_AT - 1] != 0).then_some(&key[TEXT_AT..]), &words)
        };
        if self.stretches.is_empty() {
            self.sort();
            let rows = self.rows.iter().take(most);
            return rows.map(|row| &self.bytes[row.clone()]).try_for_each(see);
        }
        self.write().map_err(temporary)?;
        self.bytes = Vec::new();
        let file = opened(&mut self.file).map_err(temporary)?;
        let mut next = BinaryHeap::new();
        for rest in self.stretches {
            let mut stretch = Stretch {
                row: Vec::new(),
                words: count,
                buffer: Vec::new(),
                at: 0,
                rest,
            };
            if stretch.advance(file).map_err(temporary)? {
                next.push(stretch);
            }
        }
        for _ in 0..most {
            let Some(mut first) = next.pop() else { break };
            see(&first.row)?;
            if first.advance(file).map_err(temporary)? {
                next.push(first);
            }
        }
        Ok(())
    }
}

/// A stretch that is being read.
struct Stretch {
    /// The next row.
    row: Vec<u8>,
    words: usize,
    buffer: Vec<u8>,
    /// How much of the buffer was taken.
    at: usize,
    /// What was not read into the buffer yet.
    rest: Range<u64>,
}

impl Stretch {
    /// Goes to the next row; whether there is one.
    fn advance(&mut self, file: &mut File) -> io::Result<bool> {
        if self.at == self.buffer.len() && self.rest.is_empty() {
            return Ok(false);
        }
        let mut length = [0; 4];
        self.read(file, &mut length)?;
        let mut row = std::mem::take(&mut self.row);
        row.resize(u32::from_ne_bytes(length) as usize, 0);
        self.read(file, &mut row)?;
        self.row = row;
        Ok(true)
    }

    fn read(&mut self, file: &mut File, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            if self.at == self.buffer.len() {
                let bytes = (self.rest.end - self.rest.start).min(BYTES_AT_A_TIME as u64);
                self.buffer.resize(bytes as usize, 0);
                self.at = 0;
                file.seek(SeekFrom::Start(self.rest.start))?;
                file.read_exact(&mut self.buffer)?;
                self.rest.start += bytes;
            }
            let ready = &self.buffer[self.at..];
            let taken = ready.len().min(into.len());
            into[..taken].copy_from_slice(&ready[..taken]);
            self.at += taken;
            into = &mut into[taken..];
        }
        Ok(())
    }
}

/// The one whose next row comes first is the greatest, as a heap wants it.
impl Ord for Stretch {
    fn cmp(&self, other: &Self) -> Ordering {
        key(&other.row, self.words).cmp(key(&self.row, self.words))
    }
}

impl PartialOrd for Stretch {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Stretch {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Stretch {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as they come, each with a number as its word.
    fn sorted(rows: &[(Rank, Option<String>)], most: usize) -> Vec<(Option<String>, u64)> {
        let mut sorted = Sorted::new(1);
        for (number, (rank, text)) in (0..).zip(rows) {
            let text = text.as_ref().map(String::as_bytes);
            sorted.add(*rank, text, &[number]).unwrap();
        }
        let mut found = Vec::new();
        sorted
            .each(most, |text, words| {
                let text = text.map(|text| String::from_utf8_lossy(text).into_owned());
                found.push((text, words[0]));
                Ok(())
            })
            .unwrap();
        found
    }

    #[test]
    fn the_greatest_rank_comes_first_and_then_the_first_text() {
        let text = |text: &str| Some(text.to_owned());
        let rows = [
            ([0, 2, 0], text("b")),
            ([0, 2, 0], text("ab\0")),
            ([0, 2, 0], text("ab")),
            ([0, 2, 0], text("")),
            ([0, 2, 0], None),
            ([0, 10, 0], text("z")),
            ([-1, 300, 0], text("a")),
            ([1, -300, 0], text("é")),
            ([i64::MIN, 0, i64::MAX], text("last")),
        ];
        let found: Vec<u64> = sorted(&rows, 9).into_iter().map(|(_, number)| number).collect();
        assert_eq!(found, [7, 5, 4, 3, 2, 1, 0, 6, 8]);
        assert_eq!(sorted(&rows, 1), [(text("é"), 7)]);
        assert_eq!(sorted(&[], 1), []);
    }

    #[test]
    fn rows_that_do_not_fit_into_memory_are_in_the_same_order() {
        // One row is larger than what is read at a time, and the stretches end unevenly.
        let long = "long ".repeat(BYTES_AT_A_TIME);
        let rows: Vec<(Rank, Option<String>)> = (0..30_000_u64)
            .map(|number| {
                let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
                let text = match number {
                    777 => long.clone(),
                    _ => format!("{mixed} {}", "x".repeat(800)),
                };
                ([(mixed % 3).cast_signed(), 0, 0], Some(text))
            })
            .collect();
        let mut wanted: Vec<usize> = (0..rows.len()).collect();
        wanted.sort_by_key(|&number| (std::cmp::Reverse(rows[number].0), &rows[number].1));
        let found = sorted(&rows, usize::MAX);
        let numbers = found.iter().map(|&(_, number)| number as usize);
        assert!(numbers.eq(wanted.iter().copied()));
        assert!(
            found
                .iter()
                .all(|(text, number)| *text == rows[*number as usize].1)
        );
        assert_eq!(sorted(&rows, 100), found[..100]);
    }
}
