//! Packs the runs of a job, with the job's dictionary once it has one.

use std::sync::Arc;

use crate::archive::{Dictionary, DictionaryMaker, PackedPayload, Packer, WITHOUT_EVIDENCE};
use crate::model::Sha256;

#[derive(Default)]
pub(super) struct RunPacker {
    dictionary: Option<Arc<Dictionary>>,
    maker: DictionaryMaker,
    /// Made for the dictionary when the first run comes.
    packer: Option<Packer>,
}

impl RunPacker {
    pub(super) fn new(dictionary: Option<Arc<Dictionary>>) -> Self {
        Self {
            dictionary,
            ..Self::default()
        }
    }

    /// Packs the bytes of a run. Where the job has no dictionary, one is made of its first runs and used for those after
    /// them.
    pub(super) fn pack(&mut self, bytes: &[u8], sha256: Sha256) -> std::io::Result<PackedPayload> {
        if WITHOUT_EVIDENCE {
            return Ok(PackedPayload {
                data: Vec::new(),
                dictionary: None,
                bytes: bytes.len() as u64,
                sha256,
            });
        }
        let packer = match self.packer.take() {
            Some(packer) => packer,
            None => Packer::new(self.dictionary.as_ref().map(|d| d.bytes.as_slice()))?,
        };
        let packed = PackedPayload {
            data: self.packer.insert(packer).pack(bytes)?,
            dictionary: self.dictionary.clone(),
            bytes: bytes.len() as u64,
            sha256,
        };
        if self.dictionary.is_none()
            && let Some(made) = self.maker.see(bytes)
        {
            self.dictionary = Some(Arc::new(made));
            self.packer = None;
        }
        Ok(packed)
    }
}
