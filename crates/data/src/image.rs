//! Pictures: decoding, resizing, cropping, numbers for a network.
//!
//! JPEG and PNG are decoded by the `image` crate. Resizing follows Pillow's
//! filter, so that a network that was trained on torchvision's pictures sees
//! what it is used to; `tests/images` holds Pillow's results. Decoders of JPEG
//! differ by a few levels where colour was stored at half the size.
//!
//! Deliberately not here: other formats, the orientation that cameras note in a
//! file (torchvision's loader ignores it too).

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::error::{Action, DataError, ImageProblem};

/// Larger pictures are not decoded or made: about 11,500 × 11,500 pixels.
pub const MAX_PIXELS: u64 = 1 << 27;

/// Values of a pixel: red, green, blue.
pub const CHANNELS: usize = 3;

/// A picture of 8 bits per colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Rows; at least 1.
    pub height: usize,
    /// Columns; at least 1.
    pub width: usize,
    /// `height * width * 3` values: row after row, pixel after pixel, red,
    /// green, blue.
    pub pixels: Vec<u8>,
}

/// A picture from the bytes of a JPEG or PNG file.
///
/// Grey and palettes become red, green, blue; transparency is dropped, as
/// Pillow's `convert("RGB")` does; of 16 bits the nearest 8 are kept; CMYK is
/// converted without a colour profile.
///
/// # Errors
/// [`ImageProblem`] if the bytes are no JPEG or PNG, are damaged, or announce
/// more than [`MAX_PIXELS`].
pub fn decode(bytes: &[u8]) -> Result<Image, ImageProblem> {
    let format = image::guess_format(bytes).ok();
    let format = match format {
        Some(format @ (ImageFormat::Jpeg | ImageFormat::Png)) => format,
        other => {
            let got = other.and_then(|f| f.extensions_str().first().copied());
            return Err(ImageProblem::Format { got });
        }
    };
    let damaged = |error: image::ImageError| ImageProblem::Damaged { reason: error.to_string() };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // 16 bits and transparency: 8 bytes per pixel at most.
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_PIXELS * 8);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(ImageProblem::Damaged { reason: format!("{height}×{width}") });
    }
    check_size(height as usize, width as usize)?;
    let picture = DynamicImage::from_decoder(decoder).map_err(damaged)?.into_rgb8();
    let (width, height) = picture.dimensions();
    Ok(Image { height: height as usize, width: width as usize, pixels: picture.into_raw() })
}

/// A picture from a JPEG or PNG file.
///
/// # Errors
/// [`DataError::Io`] if it cannot be read, [`DataError::Image`] if it is no
/// proper picture.
pub fn read(file: &Path) -> Result<Image, DataError> {
    let bytes = fs::read(file).map_err(DataError::io(file, Action::Read))?;
    decode(&bytes).map_err(|problem| DataError::Image { file: file.to_owned(), problem })
}

fn check_size(height: usize, width: usize) -> Result<(), ImageProblem> {
    match (height as u64).checked_mul(width as u64) {
        Some(pixels) if pixels <= MAX_PIXELS => Ok(()),
        _ => Err(ImageProblem::TooLarge { height, width, limit: MAX_PIXELS }),
    }
}

impl Image {
    /// The picture at another size, as Pillow's `resize` with the bilinear
    /// filter: each new pixel is the mean of the old ones under a tent whose
    /// width grows with the reduction, first along rows, then along columns,
    /// rounded to 8 bits in between. (Pillow 13 begins with the columns of some
    /// tall pictures; then single values are one level apart.)
    ///
    /// # Errors
    /// [`ImageProblem::TooLarge`] above [`MAX_PIXELS`].
    ///
    /// # Panics
    /// If a side is 0.
    pub fn resize(&self, height: usize, width: usize) -> Result<Image, ImageProblem> {
        assert!(height > 0 && width > 0, "resize: a side is 0");
        check_size(height, width)?;
        check_size(self.height, width)?;
        let mut wide = vec![0; self.height * width * CHANNELS];
        if width == self.width {
            wide.copy_from_slice(&self.pixels);
        } else {
            let taps = Taps::new(self.width, width);
            let rows = self.pixels.chunks_exact(self.width * CHANNELS);
            for (old, new) in rows.zip(wide.chunks_exact_mut(width * CHANNELS)) {
                taps.apply(old, new, CHANNELS);
            }
        }
        if height == self.height {
            return Ok(Image { height, width, pixels: wide });
        }
        // Down the columns a whole row is one "pixel" of many values.
        let mut pixels = vec![0; height * width * CHANNELS];
        Taps::new(self.height, height).apply(&wide, &mut pixels, width * CHANNELS);
        Ok(Image { height, width, pixels })
    }

    /// The picture with its shorter side `n` and its proportions kept, as
    /// torchvision's `Resize(n)`: the longer side is rounded down.
    ///
    /// # Errors
    /// [`ImageProblem::TooLarge`] above [`MAX_PIXELS`].
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn resize_shorter(&self, n: usize) -> Result<Image, ImageProblem> {
        let (h, w) = (self.height, self.width);
        if h <= w { self.resize(n, n * w / h) } else { self.resize(n * h / w, n) }
    }

    /// The `n` × `n` pixels in the middle, as torchvision's `CenterCrop(n)`:
    /// half a pixel is rounded to the even side, and where the picture is
    /// smaller there is black.
    #[must_use]
    pub fn center_crop(&self, n: usize) -> Image {
        let mut pixels = vec![0; n * n * CHANNELS];
        let (top, left) = (middle(self.height, n), middle(self.width, n));
        // Columns of the picture that are seen: from `first`, `count` of them.
        let first = left.max(0) as usize;
        let margin = (-left).max(0) as usize;
        let count = (self.width - first).min(n - margin);
        for (y, row) in pixels.chunks_exact_mut(n.max(1) * CHANNELS).enumerate() {
            let Ok(old) = usize::try_from(top + y as isize) else { continue };
            if old < self.height {
                let from = (old * self.width + first) * CHANNELS;
                row[margin * CHANNELS..][..count * CHANNELS]
                    .copy_from_slice(&self.pixels[from..][..count * CHANNELS]);
            }
        }
        Image { height: n, width: n, pixels }
    }

    /// The picture as the bytes of a PNG file: nothing is lost.
    ///
    /// # Panics
    /// If there are not `height * width * 3` values.
    #[must_use]
    pub fn png(&self) -> Vec<u8> {
        let picture = image::RgbImage::from_raw(self.width as u32, self.height as u32, self.pixels.clone());
        let mut bytes = Cursor::new(Vec::new());
        let picture = picture.expect("as many values as height and width say");
        picture.write_to(&mut bytes, ImageFormat::Png).expect("memory can be written");
        bytes.into_inner()
    }

    /// The picture as numbers, `(value / 255 - mean) / std` per colour, in the
    /// order of [`Image::pixels`]: channels last.
    #[must_use]
    pub fn normalized(&self, mean: [f32; CHANNELS], std: [f32; CHANNELS]) -> Vec<f32> {
        let value = |(i, p): (usize, &u8)| (f32::from(*p) / 255.0 - mean[i % CHANNELS]) / std[i % CHANNELS];
        self.pixels.iter().enumerate().map(value).collect()
    }
}

/// Where a window of `n` in the middle of `side` begins; negative if it is
/// larger. torchvision pads `(n - side) / 2` in front, rounded down, and then
/// cuts nothing there.
fn middle(side: usize, n: usize) -> isize {
    if n > side {
        return -(((n - side) / 2) as isize);
    }
    let spare = side - n;
    // Python's `round` of a half goes to the even number.
    (spare / 2 + usize::from(spare % 4 == 3)) as isize
}

/// Bits behind the point of a weight: Pillow's choice, which leaves room for
/// the sum of 255 times weights that add up to 1.
const POINT: u32 = 22;

/// Which old places a new one is the weighted mean of.
struct Taps {
    /// First old place of each new one, and where its weights begin and end.
    spans: Vec<(usize, usize, usize)>,
    weights: Vec<i32>,
}

impl Taps {
    /// From `old` places to `new` ones.
    fn new(old: usize, new: usize) -> Self {
        let scale = old as f64 / new as f64;
        // The tent reaches one old place to each side, or one new place if
        // those are wider.
        let reach = scale.max(1.0);
        let (mut spans, mut weights, mut tent) = (Vec::with_capacity(new), Vec::new(), Vec::new());
        for place in 0..new {
            let centre = (place as f64 + 0.5) * scale;
            let first = (centre - reach + 0.5).max(0.0) as usize;
            let end = ((centre + reach + 0.5) as usize).min(old);
            tent.clear();
            tent.extend((first..end).map(|i| (1.0 - ((i as f64 - centre + 0.5) / reach).abs()).max(0.0)));
            let sum: f64 = tent.iter().sum();
            let begin = weights.len();
            let unit = f64::from(1 << POINT);
            weights.extend(tent.iter().map(|w| (w / sum * unit + 0.5) as i32));
            spans.push((first, begin, weights.len()));
        }
        Taps { spans, weights }
    }

    /// One row of places, each of `values` values. Integer sums: exact.
    fn apply(&self, old: &[u8], new: &mut [u8], values: usize) {
        for (&(first, begin, end), new) in self.spans.iter().zip(new.chunks_exact_mut(values)) {
            let weights = &self.weights[begin..end];
            for (c, slot) in new.iter_mut().enumerate() {
                let places = old[first * values + c..].iter().step_by(values);
                let sum: i32 = weights.iter().zip(places).map(|(w, p)| w * i32::from(*p)).sum();
                *slot = ((sum + (1 << (POINT - 1))) >> POINT).clamp(0, 255) as u8;
            }
        }
    }
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
