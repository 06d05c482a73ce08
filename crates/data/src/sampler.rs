//! Which examples form a batch: a pure function of (seed, step).
//!
//! Nothing is consumed, so a resumed run goes on with the batches that it
//! would have had, and the order in which steps are asked for is irrelevant.

use std::sync::{Mutex, PoisonError};

use kobai_engine::{Rng, Stream};

use crate::error::DataError;

/// Nodes of stream `Batch`: the two ways must not share numbers.
const NODE_DRAWS: u32 = 0;
const NODE_SHUFFLE: u32 = 1;

/// How examples are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampling {
    /// Each example of each batch is drawn uniformly from all: value `i` of
    /// stream `Batch` at the step. An example may come twice.
    WithReplacement,
    /// Each epoch is a permutation of all examples, cut into batches. What is
    /// left at the end and fills no batch is dropped.
    #[default]
    Shuffle,
}

/// Draws batches of one size from a number of examples.
#[derive(Debug)]
pub struct Sampler {
    sampling: Sampling,
    examples: u32,
    batch: usize,
    /// The permutation used last. Only a cache: it never changes an answer.
    cache: Mutex<Option<Epoch>>,
}

#[derive(Debug)]
struct Epoch {
    seed: u64,
    epoch: u64,
    order: Vec<u32>,
}

impl Sampler {
    /// Batches of `batch` out of `examples` examples.
    ///
    /// # Errors
    /// [`DataError::Batch`] if there are no examples, a batch is empty, or a
    /// shuffled batch is larger than the set.
    pub fn new(sampling: Sampling, examples: usize, batch: usize) -> Result<Self, DataError> {
        let error = DataError::Batch { batch, available: examples };
        let Ok(count) = u32::try_from(examples) else { return Err(error) };
        if count == 0 || batch == 0 || (sampling == Sampling::Shuffle && batch > examples) {
            return Err(error);
        }
        Ok(Sampler { sampling, examples: count, batch, cache: Mutex::new(None) })
    }

    /// How examples are chosen.
    #[must_use]
    pub fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// Examples in a batch.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Whole batches in one pass over the set; at least 1.
    #[must_use]
    pub fn steps_per_epoch(&self) -> u64 {
        (u64::from(self.examples) / self.batch as u64).max(1)
    }

    /// The pass over the set that a step belongs to, from 0.
    #[must_use]
    pub fn epoch(&self, step: u64) -> u64 {
        step / self.steps_per_epoch()
    }

    /// The examples of a step. The first step is 0.
    ///
    /// Memory is taken only for the first shuffled batch.
    ///
    /// # Panics
    /// If `out` does not hold exactly one batch.
    pub fn indices(&self, seed: u64, step: u64, out: &mut [u32]) {
        assert_eq!(out.len(), self.batch, "indices: length of `out`");
        match self.sampling {
            Sampling::WithReplacement => {
                let draw = Rng::new(seed).draw(Stream::Batch, step, NODE_DRAWS);
                for (i, slot) in out.iter_mut().enumerate() {
                    *slot = draw.below(self.examples, i as u64);
                }
            }
            Sampling::Shuffle => {
                let epoch = self.epoch(step);
                let first = (step % self.steps_per_epoch()) as usize * self.batch;
                let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                let cached = cache.get_or_insert_with(|| {
                    let mut order = vec![0; self.examples as usize];
                    shuffle(seed, epoch, &mut order);
                    Epoch { seed, epoch, order }
                });
                if (cached.seed, cached.epoch) != (seed, epoch) {
                    shuffle(seed, epoch, &mut cached.order);
                    (cached.seed, cached.epoch) = (seed, epoch);
                }
                out.copy_from_slice(&cached.order[first..][..self.batch]);
            }
        }
    }
}

/// [`kobai_engine::Draw::permutation`] in place.
fn shuffle(seed: u64, epoch: u64, order: &mut [u32]) {
    let draw = Rng::new(seed).draw(Stream::Batch, epoch, NODE_SHUFFLE);
    for (i, slot) in order.iter_mut().enumerate() {
        *slot = i as u32;
    }
    for i in (1..order.len()).rev() {
        order.swap(i, draw.below(i as u32 + 1, i as u64) as usize);
    }
}

#[cfg(test)]
mod tests {
    use kobai_engine::{Rng, Stream};
    use proptest::prelude::*;

    use super::{NODE_SHUFFLE, Sampler, Sampling, shuffle};
    use crate::error::DataError;

    fn batch(sampler: &Sampler, seed: u64, step: u64) -> Vec<u32> {
        let mut out = vec![u32::MAX; sampler.batch()];
        sampler.indices(seed, step, &mut out);
        out
    }

    /// In any order, any number of times, from a used or a fresh sampler.
    #[test]
    fn a_pure_function_of_seed_and_step() {
        for sampling in [Sampling::WithReplacement, Sampling::Shuffle] {
            let used = Sampler::new(sampling, 103, 10).unwrap();
            let forward: Vec<_> = (0..35).map(|step| batch(&used, 5, step)).collect();
            for step in (0..35).rev() {
                let other_seed = batch(&used, 6, step);
                let fresh = Sampler::new(sampling, 103, 10).unwrap();
                assert_eq!(forward[step as usize], batch(&used, 5, step));
                assert_eq!(forward[step as usize], batch(&fresh, 5, step));
                assert_ne!(forward[step as usize], other_seed, "{sampling:?} ignores the seed");
            }
            assert_ne!(forward[0], forward[1]);
            // Step 10 opens the second epoch.
            assert_ne!(forward[0], forward[10]);
        }
    }

    #[test]
    fn an_epoch_covers_the_set_once() {
        let sampler = Sampler::new(Sampling::Shuffle, 103, 10).unwrap();
        assert_eq!((sampler.steps_per_epoch(), sampler.epoch(9), sampler.epoch(10)), (10, 0, 1));
        for epoch in 0..3 {
            let mut seen: Vec<u32> = (0..10).flat_map(|i| batch(&sampler, 1, epoch * 10 + i)).collect();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 100, "an example came twice in epoch {epoch}");
            assert!(seen.iter().all(|&i| i < 103));
        }
        let whole = Sampler::new(Sampling::Shuffle, 10, 10).unwrap();
        let mut all = batch(&whole, 1, 7);
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..10));
    }

    #[test]
    fn draws_with_replacement_are_uniform() {
        let sampler = Sampler::new(Sampling::WithReplacement, 10, 1000).unwrap();
        let mut counts = [0i64; 10];
        for step in 0..100 {
            batch(&sampler, 3, step).iter().for_each(|&i| counts[i as usize] += 1);
        }
        // 10 000 expected each; five standard deviations are 474.
        assert!(counts.iter().all(|c| (c - 10_000).abs() < 474), "{counts:?}");
        let draw = Rng::new(3).draw(Stream::Batch, 7, 0);
        assert!(batch(&sampler, 3, 7).iter().enumerate().all(|(i, &x)| x == draw.below(10, i as u64)));
    }

    #[test]
    fn impossible_batches() {
        for (sampling, examples, batch) in [
            (Sampling::Shuffle, 3, 4),
            (Sampling::Shuffle, 3, 0),
            (Sampling::Shuffle, 0, 1),
            (Sampling::WithReplacement, 0, 1),
            (Sampling::WithReplacement, 3, 0),
        ] {
            assert!(matches!(Sampler::new(sampling, examples, batch), Err(DataError::Batch { .. })));
        }
        assert!(Sampler::new(Sampling::WithReplacement, 3, 4).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn in_place_shuffle_is_the_engines(seed: u64, epoch in 0u64..1000, n in 1u32..300) {
            let mut order = vec![u32::MAX; n as usize];
            shuffle(seed, epoch, &mut order);
            let engine = Rng::new(seed).draw(Stream::Batch, epoch, NODE_SHUFFLE).permutation(n);
            prop_assert_eq!(order, engine);
        }
    }
}
