//! The runs that the ledger names, packed: an archive has millions of them.

use crate::model::Guid;

/// What the lines so far say of a run.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct SeenRun {
    /// The latest revision; 0 for a run whose revisions were all lost.
    pub(super) number: u32,
    pub(super) absent: bool,
    /// Whether a retention rule removed it.
    pub(super) removed: bool,
    /// The job that the last line of a revision of it named, by its place in `Grammar::named_jobs`.
    pub(super) job: u32,
}

/// Every run that the ledger names. An archive has millions of them, so they are packed tightly, in order of their GUIDs:
/// a hash map of a million takes twice the memory.
#[derive(Debug)]
pub(super) struct SeenRuns {
    /// By the last byte of the GUID.
    parts: Vec<SeenRunsPart>,
}

#[derive(Debug, Default)]
struct SeenRunsPart {
    sorted: Vec<PackedRun>,
    /// The latest ones, in no order, until they are enough to be sorted in.
    recent: Vec<PackedRun>,
}

/// A [`SeenRun`] that needs no alignment: GUID, number, and four times the job's place, one more for an absent run and two more
/// for a removed one.
type PackedRun = ([u8; 16], [u8; 4], [u8; 4]);

/// Runs of a part that are looked through one by one.
const MOST_RECENT: usize = 64;

impl Default for SeenRuns {
    fn default() -> Self {
        Self {
            parts: (0..256).map(|_| SeenRunsPart::default()).collect(),
        }
    }
}

impl SeenRunsPart {
    fn place(&mut self, id: &[u8; 16]) -> Option<&mut PackedRun> {
        if let Ok(place) = self.sorted.binary_search_by(|run| run.0.cmp(id)) {
            return self.sorted.get_mut(place);
        }
        self.recent.iter_mut().find(|run| run.0 == *id)
    }

    fn add(&mut self, run: PackedRun) {
        self.recent.push(run);
        if self.recent.len() == MOST_RECENT {
            self.sorted.reserve_exact(MOST_RECENT);
            self.sorted.append(&mut self.recent);
            self.sorted.sort_by_key(|run| run.0);
        }
    }
}

impl SeenRuns {
    pub(super) fn get(&self, run: Guid) -> Option<SeenRun> {
        let id = run.as_bytes();
        let part = &self.parts[usize::from(id[15])];
        let found = match part.sorted.binary_search_by(|run| run.0.cmp(id)) {
            Ok(place) => part.sorted.get(place),
            Err(_) => part.recent.iter().find(|run| run.0 == *id),
        };
        found.map(|&(_, number, rest)| {
            let rest = u32::from_le_bytes(rest);
            SeenRun {
                number: u32::from_le_bytes(number),
                absent: rest & 1 == 1,
                removed: rest & 2 == 2,
                job: rest >> 2,
            }
        })
    }

    pub(super) fn set(&mut self, id: Guid, run: SeenRun) {
        let id = id.as_bytes();
        let part = &mut self.parts[usize::from(id[15])];
        let rest = run.job << 2 | u32::from(run.removed) << 1 | u32::from(run.absent);
        let packed = (*id, run.number.to_le_bytes(), rest.to_le_bytes());
        match part.place(id) {
            Some(place) => *place = packed,
            None => part.add(packed),
        }
    }
}
