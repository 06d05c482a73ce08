//! The loader of `tests/golden/<stem>.safetensors`.
//!
//! The files come from the scripts in `tools/golden`, whose README lists the
//! tensors. Writing them is not the business of Rust code.

use safetensors::{Dtype, SafeTensors};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The tensors of one golden file.
#[derive(Clone, Debug)]
pub struct Golden {
    stem: String,
    tensors: BTreeMap<String, Tensor>,
    metadata: HashMap<String, String>,
}

#[derive(Clone, Debug)]
struct Tensor {
    shape: Vec<usize>,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    F64(Vec<f64>),
    I64(Vec<i64>),
}

impl Golden {
    /// Opens `tests/golden/<stem>.safetensors` of this workspace.
    ///
    /// ```
    /// let golden = kobai_testkit::Golden::open("linear");
    /// assert_eq!(golden.shape("weight"), [3, 5]);
    /// assert_eq!(golden.f64("x").len(), 7 * 5);
    /// ```
    ///
    /// # Panics
    /// If the file is missing or is not what `record.py` writes.
    #[must_use]
    pub fn open(stem: &str) -> Self {
        let path = folder().join(format!("{stem}.safetensors"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| {
            panic!(
                "golden file {}: {e}\nhint: `python tools/golden/record.py {stem}` writes it; there are: {}",
                path.display(),
                Self::stems().join(", ")
            )
        });
        Self::from_bytes(stem, &bytes)
    }

    /// The stems that have a file, sorted.
    #[must_use]
    pub fn stems() -> Vec<String> {
        let entries = std::fs::read_dir(folder()).into_iter().flatten().flatten();
        let mut stems: Vec<String> = entries
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|e| e == "safetensors"))
            .filter_map(|p| Some(p.file_stem()?.to_str()?.to_owned()))
            .collect();
        stems.sort();
        stems
    }

    fn from_bytes(stem: &str, bytes: &[u8]) -> Self {
        let fail = |e| -> ! { panic!("golden file {stem}: not a safetensors file: {e}") };
        let file = SafeTensors::deserialize(bytes).unwrap_or_else(|e| fail(e));
        let (_, header) = SafeTensors::read_metadata(bytes).unwrap_or_else(|e| fail(e));
        let tensors = file
            .tensors()
            .into_iter()
            .map(|(name, view)| {
                let words = view.data().as_chunks::<8>().0.iter();
                let values = match view.dtype() {
                    Dtype::F64 => Values::F64(words.map(|b| f64::from_le_bytes(*b)).collect()),
                    Dtype::I64 => Values::I64(words.map(|b| i64::from_le_bytes(*b)).collect()),
                    other => panic!("golden file {stem}: {name} is {other:?}, expected F64 or I64"),
                };
                (name, Tensor { shape: view.shape().to_vec(), values })
            })
            .collect();
        Golden { stem: stem.to_owned(), tensors, metadata: header.metadata().clone().unwrap_or_default() }
    }

    /// The names of the tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The shape of a tensor; empty for a scalar.
    ///
    /// # Panics
    /// If there is no such tensor.
    #[must_use]
    pub fn shape(&self, name: &str) -> &[usize] {
        &self.tensor(name).shape
    }

    /// Whether a tensor holds integers.
    ///
    /// # Panics
    /// If there is no such tensor.
    #[must_use]
    pub fn is_integer(&self, name: &str) -> bool {
        matches!(self.tensor(name).values, Values::I64(_))
    }

    /// The values of a floating-point tensor in row-major order.
    ///
    /// # Panics
    /// If there is no such tensor, or it holds integers.
    #[must_use]
    pub fn f64(&self, name: &str) -> &[f64] {
        match &self.tensor(name).values {
            Values::F64(values) => values,
            Values::I64(_) => panic!("golden {}: {name} holds integers, use i64()", self.stem),
        }
    }

    /// [`Golden::f64`], each value rounded to the nearest `f32`. Recorded
    /// inputs are exact in both types.
    ///
    /// # Panics
    /// As [`Golden::f64`].
    #[must_use]
    pub fn f32(&self, name: &str) -> Vec<f32> {
        self.f64(name).iter().map(|x| *x as f32).collect()
    }

    /// The only value of a tensor with one element.
    ///
    /// # Panics
    /// As [`Golden::f64`], or if there is not exactly one element.
    #[must_use]
    pub fn scalar(&self, name: &str) -> f64 {
        match self.f64(name) {
            [x] => *x,
            _ => {
                panic!("golden {}: {name} has shape {:?}, expected one element", self.stem, self.shape(name))
            }
        }
    }

    /// The values of an integer tensor, such as labels.
    ///
    /// # Panics
    /// If there is no such tensor, or it holds floating-point numbers.
    #[must_use]
    pub fn i64(&self, name: &str) -> &[i64] {
        match &self.tensor(name).values {
            Values::I64(values) => values,
            Values::F64(_) => panic!("golden {}: {name} holds floating-point numbers, use f64()", self.stem),
        }
    }

    /// An entry of the metadata: `torch`, `script`, `sha256` and others.
    ///
    /// # Panics
    /// If there is no such entry.
    #[must_use]
    pub fn metadata(&self, key: &str) -> &str {
        self.metadata.get(key).unwrap_or_else(|| {
            let mut keys: Vec<&str> = self.metadata.keys().map(String::as_str).collect();
            keys.sort_unstable();
            panic!("golden {}: no metadata `{key}`; there are: {}", self.stem, keys.join(", "))
        })
    }

    fn tensor(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| {
            let names: Vec<&str> = self.names().collect();
            panic!("golden {}: no tensor `{name}`; there are: {}", self.stem, names.join(", "))
        })
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}
