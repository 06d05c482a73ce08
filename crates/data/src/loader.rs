//! Batches for a network: augmented, normalised, in the order of memory.
//!
//! An augmentation is a pure function of (seed, step, place in the batch), so
//! threads, earlier batches and a resumed run change nothing. Each example is
//! written by one task.
//!
//! Deliberately not here: which examples form a batch ([`crate::sampler`]),
//! rotations, colours, mixing of pictures.

use std::ops::Range;

use kobai_engine::{Rng, Stream};
use kobai_kernels::Pool;

use crate::dataset::{Dataset, Inputs};
use crate::error::DataError;
use crate::summary::channels;

/// Random changes of training pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augment {
    /// Mirrors half of the pictures, left to right.
    pub flip: bool,
    /// Cuts a window of the picture's size out of the picture with this many
    /// black pixels around it, as torchvision's `RandomCrop(padding=…)`; 0: no.
    pub pad_crop: usize,
}

/// The change of one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whether it is mirrored, after cutting.
    pub flip: bool,
    /// Rows from the window's top to the picture's: negative if the window
    /// begins above it.
    pub down: isize,
    /// The same for columns.
    pub right: isize,
}

impl Augment {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Augment::default()
    }

    /// The change of the picture at a place in the batch of a step.
    ///
    /// It reads words 4 p, 4 p + 1 and 4 p + 2 of stream `Augment` (node 0) for
    /// place p: flip, row, column. Part of the numbers contract.
    #[must_use]
    pub fn change(&self, seed: u64, step: u64, place: usize) -> Change {
        let draw = Rng::new(seed).draw(Stream::Augment, step, 0);
        let first = 4 * place as u64;
        let offset = |i| match u32::try_from(2 * self.pad_crop + 1) {
            Ok(count) => draw.below(count, i) as isize - self.pad_crop as isize,
            Err(_) => 0,
        };
        Change {
            flip: self.flip && draw.bits(first) & 1 == 1,
            down: offset(first + 1),
            right: offset(first + 2),
        }
    }
}

/// Fills batches from data sets of one shape.
#[derive(Clone, Debug)]
pub struct Loader {
    augment: Augment,
    /// Height, width and channels; pictures only matter to augmentation.
    dims: [usize; 3],
    mean: Vec<f32>,
    std: Vec<f32>,
    /// What each byte becomes, 256 values per channel; empty for floats.
    table: Vec<f32>,
    divisor: u8,
}

impl Loader {
    /// A loader for pictures like those of a training set. With `normalize`,
    /// each channel's mean over that set is subtracted and the result divided by
    /// its standard deviation; a channel that never changes is divided by 1.
    ///
    /// # Errors
    /// [`DataError::NotPictures`] if something is to be augmented that is no
    /// picture, [`DataError::Padding`] if the padding is not smaller than the
    /// picture.
    pub fn new(train: &Dataset, augment: Augment, normalize: bool) -> Result<Self, DataError> {
        let count = channels(train);
        let moments = if normalize && !train.is_empty() { train.channel_moments() } else { Vec::new() };
        let mean = match moments.is_empty() {
            true => vec![0.0; count],
            false => moments.iter().map(|m| m.0 as f32).collect(),
        };
        let std = match moments.is_empty() {
            true => vec![1.0; count],
            false => moments.iter().map(|m| if m.1 > 0.0 { m.1 as f32 } else { 1.0 }).collect(),
        };
        Loader::with_moments(train, augment, mean, std)
    }

    /// A loader that subtracts `mean` and divides by `std`, one of each per
    /// channel (for other shapes than pictures: one).
    ///
    /// # Errors
    /// As [`Loader::new`].
    ///
    /// # Panics
    /// If there are not as many means and deviations as channels.
    pub fn with_moments(
        like: &Dataset,
        augment: Augment,
        mean: Vec<f32>,
        std: Vec<f32>,
    ) -> Result<Self, DataError> {
        assert!(
            mean.len() == channels(like) && std.len() == mean.len(),
            "one mean and deviation per channel"
        );
        let dims = match *like.shape().dims() {
            [c, h, w] => [h, w, c],
            _ if augment.is_none() => [1, like.shape().len(), 1],
            _ => {
                let (name, shape) = (like.name().to_owned(), like.shape());
                return Err(DataError::NotPictures { name, shape });
            }
        };
        let side = dims[0].min(dims[1]);
        if augment.pad_crop >= side && augment.pad_crop > 0 {
            return Err(DataError::Padding { padding: augment.pad_crop, side });
        }
        let (table, divisor) = match like.inputs() {
            Inputs::U8 { divisor, .. } => {
                let value =
                    |(c, byte): (usize, u8)| normal(f32::from(byte) / f32::from(*divisor), mean[c], std[c]);
                let pairs = (0..mean.len()).flat_map(|c| (0..=255u8).map(move |byte| (c, byte)));
                (pairs.map(value).collect(), *divisor)
            }
            Inputs::F32(_) => (Vec::new(), 0),
        };
        Ok(Loader { augment, dims, mean, std, table, divisor })
    }

    /// What is subtracted from each channel.
    #[must_use]
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// What each channel is divided by.
    #[must_use]
    pub fn std(&self) -> &[f32] {
        &self.std
    }

    /// A training batch: the inputs of `indices`, augmented and normalised, one
    /// after the other, channels last. Padding is black (0), and normalised too.
    ///
    /// # Panics
    /// If an index is out of range, `out` does not hold exactly that many
    /// inputs, or the set is of another kind than the loader's.
    pub fn train_batch(
        &self,
        data: &Dataset,
        indices: &[u32],
        (seed, step): (u64, u64),
        pool: &Pool,
        out: &mut [f32],
    ) {
        let still = self.augment.is_none();
        self.fill(data, indices, pool, out, |place| (!still).then(|| self.augment.change(seed, step, place)));
    }

    /// An evaluation batch: normalised, not augmented.
    ///
    /// # Panics
    /// As [`Loader::train_batch`].
    pub fn eval_batch(&self, data: &Dataset, indices: &[u32], pool: &Pool, out: &mut [f32]) {
        self.fill(data, indices, pool, out, |_| None);
    }

    fn fill(
        &self,
        data: &Dataset,
        indices: &[u32],
        pool: &Pool,
        out: &mut [f32],
        change: impl Fn(usize) -> Option<Change> + Sync,
    ) {
        let n: usize = self.dims.iter().product();
        assert_eq!(data.shape().len(), n, "a data set of another shape than the loader's");
        assert_eq!(out.len(), indices.len() * n, "length of `out`");
        match data.inputs() {
            Inputs::U8 { data: bytes, divisor } => {
                assert_eq!(*divisor, self.divisor, "a data set of other bytes than the loader's");
                let value = |c: usize, byte: &u8| self.table[c * 256 + usize::from(*byte)];
                pool.chunks_mut(out, n, |place, row| {
                    let from = indices[place] as usize * n;
                    self.example(&bytes[from..][..n], change(place), value, row);
                });
            }
            Inputs::F32(floats) => {
                assert!(self.table.is_empty(), "a data set of other numbers than the loader's");
                let value = |c: usize, x: &f32| normal(*x, self.mean[c], self.std[c]);
                pool.chunks_mut(out, n, |place, row| {
                    let from = indices[place] as usize * n;
                    self.example(&floats[from..][..n], change(place), value, row);
                });
            }
        }
    }

    /// One example: `value` makes a number of what is stored in a channel.
    fn example<T: Default>(
        &self,
        stored: &[T],
        change: Option<Change>,
        value: impl Fn(usize, &T) -> f32,
        out: &mut [f32],
    ) {
        let [height, width, channels] = self.dims;
        let copy = |from: &[T], to: &mut [f32]| match channels {
            1 => copy::<1, T>(from, to, &value),
            3 => copy::<3, T>(from, to, &value),
            _ => {
                for (from, to) in from.chunks_exact(channels).zip(to.chunks_exact_mut(channels)) {
                    (0..channels).for_each(|c| to[c] = value(c, &from[c]));
                }
            }
        };
        let black = T::default();
        let Some(Change { flip, down, right }) = change else { return copy(stored, out) };
        let row_len = width * channels;
        // Window columns that show the picture.
        let seen = visible(width, right);
        for (y, row) in out.chunks_exact_mut(row_len).enumerate() {
            let old = y.checked_add_signed(down).filter(|y| *y < height);
            if old.is_none() || seen.len() < width {
                for pixel in row.chunks_exact_mut(channels) {
                    pixel.iter_mut().enumerate().for_each(|(c, slot)| *slot = value(c, &black));
                }
            }
            let Some(old) = old else { continue };
            let first = seen.start.saturating_add_signed(right);
            let from = &stored[old * row_len + first * channels..][..seen.len() * channels];
            copy(from, &mut row[seen.start * channels..seen.end * channels]);
            if flip {
                mirror(row, channels);
            }
        }
    }
}

/// The numbers of pixels of `C` channels.
fn copy<const C: usize, T>(from: &[T], to: &mut [f32], value: impl Fn(usize, &T) -> f32) {
    for (from, to) in from.as_chunks::<C>().0.iter().zip(to.as_chunks_mut::<C>().0) {
        for c in 0..C {
            to[c] = value(c, &from[c]);
        }
    }
}

/// `(x - mean) / std`.
fn normal(x: f32, mean: f32, std: f32) -> f32 {
    (x - mean) / std
}

/// Places of a window of `n` that, moved by `by`, lie in `0..n`.
fn visible(n: usize, by: isize) -> Range<usize> {
    let away = by.unsigned_abs().min(n);
    if by < 0 { away..n } else { 0..n - away }
}

/// Turns the pixels of a row around; the channels of a pixel keep their order.
fn mirror(row: &mut [f32], channels: usize) {
    row.reverse();
    row.chunks_exact_mut(channels).for_each(<[f32]>::reverse);
}

#[cfg(test)]
#[path = "loader_tests.rs"]
mod tests;
