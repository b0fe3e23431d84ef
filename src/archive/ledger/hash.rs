//! How the ledger hashes: its chain, and text that it names without holding it.

use sha2::Digest;

use crate::model::Sha256;

/// The hash before that of the first entry.
pub const GENESIS: Sha256 = [0; 32];

/// `SHA-256(before || line)`.
#[must_use]
pub fn entry_hash(before: &Sha256, line: &str) -> Sha256 {
    sha2::Sha256::new()
        .chain_update(before)
        .chain_update(line.as_bytes())
        .finalize()
        .into()
}

/// SHA-256 of a name, an error or a reason: how the ledger names text without holding it.
#[must_use]
pub fn text_hash(text: &str) -> Sha256 {
    sha2::Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hex;

    #[test]
    fn the_hash_covers_the_entry_before_and_the_line() {
        // Made with: python3 -c "import hashlib as h; print(h.sha256(bytes(32) + b'archive id=x').hexdigest())"
        let first = entry_hash(&GENESIS, "archive id=x");
        assert_eq!(
            hex(&first),
            "7caeef5dc518ced4633002939e2cebe1ede65c288b5d06b7035b714a5101d90e"
        );
        assert_ne!(entry_hash(&first, "archive id=x"), first);
    }
}
