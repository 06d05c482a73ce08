//! The IDX format of MNIST and its relatives, plain or gzip-compressed.
//!
//! Big-endian: the magic number 0x00000803 (bytes, three axes: images) or
//! 0x00000801 (bytes, one axis: labels), one 32-bit extent per axis, then the
//! bytes. Source: the page of the MNIST database (LeCun, Cortes, Burges).
//!
//! The reader is strict: too short is an error, too long is an error, and what
//! a header announces is checked before memory is taken for it. Whether a file
//! is compressed is seen from its first bytes, because browsers unpack files
//! and keep the `.gz`.
//!
//! Deliberately not here: other element types and ranks.

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::{Action, DataError, IdxProblem};

/// The first four bytes of images.
pub const MAGIC_IMAGES: u32 = 0x0000_0803;
/// The first four bytes of labels.
pub const MAGIC_LABELS: u32 = 0x0000_0801;
/// Larger files are not read.
pub const MAX_BYTES: u64 = 1 << 32;

/// Deflate cannot do better than 1032 to 1, so this bounds what a compressed
/// file can hold. Source: zlib's technical details page.
const MAX_RATIO: u64 = 1032;

/// Images of one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Number of images.
    pub count: usize,
    /// Height.
    pub rows: usize,
    /// Width.
    pub cols: usize,
    /// `count * rows * cols` bytes, image after image, row after row.
    pub pixels: Vec<u8>,
}

/// Reads a file of images.
///
/// # Errors
/// [`DataError::Io`] if it cannot be read, [`DataError::Idx`] if it is not a
/// proper file of images.
pub fn read_images(file: &Path) -> Result<Images, DataError> {
    decode_images(file, read(file)?)
}

/// Reads a file of labels, one byte each.
///
/// # Errors
/// [`DataError::Io`] if it cannot be read, [`DataError::Idx`] if it is not a
/// proper file of labels.
pub fn read_labels(file: &Path) -> Result<Vec<u8>, DataError> {
    decode_labels(file, read(file)?)
}

/// Checks that every label is below `classes`, and widens them.
///
/// # Errors
/// [`DataError::Idx`] with the first label that is not.
pub fn check_labels(file: &Path, labels: &[u8], classes: usize) -> Result<Vec<u32>, DataError> {
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(index) => Err(fail(file, IdxProblem::Label { index, label: labels[index], classes })),
        None => Ok(labels.iter().map(|&label| u32::from(label)).collect()),
    }
}

/// Images from the bytes of a file; `file` is only for errors.
///
/// # Errors
/// [`DataError::Idx`] if they are not a proper file of images.
pub fn decode_images(file: &Path, raw: Vec<u8>) -> Result<Images, DataError> {
    let ([count, rows, cols], pixels) = decode(raw, MAGIC_IMAGES).map_err(|problem| fail(file, problem))?;
    Ok(Images { count, rows, cols, pixels })
}

/// Labels from the bytes of a file; `file` is only for errors.
///
/// # Errors
/// [`DataError::Idx`] if they are not a proper file of labels.
pub fn decode_labels(file: &Path, raw: Vec<u8>) -> Result<Vec<u8>, DataError> {
    let ([_], labels) = decode(raw, MAGIC_LABELS).map_err(|problem| fail(file, problem))?;
    Ok(labels)
}

/// The content of a file after decompression, at most `limit` bytes of it.
pub(crate) fn unpacked(file: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let raw = read(file)?;
    if !is_gzip(&raw) {
        return Ok(raw);
    }
    let too_large = || fail(file, IdxProblem::TooLarge { extents: Vec::new(), limit });
    let mut content = Vec::new();
    MultiGzDecoder::new(&raw[..])
        .take(limit + 1)
        .read_to_end(&mut content)
        .map_err(|source| fail(file, IdxProblem::Gzip { source }))?;
    if content.len() as u64 > limit { Err(too_large()) } else { Ok(content) }
}

fn fail(file: &Path, problem: IdxProblem) -> DataError {
    DataError::Idx { file: file.to_owned(), problem }
}

fn is_gzip(raw: &[u8]) -> bool {
    raw.starts_with(&[0x1f, 0x8b])
}

fn read(file: &Path) -> Result<Vec<u8>, DataError> {
    let size = fs::metadata(file).map_err(DataError::io(file, Action::Read))?.len();
    if size > MAX_BYTES {
        return Err(fail(file, IdxProblem::TooLarge { extents: Vec::new(), limit: MAX_BYTES }));
    }
    fs::read(file).map_err(DataError::io(file, Action::Read))
}

/// Extents and bytes.
fn decode<const RANK: usize>(raw: Vec<u8>, magic: u32) -> Result<([usize; RANK], Vec<u8>), IdxProblem> {
    let header = 4 + 4 * RANK;
    if !is_gzip(&raw) {
        let extents = header_of::<RANK>(&raw, magic)?;
        let expected = body_size(&extents)?;
        let got = (raw.len() - header) as u64;
        if got < expected {
            return Err(IdxProblem::Truncated { expected, got });
        }
        if got > expected {
            return Err(IdxProblem::TrailingBytes { expected });
        }
        let mut body = raw;
        body.drain(..header);
        return Ok((extents.map(|e| e as usize), body));
    }
    let gzip = |source| IdxProblem::Gzip { source };
    let room = raw.len() as u64 * MAX_RATIO;
    let mut decoder = MultiGzDecoder::new(&raw[..]);
    let mut head = Vec::with_capacity(header);
    (&mut decoder).take(header as u64).read_to_end(&mut head).map_err(gzip)?;
    let extents = header_of::<RANK>(&head, magic)?;
    let expected = body_size(&extents)?;
    // One byte more than expected: it makes the decoder reach the end of the
    // file, where the check sum is, and it shows trailing bytes.
    let mut body = Vec::with_capacity((expected + 1).min(room) as usize);
    decoder.take(expected + 1).read_to_end(&mut body).map_err(gzip)?;
    let got = body.len() as u64;
    match got.cmp(&expected) {
        std::cmp::Ordering::Less => Err(IdxProblem::Truncated { expected, got }),
        std::cmp::Ordering::Greater => Err(IdxProblem::TrailingBytes { expected }),
        std::cmp::Ordering::Equal => Ok((extents.map(|e| e as usize), body)),
    }
}

fn header_of<const RANK: usize>(raw: &[u8], magic: u32) -> Result<[u32; RANK], IdxProblem> {
    let word = |at: usize| raw.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    let short = IdxProblem::Header { expected: 4 + 4 * RANK, got: raw.len() };
    match word(0) {
        None => return Err(short),
        Some(got) if got != magic => return Err(IdxProblem::Magic { expected: magic, got }),
        Some(_) => {}
    }
    let mut extents = [0; RANK];
    for (axis, extent) in extents.iter_mut().enumerate() {
        match word(4 + 4 * axis) {
            None => return Err(short),
            Some(value) => *extent = value,
        }
    }
    Ok(extents)
}

/// Bytes after the header, if that is neither nothing nor too much.
fn body_size(extents: &[u32]) -> Result<u64, IdxProblem> {
    let size = extents.iter().try_fold(1u64, |size, &extent| size.checked_mul(u64::from(extent)));
    match size {
        Some(0) => Err(IdxProblem::Empty { extents: extents.to_vec() }),
        Some(size) if size <= MAX_BYTES => Ok(size),
        _ => Err(IdxProblem::TooLarge { extents: extents.to_vec(), limit: MAX_BYTES }),
    }
}

#[cfg(test)]
#[path = "idx_tests.rs"]
pub(crate) mod tests;
