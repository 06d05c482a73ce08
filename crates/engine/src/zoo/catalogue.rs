//! The catalogue: name, paper, idea, and how it is built.

use super::{Block, Model, Settings, Vgg};
use crate::Graph;

const IMAGENET: ([usize; 3], usize) = ([3, 224, 224], 1000);
const CIFAR: ([usize; 3], usize) = ([3, 32, 32], 10);
const MNIST: ([usize; 3], usize) = ([1, 28, 28], 10);

const fn entry(
    name: &'static str,
    paper: &'static str,
    idea: (&'static str, &'static str),
    (input, classes): ([usize; 3], usize),
    build: fn(&Settings) -> Graph,
) -> Model {
    Model { name, paper, idea, input, classes, build }
}

const VGG: &str = "Simonyan & Zisserman 2015";
const RESNET: &str = "He et al. 2016";
const GOOGLENET: &str = "Szegedy et al. 2015";
const COURSE: &str = "course day 2";

const VGG_IDEA: (&str, &str) = ("depth from 3×3 convolutions alone", "3×3 畳み込みだけで深くする");
const VGG_BN_IDEA: (&str, &str) =
    ("VGG with batch normalisation behind each convolution", "各畳み込みの後にバッチ正規化を置いた VGG");
const VGG_CIFAR_IDEA: (&str, &str) =
    ("VGG with batch normalisation for 32-pixel images", "32 画素の画像用のバッチ正規化付き VGG");
const RESNET_IDEA: (&str, &str) =
    ("blocks learn what to add to their input", "ブロックは入力に足す差分を学ぶ");
const BOTTLENECK_IDEA: (&str, &str) =
    ("residual blocks of 1×1, 3×3, 1×1 convolutions", "1×1・3×3・1×1 畳み込みの残差ブロック");
const RESNET_CIFAR_IDEA: (&str, &str) =
    ("narrow residual network for 32-pixel images", "32 画素の画像用の細い残差ネットワーク");
const PLAIN_IDEA: (&str, &str) =
    ("the residual network of this depth without its shortcuts", "同じ深さの ResNet から近道を除いたもの");

/// All models.
pub static MODELS: &[Model] = &[
    entry(
        "simple_convnet",
        COURSE,
        ("one convolution, one pooling, two linear layers", "畳み込み・プーリング・全結合 2 層"),
        MNIST,
        super::simple_convnet,
    ),
    entry(
        "double_convnet",
        COURSE,
        ("a second convolution and pooling", "畳み込みとプーリングをもう一組"),
        MNIST,
        super::double_convnet,
    ),
    entry(
        "double_convnet_one_pool",
        COURSE,
        ("two convolutions, pooled once", "畳み込み 2 層、プーリング 1 回"),
        MNIST,
        super::double_convnet_one_pool,
    ),
    entry(
        "deep_convnet",
        COURSE,
        ("six 3×3 convolutions, He weights, dropout", "3×3 畳み込み 6 層、He の初期値、ドロップアウト"),
        MNIST,
        super::deep_convnet,
    ),
    entry(
        "alexnet",
        "Krizhevsky 2014",
        ("AlexNet in one column, torchvision's form", "一列の AlexNet（torchvision の形）"),
        IMAGENET,
        super::alexnet,
    ),
    entry(
        "alexnet_original",
        "Krizhevsky et al. 2012",
        ("ReLU, dropout, response normalisation; two groups", "ReLU・ドロップアウト・局所応答正規化、2 群"),
        ([3, 227, 227], 1000),
        super::alexnet_original,
    ),
    entry("vgg11", VGG, VGG_IDEA, IMAGENET, |s| super::vgg(s, Vgg::VGG11, false)),
    entry("vgg11_bn", VGG, VGG_BN_IDEA, IMAGENET, |s| super::vgg(s, Vgg::VGG11, true)),
    entry("vgg13", VGG, VGG_IDEA, IMAGENET, |s| super::vgg(s, Vgg::VGG13, false)),
    entry("vgg13_bn", VGG, VGG_BN_IDEA, IMAGENET, |s| super::vgg(s, Vgg::VGG13, true)),
    entry("vgg16", VGG, VGG_IDEA, IMAGENET, |s| super::vgg(s, Vgg::VGG16, false)),
    entry("vgg16_bn", VGG, VGG_BN_IDEA, IMAGENET, |s| super::vgg(s, Vgg::VGG16, true)),
    entry("vgg19", VGG, VGG_IDEA, IMAGENET, |s| super::vgg(s, Vgg::VGG19, false)),
    entry("vgg19_bn", VGG, VGG_BN_IDEA, IMAGENET, |s| super::vgg(s, Vgg::VGG19, true)),
    entry("vgg11_cifar", VGG, VGG_CIFAR_IDEA, CIFAR, |s| super::vgg_cifar(s, Vgg::VGG11)),
    entry("vgg16_cifar", VGG, VGG_CIFAR_IDEA, CIFAR, |s| super::vgg_cifar(s, Vgg::VGG16)),
    entry(
        "googlenet",
        GOOGLENET,
        ("branches of different reach side by side", "届く範囲の違う枝を並べる"),
        IMAGENET,
        |s| super::googlenet(s, false),
    ),
    entry(
        "googlenet_aux",
        GOOGLENET,
        ("GoogLeNet with its two auxiliary classifiers", "補助分類器 2 つを付けた GoogLeNet"),
        IMAGENET,
        |s| super::googlenet(s, true),
    ),
    entry("resnet18", RESNET, RESNET_IDEA, IMAGENET, |s| super::resnet(s, Block::Basic, [2, 2, 2, 2])),
    entry("resnet34", RESNET, RESNET_IDEA, IMAGENET, |s| super::resnet(s, Block::Basic, [3, 4, 6, 3])),
    entry("resnet50", RESNET, BOTTLENECK_IDEA, IMAGENET, |s| {
        super::resnet(s, Block::Bottleneck, [3, 4, 6, 3])
    }),
    entry("resnet101", RESNET, BOTTLENECK_IDEA, IMAGENET, |s| {
        super::resnet(s, Block::Bottleneck, [3, 4, 23, 3])
    }),
    entry("resnet152", RESNET, BOTTLENECK_IDEA, IMAGENET, |s| {
        super::resnet(s, Block::Bottleneck, [3, 8, 36, 3])
    }),
    entry(
        "resnet18_cifar",
        RESNET,
        ("ResNet-18 that keeps the size of 32-pixel images", "32 画素の画像を縮めずに始める ResNet-18"),
        CIFAR,
        |s| super::resnet_small_images(s, Block::Basic, [2, 2, 2, 2]),
    ),
    entry("resnet20", RESNET, RESNET_CIFAR_IDEA, CIFAR, |s| super::resnet_cifar(s, 20, true)),
    entry("resnet32", RESNET, RESNET_CIFAR_IDEA, CIFAR, |s| super::resnet_cifar(s, 32, true)),
    entry("resnet44", RESNET, RESNET_CIFAR_IDEA, CIFAR, |s| super::resnet_cifar(s, 44, true)),
    entry("resnet56", RESNET, RESNET_CIFAR_IDEA, CIFAR, |s| super::resnet_cifar(s, 56, true)),
    entry("resnet110", RESNET, RESNET_CIFAR_IDEA, CIFAR, |s| super::resnet_cifar(s, 110, true)),
    entry("plain20", RESNET, PLAIN_IDEA, CIFAR, |s| super::resnet_cifar(s, 20, false)),
    entry("plain32", RESNET, PLAIN_IDEA, CIFAR, |s| super::resnet_cifar(s, 32, false)),
    entry("plain44", RESNET, PLAIN_IDEA, CIFAR, |s| super::resnet_cifar(s, 44, false)),
    entry("plain56", RESNET, PLAIN_IDEA, CIFAR, |s| super::resnet_cifar(s, 56, false)),
    entry("plain110", RESNET, PLAIN_IDEA, CIFAR, |s| super::resnet_cifar(s, 110, false)),
    entry(
        "squeezenet1_0",
        "Iandola et al. 2016",
        ("AlexNet's accuracy from a fiftieth of its params", "AlexNet の精度を 50 分の 1 のパラメータで"),
        IMAGENET,
        super::squeezenet1_0,
    ),
    entry(
        "squeezenet1_1",
        "Iandola et al. 2016",
        ("SqueezeNet with 2.4 times fewer multiply-adds", "積和を 2.4 分の 1 にした SqueezeNet"),
        IMAGENET,
        super::squeezenet1_1,
    ),
    entry(
        "mobilenet_v1",
        "Howard et al. 2017",
        ("convolutions split into depthwise and 1×1", "畳み込みをチャネルごとと 1×1 に分ける"),
        IMAGENET,
        super::mobilenet_v1,
    ),
    entry(
        "mobilenet_v2",
        "Sandler et al. 2018",
        ("shortcuts between narrow ends of wide blocks", "広いブロックの細い両端を近道で結ぶ"),
        IMAGENET,
        |s| super::mobilenet_v2(s, false),
    ),
    entry(
        "mobilenet_v2_cifar",
        "Sandler et al. 2018",
        ("MobileNetV2 for 32-pixel images", "32 画素の画像用の MobileNetV2"),
        CIFAR,
        |s| super::mobilenet_v2(s, true),
    ),
];
