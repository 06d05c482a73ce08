//! Which examples form a batch.
use kobai_engine::{Rng, Stream};
/// How batches are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// Uniform, independent.
    WithReplacement,
    /// Epoch permutations.
    Shuffle,
}
/// Draws batches as a pure function of (seed, step).
#[derive(Clone, Debug)]
pub struct Sampler { sampling: Sampling, rng: Rng, len: usize, epoch: Option<(u64, Vec<u32>)> }
impl Sampler {
    /// For a data set of `len` examples.
    #[must_use]
    pub fn new(sampling: Sampling, seed: u64, len: usize) -> Self {
        Sampler { sampling, rng: Rng::new(seed), len, epoch: None }
    }
    /// The indices of a step.
    pub fn indices(&mut self, step: u64, out: &mut [u32]) {
        match self.sampling {
            Sampling::WithReplacement => {
                let draw = self.rng.draw(Stream::Batch, step, 0);
                for (i, x) in (0..).zip(out) { *x = draw.below(self.len as u32, i); }
            }
            Sampling::Shuffle => {
                let per = (self.len / out.len()).max(1) as u64;
                let (epoch, at) = (step / per, (step % per) as usize * out.len());
                if self.epoch.as_ref().is_none_or(|e| e.0 != epoch) {
                    self.epoch = Some((epoch, self.rng.draw(Stream::Batch, epoch, 1).permutation(self.len as u32)));
                }
                let order = &self.epoch.as_ref().unwrap().1;
                out.copy_from_slice(&order[at..at + out.len()]);
            }
        }
    }
}
