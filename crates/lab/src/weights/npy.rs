//! NumPy's `.npy` arrays of float32 and float64, versions 1 to 3, in either
//! order of elements.
//!
//! Source: `numpy/lib/format.py`: a magic string, a version, the length of a
//! header, a header that is a Python dict literal, the values.

use kobai_engine::{Explain, Explanation, Lang, say};
use std::fmt;

const MAGIC: &[u8] = b"\x93NUMPY";

/// An array of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Extents, outermost first.
    pub dims: Vec<usize>,
    /// Elements, row-major.
    pub values: Vec<f32>,
}

/// What is wrong with a `.npy` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NpyError {
    /// It does not begin like one, or its header makes no sense.
    Header,
    /// Its elements are not of a type that is read.
    Type(String),
    /// Its values and its extents do not agree.
    Length {
        /// Bytes that the extents ask for.
        expected: Option<usize>,
        /// Bytes there are.
        got: usize,
    },
}

impl Explain for NpyError {
    fn explain(&self, lang: Lang) -> Explanation {
        let e = Explanation::new(say!(lang, "the .npy file cannot be read", ".npy ファイルを読めません"));
        let e = match self {
            NpyError::Header => e.fact(say!(lang, "its header makes no sense", "ヘッダーが正しくありません")),
            NpyError::Type(descr) => e.fact(say!(
                lang,
                "expected elements of type <f4 or <f8, got {descr}",
                "期待: 要素の型 <f4 か <f8、実際: {descr}"
            )),
            NpyError::Length { expected: Some(expected), got } => e.fact(say!(
                lang,
                "expected {expected} bytes of values, got {got}",
                "期待: 値 {expected} バイト、実際: {got}"
            )),
            NpyError::Length { expected: None, got } => e.fact(say!(
                lang,
                "expected more values than fit, got {got} bytes",
                "大きすぎる形です（値 {got} バイト）"
            )),
        };
        e.hint(say!(
            lang,
            "write it with `numpy.save(file, numpy.ascontiguousarray(x, numpy.float32))`",
            "`numpy.save(file, numpy.ascontiguousarray(x, numpy.float32))` で書き出してください"
        ))
    }
}

impl fmt::Display for NpyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.explain(Lang::En))
    }
}

impl std::error::Error for NpyError {}

/// The text behind a key of the header's dict.
fn entry<'a>(header: &'a str, key: &str) -> Result<&'a str, NpyError> {
    let at = header.find(&format!("'{key}'")).ok_or(NpyError::Header)?;
    let rest = &header[at + key.len() + 2..];
    Ok(rest.trim_start().strip_prefix(':').ok_or(NpyError::Header)?.trim_start())
}

/// Reads an array.
///
/// # Errors
/// If the bytes are no such file, of another type, or of another length.
pub fn read(bytes: &[u8]) -> Result<Array, NpyError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyError::Header)?;
    let (len, rest) = match rest {
        [1, _, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
        [2 | 3, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        _ => return Err(NpyError::Header),
    };
    let (header, values) = rest.split_at_checked(len).ok_or(NpyError::Header)?;
    let header = std::str::from_utf8(header).map_err(|_| NpyError::Header)?;
    let descr = entry(header, "descr")?;
    let descr = descr.strip_prefix('\'').and_then(|d| d.split_once('\'')).ok_or(NpyError::Header)?.0;
    let column_major = entry(header, "fortran_order")?.starts_with("True");
    let shape = entry(header, "shape")?;
    let shape = shape.strip_prefix('(').and_then(|s| s.split_once(')')).ok_or(NpyError::Header)?.0;
    let dims = shape
        .split(',')
        .map(str::trim)
        .filter(|d| !d.is_empty())
        .map(|d| d.parse::<usize>().map_err(|_| NpyError::Header))
        .collect::<Result<Vec<usize>, NpyError>>()?;
    let size = match descr {
        "<f4" => 4,
        "<f8" => 8,
        other => return Err(NpyError::Type(other.into())),
    };
    let expected = dims.iter().try_fold(size, |n: usize, d| n.checked_mul(*d));
    if expected != Some(values.len()) {
        return Err(NpyError::Length { expected, got: values.len() });
    }
    let values: Vec<f32> = if size == 4 {
        values.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    } else {
        values.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect()
    };
    let values = if column_major { row_major(&dims, &values) } else { values };
    Ok(Array { dims, values })
}

/// Elements that lie with the first index fastest, in the order of the last.
fn row_major(dims: &[usize], values: &[f32]) -> Vec<f32> {
    let from = |i: usize| {
        let (mut rest, mut at, mut stride) = (i, 0, values.len());
        for extent in dims.iter().rev() {
            stride /= extent;
            at += rest % extent * stride;
            rest /= extent;
        }
        values[at]
    };
    (0..values.len()).map(from).collect()
}

/// The bytes of a float32 array, version 1.
///
/// # Panics
/// If the elements are not as many as the extents say.
#[must_use]
pub fn write(dims: &[usize], values: &[f32]) -> Vec<u8> {
    assert_eq!(dims.iter().product::<usize>(), values.len(), "elements of {dims:?}");
    let shape: String = dims.iter().map(|d| format!("{d}, ")).collect();
    let shape = if dims.len() == 1 { shape.trim_end() } else { shape.trim_end_matches(", ") };
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    // Magic, version, length and header end on a multiple of 64.
    let padded = (MAGIC.len() + 4 + header.len() + 1).next_multiple_of(64) - MAGIC.len() - 4;
    header.extend(std::iter::repeat_n(' ', padded - 1 - header.len()));
    header.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    bytes
}
