//! Who acts: the user of the operating system and the computer.

use std::sync::LazyLock;

use rusqlite::{Connection, params};

use super::hash::text_hash;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::model::Sha256;

/// `user@host` of this process. The user is the one by whose rights the process runs, as the operating system names them,
/// whatever environment variables say.
static THIS: LazyLock<String> = LazyLock::new(|| {
    let user = whoami::username().unwrap_or_else(|_| unnamed_user());
    format!("{user}@{}", host())
});

/// The name of this computer.
pub(in crate::archive) fn host() -> String {
    whoami::hostname().unwrap_or_else(|_| "unknown".to_owned())
}

/// A user whose number has no name: in a container, most often.
#[cfg(unix)]
fn unnamed_user() -> String {
    format!("uid-{}", rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn unnamed_user() -> String {
    "unknown".to_owned()
}

/// SHA-256 of who acts.
pub(in crate::archive) fn this() -> Sha256 {
    text_hash(&THIS)
}

/// The text of the one who acts, where this is the hash of it.
pub(in crate::archive) fn text_of(by: &Sha256) -> Option<&'static str> {
    (this() == *by).then_some(THIS.as_str())
}

/// Stores the text whose hash the next line will name.
pub(super) fn keep(connection: &Connection, by: &Sha256) -> Result<(), ArchiveError> {
    debug_assert_eq!(*by, this(), "nobody writes lines for others");
    connection
        .cached()
        .run(
            "INSERT OR IGNORE INTO _actor (by_sha256, actor) VALUES (?1, ?2)",
            params![by, *THIS],
            "keep who acts",
        )
        .map(drop)
}
