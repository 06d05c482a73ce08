//! The table of named data sets.
//!
//! Sizes and SHA-256 of the archives: TensorFlow Datasets' `url_checksums`.
//! The hashes of MNIST's unpacked files let `verify` accept files that were
//! unpacked or packed again. They were computed from a copy of which three
//! archives are upstream's byte for byte; public projects that unpack
//! upstream's fourth archive record the same hash for it.
//!
//! Mirrors are in use in torchvision, Keras, or by the owners; `http` is safe
//! because of the hash. Other known homes of MNIST hold `.npz` or parquet,
//! which are not read here.

use super::{FileInfo, FileSet, Format, SetInfo, Source};
use crate::cifar;
use crate::digits;
use crate::synthetic::{Kind, Synthetic};

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const FASHION_EN: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];
const FASHION_JA: [&str; 10] = [
    "Tシャツ",
    "ズボン",
    "プルオーバー",
    "ドレス",
    "コート",
    "サンダル",
    "シャツ",
    "スニーカー",
    "バッグ",
    "アンクルブーツ",
];
const KANA_EN: [&str; 10] = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"];
const KANA_JA: [&str; 10] = ["お", "き", "す", "つ", "な", "は", "ま", "や", "れ", "を"];

const CIFAR_EN: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const CIFAR_JA: [&str; 10] = ["飛行機", "自動車", "鳥", "猫", "鹿", "犬", "カエル", "馬", "船", "トラック"];

const SHAPES_EN: [&str; 10] = [
    "striped disc",
    "striped square",
    "striped triangle",
    "striped star",
    "striped cross",
    "dotted disc",
    "dotted square",
    "dotted triangle",
    "dotted star",
    "dotted cross",
];
const SHAPES_JA: [&str; 10] = [
    "縞の円",
    "縞の正方形",
    "縞の三角形",
    "縞の星",
    "縞の十字",
    "水玉の円",
    "水玉の正方形",
    "水玉の三角形",
    "水玉の星",
    "水玉の十字",
];

/// Every named data set, in the order in which to list them.
pub static SETS: &[SetInfo] = &[
    SetInfo {
        id: "digits",
        aliases: &["optdigits", "uci-digits"],
        title: ["handwritten digits, 8×8 (UCI; built in)", "手書き数字 8×8 (UCI、内蔵)"],
        dims: &[1, digits::SIDE, digits::SIDE],
        classes: digits::CLASSES,
        class_names: [&DIGITS, &DIGITS],
        train_len: digits::LEN - digits::TEST_LEN,
        test_len: digits::TEST_LEN,
        licence: "CC-BY-4.0",
        attribution: digits::ATTRIBUTION,
        source: Source::Embedded,
    },
    SetInfo {
        id: "mnist",
        aliases: &[],
        title: ["handwritten digits, 28×28 (MNIST)", "手書き数字 28×28 (MNIST)"],
        dims: &[1, 28, 28],
        classes: 10,
        class_names: [&DIGITS, &DIGITS],
        train_len: 60_000,
        test_len: 10_000,
        licence: "CC-BY-SA-3.0",
        attribution: "Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document recognition, Proceedings of the IEEE 86, 1998; data by Y. LeCun and C. Cortes",
        source: Source::Files(&FileSet {
            format: Format::Idx,
            folders: &["mnist", "MNIST/raw"],
            mirrors: &[
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ],
            files: &[
                FileInfo {
                    name: "train-images-idx3-ubyte",
                    size: 9_912_422,
                    sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                    content_size: 47_040_016,
                    content_sha256: Some("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
                },
                FileInfo {
                    name: "train-labels-idx1-ubyte",
                    size: 28_881,
                    sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                    content_size: 60_008,
                    content_sha256: Some("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
                },
                FileInfo {
                    name: "t10k-images-idx3-ubyte",
                    size: 1_648_877,
                    sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                    content_size: 7_840_016,
                    content_sha256: Some("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
                },
                FileInfo {
                    name: "t10k-labels-idx1-ubyte",
                    size: 4_542,
                    sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                    content_size: 10_008,
                    content_sha256: Some("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
                },
            ],
        }),
    },
    SetInfo {
        id: "fashion-mnist",
        aliases: &["fashionmnist", "fashion"],
        title: ["clothes, 28×28 (Fashion-MNIST)", "衣服 28×28 (Fashion-MNIST)"],
        dims: &[1, 28, 28],
        classes: 10,
        class_names: [&FASHION_EN, &FASHION_JA],
        train_len: 60_000,
        test_len: 10_000,
        licence: "MIT",
        attribution: "H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms, arXiv:1708.07747, 2017",
        source: Source::Files(&FileSet {
            format: Format::Idx,
            folders: &["fashion-mnist", "FashionMNIST/raw"],
            mirrors: &[
                "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            ],
            files: &[
                FileInfo {
                    name: "train-images-idx3-ubyte",
                    size: 26_421_880,
                    sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                    content_size: 47_040_016,
                    content_sha256: None,
                },
                FileInfo {
                    name: "train-labels-idx1-ubyte",
                    size: 29_515,
                    sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                    content_size: 60_008,
                    content_sha256: None,
                },
                FileInfo {
                    name: "t10k-images-idx3-ubyte",
                    size: 4_422_102,
                    sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                    content_size: 7_840_016,
                    content_sha256: None,
                },
                FileInfo {
                    name: "t10k-labels-idx1-ubyte",
                    size: 5_148,
                    sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                    content_size: 10_008,
                    content_sha256: None,
                },
            ],
        }),
    },
    SetInfo {
        id: "kmnist",
        aliases: &["kuzushiji-mnist", "kuzushiji"],
        title: ["cursive kana, 28×28 (KMNIST)", "くずし字 28×28 (KMNIST)"],
        dims: &[1, 28, 28],
        classes: 10,
        class_names: [&KANA_EN, &KANA_JA],
        train_len: 60_000,
        test_len: 10_000,
        licence: "CC-BY-SA-4.0",
        attribution: "KMNIST Dataset (created by CODH), adapted from Kuzushiji Dataset (created by NIJL and others), doi:10.20676/00000341",
        source: Source::Files(&FileSet {
            format: Format::Idx,
            folders: &["kmnist", "KMNIST/raw"],
            mirrors: &[
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
                "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/KMNIST/",
            ],
            files: &[
                FileInfo {
                    name: "train-images-idx3-ubyte",
                    size: 18_165_135,
                    sha256: "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
                    content_size: 47_040_016,
                    content_sha256: None,
                },
                FileInfo {
                    name: "train-labels-idx1-ubyte",
                    size: 29_497,
                    sha256: "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
                    content_size: 60_008,
                    content_sha256: None,
                },
                FileInfo {
                    name: "t10k-images-idx3-ubyte",
                    size: 3_041_136,
                    sha256: "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
                    content_size: 7_840_016,
                    content_sha256: None,
                },
                FileInfo {
                    name: "t10k-labels-idx1-ubyte",
                    size: 5_120,
                    sha256: "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
                    content_size: 10_008,
                    content_sha256: None,
                },
            ],
        }),
    },
    SetInfo {
        id: "cifar10",
        aliases: &["cifar-10", "cifar"],
        title: ["photographs in colour, 32×32 (CIFAR-10)", "カラー写真 32×32 (CIFAR-10)"],
        dims: &[3, cifar::SIDE, cifar::SIDE],
        classes: cifar::CLASSES,
        class_names: [&CIFAR_EN, &CIFAR_JA],
        train_len: 50_000,
        test_len: 10_000,
        // Upstream states none.
        licence: "NOASSERTION",
        attribution: "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, technical report, University of Toronto, 2009",
        source: Source::Files(&FileSet {
            format: Format::Cifar,
            folders: &["cifar10", "cifar-10", "CIFAR10"],
            mirrors: &[
                "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
                "https://www.cs.toronto.edu/~kriz/",
            ],
            files: &[FileInfo {
                name: "cifar-10-binary.tar",
                size: 170_052_171,
                sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                content_size: 0,
                content_sha256: None,
            }],
        }),
    },
    SetInfo {
        class_names: [&SHAPES_EN, &SHAPES_JA],
        ..procedural(9, "patterned shapes in colour, 32×32", "模様つきの図形、カラー 32×32")
    },
    procedural(0, "interleaved spirals", "入り組んだ渦巻き"),
    procedural(1, "two half moons", "二つの三日月"),
    procedural(2, "a circle within a circle", "二重の円"),
    procedural(3, "the sign of x·y", "x·y の符号 (XOR)"),
    procedural(4, "round clouds", "丸い点の集まり"),
    procedural(5, "squares in two colours", "市松模様"),
    procedural(6, "regression: a sine", "回帰: 正弦波"),
    procedural(7, "regression: a step", "回帰: 階段関数"),
    procedural(10, "regression: ten features (Friedman)", "回帰: 十個の特徴 (Friedman)"),
    procedural(8, "regression: few noisy points of a cubic", "回帰: 三次式の少数の雑音つき標本"),
];

/// A procedural set with its default parameters.
const fn procedural(kind: usize, en: &'static str, ja: &'static str) -> SetInfo {
    let kind = Kind::ALL[kind];
    let plan = Synthetic::new(kind);
    SetInfo {
        id: kind.name(),
        aliases: &[],
        title: [en, ja],
        dims: kind.dims(),
        classes: kind.classes(),
        class_names: [&[], &[]],
        train_len: plan.n_train as usize,
        test_len: plan.n_test as usize,
        licence: "MIT OR Apache-2.0",
        attribution: "made by kobai",
        source: Source::Procedural(kind),
    }
}
