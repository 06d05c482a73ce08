//! Weight files: trained values from PyTorch and for PyTorch.
//!
//! | file | what |
//! |---|---|
//! | `safetensors.rs` | safetensors in |
//! | `pth.rs`, `pickle.rs`, `heap.rs` | `torch.save` in both its forms, read without running code |
//! | `load.rs` | tensors of a file to the tensors of a plan |
//! | `save.rs` | an executor as safetensors, under PyTorch's names and layout |
//! | `published.rs` | torchvision's files and their checksums |
//! | `npy.rs` | NumPy arrays in and out |
//!
//! Whatever the form, a read file is its bytes and a list of views into them
//! ([`Weights`]): one copy in memory, and nothing in a file can ask for more.

mod error;
mod heap;
mod load;
pub mod npy;
mod pickle;
mod pth;
pub mod published;
mod safetensors;
mod save;

pub use error::{FileProblem, WeightsError};
pub use load::{Mismatch, Report, check, load};
pub use save::{save, serialize};

use kobai_engine::{Lang, say};
use kobai_kernels::Real;
use std::collections::HashMap;
use std::path::Path;

/// What a file stores for each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Dtype {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl Dtype {
    /// PyTorch's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F64 => "float64",
            Dtype::F32 => "float32",
            Dtype::F16 => "float16",
            Dtype::Bf16 => "bfloat16",
            Dtype::I64 => "int64",
            Dtype::I32 => "int32",
            Dtype::I16 => "int16",
            Dtype::I8 => "int8",
            Dtype::U8 => "uint8",
            Dtype::Bool => "bool",
        }
    }

    /// Bytes of an element.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Dtype::F64 | Dtype::I64 => 8,
            Dtype::F32 | Dtype::I32 => 4,
            Dtype::F16 | Dtype::Bf16 | Dtype::I16 => 2,
            Dtype::I8 | Dtype::U8 | Dtype::Bool => 1,
        }
    }

    /// Whether it is a floating-point format.
    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(self, Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::Bf16)
    }

    /// The element of these bytes, little end first.
    fn value(self, b: [u8; 8]) -> f64 {
        let [b0, b1, b2, b3, ..] = b;
        match self {
            Dtype::F64 => f64::from_le_bytes(b),
            Dtype::F32 => f32::from_le_bytes([b0, b1, b2, b3]).into(),
            Dtype::F16 => half(u16::from_le_bytes([b0, b1])),
            // The upper half of a float32.
            Dtype::Bf16 => f32::from_le_bytes([0, 0, b0, b1]).into(),
            Dtype::I64 => i64::from_le_bytes(b) as f64,
            Dtype::I32 => i32::from_le_bytes([b0, b1, b2, b3]).into(),
            Dtype::I16 => i16::from_le_bytes([b0, b1]).into(),
            Dtype::I8 => i8::from_le_bytes([b0]).into(),
            Dtype::U8 | Dtype::Bool => b0.into(),
        }
    }
}

/// IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let size = match bits >> 10 & 0x1f {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + fraction) * 2f64.powi(i32::from(exponent) - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON header and raw values.
    Safetensors,
    /// `torch.save` since PyTorch 1.6: a ZIP archive.
    Zip,
    /// `torch.save` before: pickles and raw values.
    Legacy,
}

impl Format {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Safetensors => "safetensors",
            Format::Zip => "PyTorch (zip)",
            Format::Legacy => "PyTorch (legacy)",
        }
    }
}

/// What reading a file passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The tensors were under this key.
    Nested(String),
    /// All names began with this, and lost it.
    Prefix(String),
    /// Entries beside the tensors that are no tensors.
    Others(usize),
}

impl Note {
    /// The note in words.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        match self {
            Note::Nested(key) => {
                say!(lang, "tensors found under `{key}`", "テンソルは `{key}` の下にありました")
            }
            Note::Prefix(prefix) => {
                say!(lang, "prefix `{prefix}` taken off the names", "名前の先頭の `{prefix}` を除きました")
            }
            Note::Others(n) => {
                say!(lang, "{n} entries that are no tensors passed over", "テンソルでない {n} 項目は対象外")
            }
        }
    }
}

/// A tensor inside a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Path, such as `layer1.0.conv1.weight`.
    pub name: String,
    /// Type of the elements.
    pub dtype: Dtype,
    /// Extents, outermost first.
    pub dims: Vec<usize>,
    /// Elements from one position to the next, along each axis.
    strides: Vec<usize>,
    /// Byte of the first element.
    start: usize,
}

impl View {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A read weight file.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Its form.
    pub format: Format,
    /// Its tensors, in its order.
    pub tensors: Vec<View>,
    /// What was passed over.
    pub notes: Vec<Note>,
    bytes: Vec<u8>,
    big_endian: bool,
}

impl Weights {
    /// Reads a file of any of the forms; the contents decide, not the name.
    ///
    /// # Errors
    /// If it cannot be read, or is none of them, damaged, or holds more than data.
    pub fn read(path: &Path) -> Result<Weights, WeightsError> {
        let bytes =
            std::fs::read(path).map_err(|source| WeightsError::Read { path: path.to_path_buf(), source })?;
        Weights::parse(bytes).map_err(|problem| WeightsError::File { path: path.to_path_buf(), problem })
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// If they are none of the forms, damaged, or hold more than data.
    pub fn parse(bytes: Vec<u8>) -> Result<Weights, FileProblem> {
        let mut weights = if bytes.starts_with(b"PK\x03\x04") {
            pth::zip(bytes)?
        } else if bytes.get(8) == Some(&b'{') {
            safetensors::read(bytes)?
        } else if bytes.first() == Some(&0x80) {
            pth::legacy(bytes)?
        } else {
            return Err(FileProblem::Unknown);
        };
        weights.strip();
        weights.last_of_each_name();
        Ok(weights)
    }

    /// The tensor of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&View> {
        self.tensors.iter().find(|view| view.name == name)
    }

    /// The elements of a tensor, row-major.
    #[must_use]
    pub fn values<T: Real>(&self, view: &View) -> Vec<T> {
        let mut out = vec![T::ZERO; view.len()];
        self.fill(view, &view.dims, &view.strides, &mut out);
        out
    }

    /// Writes a tensor's elements in the order of these axes.
    fn fill<T: Real>(&self, view: &View, dims: &[usize], strides: &[usize], out: &mut [T]) {
        let size = view.dtype.size();
        let mut out = out.iter_mut();
        each_offset(dims, strides, |offset| {
            let from = view.start + offset * size;
            let mut element = [0; 8];
            element[..size].copy_from_slice(&self.bytes[from..from + size]);
            if self.big_endian {
                element[..size].reverse();
            }
            if let Some(out) = out.next() {
                *out = T::from_f64(view.dtype.value(element));
            }
        });
    }

    /// Takes off what wrappers put before every name.
    fn strip(&mut self) {
        while let Some(prefix) = ["module.", "_orig_mod."]
            .into_iter()
            .find(|p| !self.tensors.is_empty() && self.tensors.iter().all(|t| t.name.starts_with(p)))
        {
            for tensor in &mut self.tensors {
                tensor.name.drain(..prefix.len());
            }
            self.notes.push(Note::Prefix(prefix.into()));
        }
    }

    /// As in a dict, the last of several tensors of a name is the one.
    fn last_of_each_name(&mut self) {
        let last: HashMap<String, usize> =
            self.tensors.iter().enumerate().map(|(i, t)| (t.name.clone(), i)).collect();
        if last.len() < self.tensors.len() {
            let mut i = 0;
            self.tensors.retain(|t| {
                i += 1;
                last.get(&t.name) == Some(&(i - 1))
            });
        }
    }
}

/// Row-major strides of a shape.
fn contiguous(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; dims.len()];
    for i in (1..dims.len()).rev() {
        strides[i - 1] = strides[i].saturating_mul(dims[i]);
    }
    strides
}

/// Calls `f` with the offset of every position, the last axis fastest.
fn each_offset(dims: &[usize], strides: &[usize], mut f: impl FnMut(usize)) {
    if dims.contains(&0) {
        return;
    }
    let (inner, outer) = dims.split_last().map_or((1, &[][..]), |(d, rest)| (*d, rest));
    let step = strides.last().copied().unwrap_or(0);
    let mut position = vec![0; outer.len()];
    let mut base = 0;
    loop {
        for i in 0..inner {
            f(base + i * step);
        }
        // The next row: like an odometer.
        let mut axis = outer.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            position[axis] += 1;
            base += strides[axis];
            if position[axis] < outer[axis] {
                break;
            }
            base -= strides[axis] * outer[axis];
            position[axis] = 0;
        }
    }
}

/// A view of `dims` and `strides` that begins `offset` elements into a storage
/// of the bytes `storage` of a file of `file` bytes.
///
/// # Errors
/// If it does not lie inside, or has more elements than any real file needs.
fn checked(
    name: &str,
    dtype: Dtype,
    (dims, strides, offset): (&[usize], &[usize], usize),
    storage: std::ops::Range<usize>,
    file: usize,
) -> Result<View, FileProblem> {
    let outside = || FileProblem::Outside { tensor: name.into() };
    let len = dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).ok_or_else(outside)?;
    // Strides of 0 repeat elements: a few bytes could stand for any number.
    if len > file + (1 << 16) {
        return Err(outside());
    }
    let first = offset.checked_mul(dtype.size()).and_then(|o| o.checked_add(storage.start));
    let mut end = offset;
    if len > 0 {
        for (dim, stride) in dims.iter().zip(strides) {
            let reach = (dim - 1).checked_mul(*stride).ok_or_else(outside)?;
            end = end.checked_add(reach).ok_or_else(outside)?;
        }
        end = end.checked_add(1).ok_or_else(outside)?;
        let bytes = end.checked_mul(dtype.size()).ok_or_else(outside)?;
        if storage.end > file || bytes > storage.len() {
            return Err(outside());
        }
    }
    let start = first.ok_or_else(outside)?;
    // The stride of an axis of one position is never used, and may be anything.
    let strides = dims.iter().zip(strides).map(|(d, s)| if *d > 1 { *s } else { 0 }).collect();
    Ok(View { name: name.into(), dtype, dims: dims.to_vec(), strides, start })
}
