//! `[input]`: what becomes of the examples on their way into a network.

use super::reader::{Read, Reader};
use kobai_data::{Augment, DataError, Dataset, Loader, Split};

/// What becomes of the examples on their way into a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// `normalize`: each channel's mean over the training set is subtracted and
    /// the rest divided by its standard deviation.
    pub normalize: bool,
    /// `flip` and `pad_crop`: random changes of training pictures.
    pub augment: Augment,
    /// `shuffle_pixels`: all pictures have their pixels in one other order.
    pub shuffle_pixels: bool,
    /// `test_shift`: the test accuracy is also measured (`test_shifted`) on
    /// pictures that are moved by up to so many pixels each way.
    pub test_shift: usize,
}

impl Feed {
    pub(super) fn read(at: Reader<'_>) -> Read<Feed> {
        let feed = Feed {
            normalize: at.boolean_or("normalize", false)?,
            augment: Augment {
                flip: at.boolean_or("flip", false)?,
                pad_crop: at.whole("pad_crop")?.unwrap_or(0),
            },
            shuffle_pixels: at.boolean_or("shuffle_pixels", false)?,
            test_shift: at.whole("test_shift")?.unwrap_or(0),
        };
        at.finish()?;
        Ok(feed)
    }

    /// The data as a network with this feed sees them.
    pub(crate) fn split(&self, split: &Split) -> Option<Split> {
        let shuffled = |set: &Dataset| set.with_shuffled_pixels(0);
        self.shuffle_pixels.then(|| Split { train: shuffled(&split.train), test: shuffled(&split.test) })
    }

    /// The loader, if examples are not simply copied.
    ///
    /// # Errors
    /// If something is to be augmented that is no picture, or padded by more
    /// than its size.
    pub(crate) fn loader(&self, train: &Dataset) -> Result<Option<Loader>, DataError> {
        let changes = self.normalize || !self.augment.is_none();
        changes.then(|| Loader::new(train, self.augment, self.normalize)).transpose()
    }

    /// The loader that moves test pictures.
    ///
    /// # Errors
    /// As [`Feed::loader`].
    pub(crate) fn shifter(&self, train: &Dataset) -> Result<Option<Loader>, DataError> {
        let augment = Augment { flip: false, pad_crop: self.test_shift };
        (self.test_shift > 0).then(|| Loader::new(train, augment, self.normalize)).transpose()
    }
}
