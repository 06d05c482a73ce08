//! The examples of a row, on their way into its network.

use crate::experiment::{Feed, RowSpec};
use kobai_data::{DataError, Dataset, Loader, Split};
use kobai_kernels::Pool;

/// The data of a row and what becomes of them.
#[derive(Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) split: &'a Split,
    loader: Option<Loader>,
    shifter: Option<Loader>,
}

/// Makes what a feed needs, or says why it cannot.
pub(crate) fn check(feed: &Feed, split: &Split) -> Result<(), DataError> {
    feed.loader(&split.train)?;
    feed.shifter(&split.train)?;
    Ok(())
}

/// The data of the rows with shuffled pixels, if there are any: the same for all.
pub(crate) fn shuffled(rows: &[RowSpec], split: &Split) -> Option<Split> {
    rows.iter().find_map(|row| row.feed.split(split))
}

impl<'a> Inputs<'a> {
    /// # Panics
    /// If [`check`] would have failed.
    pub(crate) fn new(feed: &Feed, split: &'a Split, shuffled: Option<&'a Split>) -> Self {
        let split = shuffled.filter(|_| feed.shuffle_pixels).unwrap_or(split);
        let checked = "checked when the session was prepared";
        let (loader, shifter) = (feed.loader(&split.train), feed.shifter(&split.train));
        Inputs { split, loader: loader.expect(checked), shifter: shifter.expect(checked) }
    }

    /// A training batch of a step.
    pub(crate) fn train(&self, indices: &[u32], of: (u64, u64), pool: &Pool, out: &mut [f32]) {
        match &self.loader {
            Some(loader) => loader.train_batch(&self.split.train, indices, of, pool, out),
            None => self.split.train.gather(indices, out),
        }
    }

    /// Examples as they are evaluated.
    pub(crate) fn eval(&self, data: &Dataset, indices: &[u32], pool: &Pool, out: &mut [f32]) {
        match &self.loader {
            Some(loader) => loader.eval_batch(data, indices, pool, out),
            None => data.gather(indices, out),
        }
    }

    /// Whether test pictures are also to be moved.
    pub(crate) fn shifts(&self) -> bool {
        self.shifter.is_some()
    }

    /// Moved test pictures; `chunk` counts the batches of the test set, so that
    /// every picture has its own movement, the same for every network.
    pub(crate) fn shifted(&self, chunk: u64, indices: &[u32], pool: &Pool, out: &mut [f32]) {
        if let Some(shifter) = &self.shifter {
            shifter.train_batch(&self.split.test, indices, (0, chunk), pool, out);
        }
    }
}
