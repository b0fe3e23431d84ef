//! Whether a path lies on a network drive, where SQLite's write-ahead log does not work.

use std::path::Path;

/// The kind of network drive that `path` (or the folder it will be made in) lies on; `None` for a local disk and
/// where the system does not say.
#[must_use]
pub fn network_drive(path: &Path) -> Option<String> {
    let absolute = std::path::absolute(path).ok()?;
    absolute.ancestors().find(|place| place.exists()).and_then(kind)
}

#[cfg(target_os = "linux")]
fn kind(place: &Path) -> Option<String> {
    let magic = u64::try_from(rustix::fs::statfs(place).ok()?.f_type).ok()?;
    named(magic).map(str::to_owned)
}

/// Names of the network file systems, by the magic numbers of Linux (`linux/magic.h`, statfs(2)).
#[cfg(target_os = "linux")]
const fn named(magic: u64) -> Option<&'static str> {
    match magic & 0xFFFF_FFFF {
        0x6969 => Some("NFS"),
        0xFF53_4D42 => Some("CIFS"),
        0xFE53_4D42 => Some("SMB"),
        0x517B => Some("SMB"),
        0x5346_414F => Some("AFS"),
        0x00C3_6400 => Some("Ceph"),
        _ => None,
    }
}

#[cfg(windows)]
fn kind(place: &Path) -> Option<String> {
    use std::path::{Component, Prefix};
    // Of a mapped drive letter the real path names the share.
    let real = place.canonicalize().ok()?;
    let Some(Component::Prefix(prefix)) = real.components().next() else {
        return None;
    };
    match prefix.kind() {
        Prefix::UNC(..) | Prefix::VerbatimUNC(..) => Some("a share".to_owned()),
        _ => None,
    }
}

#[cfg(not(any(target_os = "linux", windows)))]
fn kind(_place: &Path) -> Option<String> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_named_and_local_ones_are_not() {
        assert_eq!(named(0x6969), Some("NFS"));
        assert_eq!(
            named(0xFFFF_FFFF_FF53_4D42),
            Some("CIFS"),
            "the field is signed and 32 bits wide somewhere"
        );
        assert_eq!(named(0xEF53), None, "ext4");
        assert_eq!(
            network_drive(&std::env::temp_dir().join("not/there/yet.db")),
            None
        );
    }
}
