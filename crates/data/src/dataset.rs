//! A data set in memory: inputs, targets, and how examples are copied out.
//!
//! Pixels stay bytes until a batch is gathered: MNIST takes 47 MB, not 188,
//! and CIFAR-10 184 MB, not 737.
//! Deliberately not here: reading files (see [`crate::idx`]) and choosing
//! which examples form a batch (see [`crate::sampler`]).

use kobai_engine::{Rng, Shape, Stream};
use kobai_kernels::{Isa, elementwise};
use sha2::{Digest, Sha256};

use crate::error::{DataError, DatasetProblem};
use crate::hash;

/// The inputs of all examples, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// Bytes that stand for `byte / divisor`.
    U8 {
        /// The bytes.
        data: Vec<u8>,
        /// What a byte is divided by: 255 for photographs and MNIST, 16 for
        /// the 8×8 digits.
        divisor: u8,
    },
    /// Numbers as they are.
    F32(Vec<f32>),
}

/// What is to be predicted, example after example.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Classification: one class per example.
    Classes(Vec<u32>),
    /// Regression: `width` values per example.
    Values {
        /// Values per example.
        width: usize,
        /// The values.
        data: Vec<f32>,
    },
}

/// Where [`Dataset::gather_targets`] writes to.
#[derive(Debug)]
pub enum TargetsMut<'a> {
    /// One class per example.
    Classes(&'a mut [u32]),
    /// `width` values per example.
    Values(&'a mut [f32]),
}

/// The stored input of one example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InputRef<'a> {
    /// Bytes that stand for `byte / divisor`.
    U8 {
        /// The bytes.
        data: &'a [u8],
        /// What a byte is divided by.
        divisor: u8,
    },
    /// Numbers as they are.
    F32(&'a [f32]),
}

/// The target of one example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TargetRef<'a> {
    /// Its class.
    Class(u32),
    /// Its values.
    Values(&'a [f32]),
}

/// One example, borrowed from its data set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Example<'a> {
    /// The input.
    pub input: InputRef<'a>,
    /// The target.
    pub target: TargetRef<'a>,
}

/// A data set whose parts are known to fit together.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    name: String,
    shape: Shape,
    classes: usize,
    class_names: Vec<String>,
    inputs: Inputs,
    targets: Targets,
}

/// A data set to learn from and one to test on.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// To learn from.
    pub train: Dataset,
    /// To test on.
    pub test: Dataset,
}

impl Dataset {
    /// A data set from its parts. `classes` is 0 for regression.
    ///
    /// # Errors
    /// [`DataError::Inconsistent`] if the parts do not fit together: inputs
    /// that are no whole number of examples, another number of targets than
    /// of inputs, a class that is not below `classes`, a divisor of zero.
    pub fn new(
        name: impl Into<String>,
        shape: Shape,
        classes: usize,
        inputs: Inputs,
        targets: Targets,
    ) -> Result<Self, DataError> {
        let name = name.into();
        match problem(shape, classes, &inputs, &targets) {
            Some(problem) => Err(DataError::Inconsistent { name, problem }),
            None => Ok(Dataset { name, shape, classes, class_names: Vec::new(), inputs, targets }),
        }
    }

    /// The name, such as `mnist/train`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same set with names for its classes.
    #[must_use]
    pub fn with_class_names(mut self, names: Vec<String>) -> Self {
        self.class_names = names;
        self
    }

    /// What the classes are called, where the files say it (folders of
    /// pictures); else empty, and [`crate::SetInfo::class_names`] may know.
    #[must_use]
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The shape of one input; images are `[channels, height, width]`. In memory
    /// the channels of a pixel lie side by side, as the engine has them.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The shape of one input as a row of numbers: `[784]` for `[1, 28, 28]`.
    /// They come in the order of memory; the engine's `Flatten` puts colours
    /// in PyTorch's order.
    #[must_use]
    pub fn flat_shape(&self) -> Shape {
        Shape::from([self.shape.len()])
    }

    /// Number of classes; 0 for regression.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// All inputs.
    #[must_use]
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// All targets.
    #[must_use]
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Values per example in regression; `None` for classification.
    #[must_use]
    pub fn target_width(&self) -> Option<usize> {
        match &self.targets {
            Targets::Classes(_) => None,
            Targets::Values { width, .. } => Some(*width),
        }
    }

    /// Number of examples.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.targets {
            Targets::Classes(classes) => classes.len(),
            Targets::Values { width, data } => data.len() / width,
        }
    }

    /// Whether there are no examples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Example `i`, or `None` past the end.
    #[must_use]
    pub fn example(&self, i: usize) -> Option<Example<'_>> {
        if i >= self.len() {
            return None;
        }
        let n = self.shape.len();
        let input = match &self.inputs {
            Inputs::U8 { data, divisor } => InputRef::U8 { data: &data[i * n..][..n], divisor: *divisor },
            Inputs::F32(data) => InputRef::F32(&data[i * n..][..n]),
        };
        let target = match &self.targets {
            Targets::Classes(classes) => TargetRef::Class(classes[i]),
            Targets::Values { width, data } => TargetRef::Values(&data[i * width..][..*width]),
        };
        Some(Example { input, target })
    }

    /// Copies the inputs of some examples, as numbers, one after the other. A
    /// byte becomes the float nearest to `byte / divisor`.
    ///
    /// # Panics
    /// If an index is not below [`Dataset::len`] or `out` does not hold
    /// exactly `indices.len()` inputs.
    pub fn gather(&self, indices: &[u32], out: &mut [f32]) {
        let n = self.shape.len();
        assert_eq!(out.len(), indices.len() * n, "gather: length of `out`");
        for (&i, row) in indices.iter().zip(out.chunks_exact_mut(n)) {
            let at = i as usize * n;
            match &self.inputs {
                Inputs::U8 { data, divisor } => convert(&data[at..][..n], *divisor, row),
                Inputs::F32(data) => row.copy_from_slice(&data[at..][..n]),
            }
        }
    }

    /// Copies the targets of some examples.
    ///
    /// # Panics
    /// If an index is not below [`Dataset::len`], `out` does not hold exactly
    /// that many targets, or `out` is for the other kind of target.
    pub fn gather_targets(&self, indices: &[u32], out: TargetsMut<'_>) {
        match (&self.targets, out) {
            (Targets::Classes(classes), TargetsMut::Classes(out)) => {
                assert_eq!(out.len(), indices.len(), "gather_targets: length of `out`");
                for (&i, slot) in indices.iter().zip(out) {
                    *slot = classes[i as usize];
                }
            }
            (Targets::Values { width, data }, TargetsMut::Values(out)) => {
                assert_eq!(out.len(), indices.len() * width, "gather_targets: length of `out`");
                for (&i, row) in indices.iter().zip(out.chunks_exact_mut(*width)) {
                    row.copy_from_slice(&data[i as usize * width..][..*width]);
                }
            }
            (Targets::Classes(_), TargetsMut::Values(_)) => {
                panic!("the targets of {} are classes", self.name)
            }
            (Targets::Values { .. }, TargetsMut::Classes(_)) => {
                panic!("the targets of {} are values", self.name)
            }
        }
    }

    /// The first `n` examples.
    ///
    /// # Errors
    /// [`DataError::TooFew`] if there are not so many.
    pub fn prefix(&self, n: usize) -> Result<Dataset, DataError> {
        if n > self.len() {
            return Err(DataError::TooFew { name: self.name.clone(), asked: n, available: self.len() });
        }
        let numbers = n * self.shape.len();
        let inputs = match &self.inputs {
            Inputs::U8 { data, divisor } => Inputs::U8 { data: data[..numbers].to_vec(), divisor: *divisor },
            Inputs::F32(data) => Inputs::F32(data[..numbers].to_vec()),
        };
        let targets = match &self.targets {
            Targets::Classes(classes) => Targets::Classes(classes[..n].to_vec()),
            Targets::Values { width, data } => {
                Targets::Values { width: *width, data: data[..n * width].to_vec() }
            }
        };
        Ok(Dataset {
            name: self.name.clone(),
            shape: self.shape,
            classes: self.classes,
            class_names: self.class_names.clone(),
            inputs,
            targets,
        })
    }

    /// The same pictures with their pixels in another order, one for all
    /// pictures: the permutation that a seed draws in stream `Data` at step 0,
    /// node 100. What is learned from neighbourhoods is lost, what is learned
    /// from single pixels stays. Channels of a pixel stay together.
    #[must_use]
    pub fn with_shuffled_pixels(&self, seed: u64) -> Dataset {
        let channels = match *self.shape.dims() {
            [c, _, _] => c,
            _ => 1,
        };
        let pixels = self.shape.len() / channels;
        let order = Rng::new(seed).draw(Stream::Data, 0, 100).permutation(pixels as u32);
        let inputs = match &self.inputs {
            Inputs::U8 { data, divisor } => {
                Inputs::U8 { data: reordered(data, channels, &order), divisor: *divisor }
            }
            Inputs::F32(data) => Inputs::F32(reordered(data, channels, &order)),
        };
        Dataset { inputs, ..self.clone() }
    }

    /// The identity of the content, for records of runs: SHA-256 in hex.
    ///
    /// Hashed are, with little-endian integers of 64 bits: `b"kobai-dataset-1"`,
    /// rank, extents, number of classes and of examples, the divisor (0 for
    /// floats), the inputs (bytes, or little-endian floats), the width of the
    /// targets (0 for classes), the targets (little-endian 32-bit integers or
    /// floats). The name is left out.
    #[must_use]
    pub fn checksum(&self) -> String {
        let mut hasher = Sha256::new();
        let word = |hasher: &mut Sha256, value: usize| hasher.update((value as u64).to_le_bytes());
        let floats = |hasher: &mut Sha256, data: &[f32]| {
            for value in data {
                hasher.update(value.to_le_bytes());
            }
        };
        hasher.update(b"kobai-dataset-1");
        word(&mut hasher, self.shape.rank());
        for &extent in self.shape.dims() {
            word(&mut hasher, extent);
        }
        word(&mut hasher, self.classes);
        word(&mut hasher, self.len());
        match &self.inputs {
            Inputs::U8 { data, divisor } => {
                word(&mut hasher, usize::from(*divisor));
                hasher.update(data);
            }
            Inputs::F32(data) => {
                word(&mut hasher, 0);
                floats(&mut hasher, data);
            }
        }
        match &self.targets {
            Targets::Classes(classes) => {
                word(&mut hasher, 0);
                for class in classes {
                    hasher.update(class.to_le_bytes());
                }
            }
            Targets::Values { width, data } => {
                word(&mut hasher, *width);
                floats(&mut hasher, data);
            }
        }
        hash::hex(&hasher.finalize())
    }
}

/// Pixel `i` of each picture is the old pixel `order[i]`.
fn reordered<T: Copy>(data: &[T], channels: usize, order: &[u32]) -> Vec<T> {
    let mut out = Vec::with_capacity(data.len());
    for picture in data.chunks_exact(channels * order.len()) {
        for from in order {
            out.extend_from_slice(&picture[*from as usize * channels..][..channels]);
        }
    }
    out
}

/// What does not fit together, if anything.
fn problem(shape: Shape, classes: usize, inputs: &Inputs, targets: &Targets) -> Option<DatasetProblem> {
    let numbers = match inputs {
        Inputs::U8 { divisor: 0, .. } => return Some(DatasetProblem::ZeroDivisor),
        Inputs::U8 { data, .. } => data.len(),
        Inputs::F32(data) => data.len(),
    };
    if shape.is_empty() {
        return Some(DatasetProblem::EmptyShape { shape });
    }
    if numbers % shape.len() != 0 {
        return Some(DatasetProblem::PartOfAnInput { shape, numbers });
    }
    let examples = numbers / shape.len();
    if u32::try_from(examples).is_err() {
        return Some(DatasetProblem::TooMany { examples });
    }
    let targets = match targets {
        Targets::Classes(labels) => {
            let wrong = labels.iter().position(|&class| class as usize >= classes);
            if let Some(index) = wrong {
                return Some(DatasetProblem::ClassOutOfRange { index, class: labels[index], classes });
            }
            labels.len()
        }
        Targets::Values { width: 0, .. } => return Some(DatasetProblem::NoValues),
        Targets::Values { width, data } if data.len() % width != 0 => {
            return Some(DatasetProblem::PartOfATarget { width: *width, values: data.len() });
        }
        Targets::Values { width, data } => data.len() / width,
    };
    (targets != examples).then_some(DatasetProblem::Counts { inputs: examples, targets })
}

/// `out[i] = bytes[i] / divisor`, correctly rounded and so the same on every
/// instruction set. Twin-tested against the scalar division for every byte.
fn convert(bytes: &[u8], divisor: u8, out: &mut [f32]) {
    elementwise::u8_to_f32(Isa::best(), bytes, f32::from(divisor), out);
}

#[cfg(test)]
#[path = "dataset_tests.rs"]
mod tests;
