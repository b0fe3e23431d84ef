//! Records that do not fit into memory, in parts: equal ones lie in the same part, and one part after the other is read.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use crate::report::error::ReportError;

/// How many there are. At a hundred million messages one of them is counted in some 20 MB.
pub(super) const PARTS: u64 = 256;

/// What a part may have in memory, in words; more goes to the file.
const WORDS_IN_MEMORY: usize = 2048;

/// Records of a few words each.
#[derive(Debug)]
pub(super) struct Parts {
    /// Words of a record.
    words: usize,
    /// What is in memory of each part; empty before the first record.
    parts: Vec<Vec<u64>>,
    file: Option<File>,
    /// Which part each block of the file belongs to.
    blocks: Vec<u8>,
}

impl Parts {
    pub(super) const fn new(words: usize) -> Self {
        Self {
            words,
            parts: Vec::new(),
            file: None,
            blocks: Vec::new(),
        }
    }

    /// Words of a block of the file: whole records.
    const fn block(&self) -> usize {
        WORDS_IN_MEMORY / self.words * self.words
    }

    /// Adds a record to the part that `number` says, whatever its size.
    pub(super) fn put(&mut self, number: u64, record: &[u64]) -> Result<(), ReportError> {
        if self.parts.is_empty() {
            self.parts.resize_with(PARTS as usize, Vec::new);
        }
        let block = self.block();
        let number = (number % PARTS) as u8;
        let part = &mut self.parts[usize::from(number)];
        part.extend_from_slice(record);
        if part.len() >= block {
            let bytes: Vec<u8> = part.iter().flat_map(|word| word.to_ne_bytes()).collect();
            part.clear();
            opened(&mut self.file)
                .and_then(|file| file.write_all(&bytes))
                .map_err(temporary)?;
            self.blocks.push(number);
        }
        Ok(())
    }

    /// Shows every record of a part, in the order in which they were added.
    pub(super) fn each_of(&mut self, number: u64, mut see: impl FnMut(&[u64])) -> Result<(), ReportError> {
        let mut bytes = vec![0; self.block() * size_of::<u64>()];
        let mut words = Vec::with_capacity(self.block());
        for (block, _) in (0..)
            .zip(&self.blocks)
            .filter(|&(_, &part)| u64::from(part) == number)
        {
            let from: u64 = block * bytes.len() as u64;
            let file = self.file.as_mut().expect("blocks lie in the file");
            file.seek(SeekFrom::Start(from))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(temporary)?;
            words.clear();
            words.extend(bytes.as_chunks().0.iter().map(|word| u64::from_ne_bytes(*word)));
            words.chunks_exact(self.words).for_each(&mut see);
        }
        if let Some(part) = self.parts.get(number as usize) {
            part.chunks_exact(self.words).for_each(see);
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) const fn is_in_file(&self) -> bool {
        self.file.is_some()
    }
}

/// A temporary file without a name, made when it is first needed.
pub(super) fn opened(file: &mut Option<File>) -> std::io::Result<&mut File> {
    match file {
        Some(file) => Ok(file),
        none => Ok(none.insert(tempfile::tempfile()?)),
    }
}

pub(super) fn temporary(source: std::io::Error) -> ReportError {
    ReportError::Temporary {
        folder: std::env::temp_dir(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_in_their_order_from_the_file_and_from_memory() {
        for words in [2, 3] {
            let mut parts = Parts::new(words);
            let records = 3 * PARTS * WORDS_IN_MEMORY as u64;
            for number in 0..records {
                parts
                    .put(number % 7, &[number, number + 1, number + 2][..words])
                    .unwrap();
            }
            assert!(parts.is_in_file());
            for part in 0..9 {
                let mut next = part;
                parts
                    .each_of(part, |record| {
                        assert_eq!(record, &[next, next + 1, next + 2][..words]);
                        next += 7;
                    })
                    .unwrap();
                assert!(if part < 7 { next >= records } else { next == part });
            }
        }
    }

    #[test]
    fn without_records_there_is_nothing() {
        Parts::new(2).each_of(0, |_| panic!("there is none")).unwrap();
    }
}
