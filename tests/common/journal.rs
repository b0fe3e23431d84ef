//! A journal that keeps its entries, and standard error as if it led there.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// An entry: its fields.
pub type Entry = HashMap<String, String>;

/// The socket of a journal in a folder of its own.
pub struct Journal {
    folder: tempfile::TempDir,
    #[cfg(unix)]
    socket: std::os::unix::net::UnixDatagram,
}

impl Journal {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        #[cfg(unix)]
        let socket = std::os::unix::net::UnixDatagram::bind(folder.path().join("socket")).unwrap();
        #[cfg(unix)]
        socket.set_nonblocking(true).unwrap();
        Self {
            folder,
            #[cfg(unix)]
            socket,
        }
    }

    /// Where the journal listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Runs the command: its exit code, standard error, and the entries that it sent.
    pub fn of(&self, command: &mut Command) -> (Option<i32>, String, Vec<Entry>) {
        let path = self.folder.path().join("stderr");
        let stderr = File::create(&path).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let data = stderr.metadata().unwrap();
            command
                .env("JOURNAL_STREAM", format!("{}:{}", data.dev(), data.ino()))
                .env("JOBRUNS_JOURNAL_SOCKET", self.socket());
        }
        let status = command.stdout(Stdio::null()).stderr(stderr).status().unwrap();
        (status.code(), fs::read_to_string(&path).unwrap(), self.take())
    }

    #[cfg(unix)]
    fn take(&self) -> Vec<Entry> {
        let mut datagram = vec![0; 1 << 20];
        let mut entries = Vec::new();
        while let Ok(length) = self.socket.recv(&mut datagram) {
            entries.push(fields(&datagram[..length]));
        }
        entries
    }

    #[cfg(windows)]
    fn take(&self) -> Vec<Entry> {
        Vec::new()
    }
}

/// The fields of an entry of journald's native protocol.
#[cfg(unix)]
fn fields(mut entry: &[u8]) -> Entry {
    let mut fields = Entry::new();
    while !entry.is_empty() {
        let end = entry.iter().position(|byte| b"=\n".contains(byte)).unwrap();
        let name = String::from_utf8(entry[..end].to_vec()).unwrap();
        let is_long = entry[end] == b'\n';
        entry = &entry[end + 1..];
        let length = if is_long {
            let (length, rest) = entry.split_at(8);
            entry = rest;
            u64::from_le_bytes(length.try_into().unwrap()) as usize
        } else {
            entry.iter().position(|byte| *byte == b'\n').unwrap()
        };
        let value = String::from_utf8(entry[..length].to_vec()).unwrap();
        assert_eq!(entry[length], b'\n');
        entry = &entry[length + 1..];
        assert_eq!(fields.insert(name, value), None, "a field twice");
    }
    fields
}
