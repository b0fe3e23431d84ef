//! A BagIt 1.0 bag (RFC 8493) in a ZIP file: the same files give the same bytes.

use std::io::{self, Seek, Write};

use sha2::Digest;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use crate::model::{Instant, Sha256, hex};

/// From this size on, a ZIP file needs 64 bits for a file's sizes.
const LARGE: u64 = u32::MAX as u64;

/// Files are added one by one, sorted by name.
pub(super) struct Bag<W: Write + Seek> {
    zip: ZipWriter<W>,
    folder: String,
    options: SimpleFileOptions,
    /// SHA-256 and name of each file, for the manifests.
    payload: Vec<(Sha256, String)>,
    tags: Vec<(Sha256, String)>,
}

impl<W: Write + Seek> Bag<W> {
    /// A bag in `out`. Its files are in `folder` and have the time `at`.
    pub(super) fn new(out: W, folder: String, at: Instant) -> Self {
        let time = at.to_chrono();
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(dos_time(&time.naive_utc()))
            .unix_permissions(0o644)
            .system(System::Unix);
        Self {
            zip: ZipWriter::new(out),
            folder,
            options,
            payload: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// Adds a file that `write` fills; `most` bounds its size.
    pub(super) fn file<T, E: From<io::Error>>(
        &mut self,
        name: &str,
        most: u64,
        write: impl FnOnce(&mut (dyn Write + Send)) -> Result<T, E>,
    ) -> Result<T, E>
    where
        W: Send,
    {
        let options = self.options.large_file(most > LARGE);
        self.zip
            .start_file(format!("{}/{name}", self.folder), options)
            .map_err(io::Error::from)?;
        let mut out = Hashing {
            out: &mut self.zip,
            hash: sha2::Sha256::new(),
        };
        let written = write(&mut out)?;
        let hash = out.hash.finalize().into();
        let manifest = if name.starts_with("data/") {
            &mut self.payload
        } else {
            &mut self.tags
        };
        manifest.push((hash, name.to_owned()));
        Ok(written)
    }

    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>
    where
        W: Send,
    {
        self.file(name, bytes.len() as u64, |out| out.write_all(bytes))
    }

    /// Adds the manifests and finishes the ZIP file; returns how many files it has.
    pub(super) fn finish(mut self) -> io::Result<u64>
    where
        W: Send,
    {
        let payload = manifest(std::mem::take(&mut self.payload));
        let files = payload.lines().count();
        self.bytes("manifest-sha256.txt", payload.as_bytes())?;
        let tags = manifest(std::mem::take(&mut self.tags));
        let files = files + tags.lines().count() + 1;
        self.bytes("tagmanifest-sha256.txt", tags.as_bytes())?;
        self.zip.finish()?.flush()?;
        Ok(files as u64)
    }
}

/// The lines of a manifest, sorted by name.
fn manifest(mut files: Vec<(Sha256, String)>) -> String {
    files.sort_by(|(_, one), (_, other)| one.cmp(other));
    let line = |(hash, name): &(Sha256, String)| format!("{}  {name}\n", hex(hash));
    files.iter().map(line).collect()
}

/// The time as ZIP files have it: in steps of two seconds, from 1980 to 2107.
fn dos_time(time: &chrono::NaiveDateTime) -> DateTime {
    use chrono::{Datelike, Timelike};
    let part = |number: u32| u8::try_from(number).unwrap_or_default();
    u16::try_from(time.year())
        .ok()
        .and_then(|year| {
            DateTime::from_date_and_time(
                year,
                part(time.month()),
                part(time.day()),
                part(time.hour()),
                part(time.minute()),
                part(time.second()),
            )
            .ok()
        })
        .unwrap_or_default()
}

struct Hashing<'z, W: Write + Seek> {
    out: &'z mut ZipWriter<W>,
    hash: sha2::Sha256,
}

impl<W: Write + Seek> Write for Hashing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Read};

    #[test]
    fn a_bag_names_each_file_in_a_manifest_and_is_the_same_each_time() {
        let make = || {
            let mut out = Cursor::new(Vec::new());
            let at = Instant::from_unix_seconds(1_767_225_600);
            let mut bag = Bag::new(&mut out, "top".to_owned(), at);
            bag.bytes("bagit.txt", b"x").unwrap();
            bag.bytes("data/b", b"").unwrap();
            bag.bytes("data/a", b"abc").unwrap();
            assert_eq!(bag.finish().unwrap(), 5);
            out.into_inner()
        };
        let bytes = make();
        assert_eq!(make(), bytes);
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut text = |name: &str| {
            let mut text = String::new();
            let mut file = zip.by_name(name).unwrap();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(file.last_modified().unwrap().year(), 2026);
            text
        };
        assert_eq!(
            text("top/manifest-sha256.txt"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  data/a\n\
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  data/b\n"
        );
        assert!(text("top/tagmanifest-sha256.txt").ends_with("  manifest-sha256.txt\n"));
    }
}
