//! torchvision's published weight files.
//!
//! The eight digits in a file's name are the first of its SHA-256; torch's own
//! downloader checks no more. The weights derive from ImageNet and are not part
//! of this program: they are fetched when asked for.
//!
//! Source: `torchvision/models/*.py`, `IMAGENET1K_V1` of each.

use kobai_data::download::{self, Got, Options, Progress};
use kobai_data::{DataError, Locations};
use std::path::{Path, PathBuf};

/// Where the files are.
pub const BASE: &str = "https://download.pytorch.org/models/";

/// Means and deviations of the colours of ImageNet's training set.
const IMAGENET: [[f32; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
/// −1 to 1: what torchvision's GoogLeNet turns its inputs into (`transform_input`).
const CENTRED: [[f32; 3]; 2] = [[0.5; 3]; 2];

/// A published file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// Network, by its name in the zoo.
    pub model: &'static str,
    /// File name.
    pub file: &'static str,
    /// First digits of its SHA-256.
    pub sha256: &'static str,
    /// Published accuracy on ImageNet's validation set, percent: the class is
    /// the first, or among the first five.
    pub accuracy: [f32; 2],
}

const fn file(
    model: &'static str,
    file: &'static str,
    sha256: &'static str,
    accuracy: [f32; 2],
) -> Published {
    Published { model, file, sha256, accuracy }
}

/// All that are known.
pub const FILES: &[Published] = &[
    file("alexnet", "alexnet-owt-7be5be79.pth", "7be5be79", [56.522, 79.066]),
    file("vgg11", "vgg11-8a719046.pth", "8a719046", [69.02, 88.628]),
    file("vgg11_bn", "vgg11_bn-6002323d.pth", "6002323d", [70.37, 89.81]),
    file("vgg13", "vgg13-19584684.pth", "19584684", [69.928, 89.246]),
    file("vgg13_bn", "vgg13_bn-abd245e5.pth", "abd245e5", [71.586, 90.374]),
    file("vgg16", "vgg16-397923af.pth", "397923af", [71.592, 90.382]),
    file("vgg16_bn", "vgg16_bn-6c64b313.pth", "6c64b313", [73.36, 91.516]),
    file("vgg19", "vgg19-dcbb9e9d.pth", "dcbb9e9d", [72.376, 90.876]),
    file("vgg19_bn", "vgg19_bn-c79401a0.pth", "c79401a0", [74.218, 91.842]),
    file("googlenet", "googlenet-1378be20.pth", "1378be20", [69.778, 89.53]),
    file("resnet18", "resnet18-f37072fd.pth", "f37072fd", [69.758, 89.078]),
    file("resnet34", "resnet34-b627a593.pth", "b627a593", [73.314, 91.42]),
    file("resnet50", "resnet50-0676ba61.pth", "0676ba61", [76.13, 92.862]),
    file("resnet101", "resnet101-63fe2227.pth", "63fe2227", [77.374, 93.546]),
    file("resnet152", "resnet152-394f9c45.pth", "394f9c45", [78.312, 94.046]),
    file("mobilenet_v2", "mobilenet_v2-b0353104.pth", "b0353104", [71.878, 90.286]),
    file("squeezenet1_0", "squeezenet1_0-b66bff10.pth", "b66bff10", [58.092, 80.42]),
    file("squeezenet1_1", "squeezenet1_1-b8a52dc0.pth", "b8a52dc0", [58.178, 80.624]),
];

impl Published {
    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{BASE}{}", self.file)
    }
}

/// The file of a network.
#[must_use]
pub fn find(model: &str) -> Option<&'static Published> {
    FILES.iter().find(|f| f.model == model)
}

/// Mean and standard deviation that a network's published weights expect, per colour.
#[must_use]
pub fn normalisation(model: &str) -> [[f32; 3]; 2] {
    if model.starts_with("googlenet") { CENTRED } else { IMAGENET }
}

/// The folder of weight files.
///
/// # Errors
/// [`DataError::NoFolder`] if there is no place for data.
pub fn folder(locations: &Locations) -> Result<PathBuf, DataError> {
    locations.download_folder("weights").ok_or(DataError::NoFolder)
}

/// Sees to it that a published file is in a folder, whole and right.
///
/// # Errors
/// If it cannot be fetched or does not have the right SHA-256.
pub fn get(
    published: &Published,
    folder: &Path,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Got, DataError> {
    download::published(published.file, &published.url(), published.sha256, folder, options, progress)
}

/// A published file in a folder, if it was fetched.
#[must_use]
pub fn fetched(published: &Published, folder: &Path) -> Option<PathBuf> {
    Some(folder.join(published.file)).filter(|path| path.is_file())
}
