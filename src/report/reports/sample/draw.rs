//! The draw of a sample: which runs of a population are in it, by SHA-256 alone, so that anybody can draw again.
//!
//! A run's draw is the SHA-256 of the UTF-8 text `SEED:JOB_RUN_ID`. The population is put in the order of the draws; the
//! first runs are the sample. Nobody who does not choose the seed can choose the sample, and nobody has to trust a random
//! number generator.

use std::collections::BinaryHeap;

use sha2::{Digest, Sha256 as Hasher};

use crate::model::Sha256;

#[must_use]
pub(crate) fn draw_of(seed: &str, job_run_id: &str) -> Sha256 {
    Hasher::new()
        .chain_update(seed)
        .chain_update(":")
        .chain_update(job_run_id)
        .finalize()
        .into()
}

/// A draw under way. It holds as many runs as are drawn, never the population.
#[derive(Debug)]
pub(crate) struct Draw<'s, T> {
    seed: &'s str,
    most: usize,
    /// The lowest draws so far, the greatest of them on top.
    lowest: BinaryHeap<(Sha256, T)>,
    population: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DrawnSample<T> {
    /// Runs that it was drawn from.
    pub(crate) population: u64,
    /// The runs with the lowest draws, the lowest first.
    pub(crate) runs: Vec<(Sha256, T)>,
}

impl<'s, T: Ord> Draw<'s, T> {
    /// Draws as many runs as `most`, spare ones included, with this seed.
    pub(crate) fn new(seed: &'s str, most: u64) -> Self {
        Self {
            seed,
            most: usize::try_from(most).unwrap_or(usize::MAX),
            lowest: BinaryHeap::new(),
            population: 0,
        }
    }

    /// Adds a run of the population; `run` is what the caller knows it by.
    pub(crate) fn add(&mut self, job_run_id: &str, run: T) {
        self.population += 1;
        let draw = draw_of(self.seed, job_run_id);
        if self.lowest.len() < self.most {
            self.lowest.push((draw, run));
        } else if let Some(mut greatest) = self.lowest.peek_mut()
            && draw < greatest.0
        {
            *greatest = (draw, run);
        }
    }

    pub(crate) fn finish(self) -> DrawnSample<T> {
        DrawnSample {
            population: self.population,
            runs: self.lowest.into_sorted_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hex;

    #[test]
    fn the_draw_is_the_hash_that_sha256sum_prints() {
        // printf '%s' 'audit 2026:413e6d92-6de0-4a89-8752-000000000001' | sha256sum
        assert_eq!(
            hex(&draw_of("audit 2026", "413e6d92-6de0-4a89-8752-000000000001")),
            "6c83630f69b0f827c9317ce3afc6a15f7faec7a91657f87d807a2085331824c4"
        );
    }

    #[test]
    fn the_lowest_draws_are_drawn_whatever_the_order_of_the_population() {
        let ids: Vec<String> = (0..200).map(|number| format!("run-{number}")).collect();
        let mut all: Vec<(Sha256, usize)> = ids
            .iter()
            .enumerate()
            .map(|(number, id)| (draw_of("ü", id), number))
            .collect();
        all.sort_unstable();
        for most in [0, 1, 25, 200, 1000] {
            let (mut forward, mut backward) = (Draw::new("ü", most), Draw::new("ü", most));
            for (number, id) in ids.iter().enumerate() {
                forward.add(id, number);
            }
            for (number, id) in ids.iter().enumerate().rev() {
                backward.add(id, number);
            }
            let drawn = forward.finish();
            assert_eq!(drawn.population, 200);
            let expected = usize::try_from(most).unwrap().min(200);
            assert_eq!(drawn.runs, all[..expected]);
            assert_eq!(backward.finish(), drawn);
        }
    }
}
