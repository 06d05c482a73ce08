//! Commands about networks and their operations: `explain`, `predict`, `zoo`.

use super::{base, json, number};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, value_parser};
use kobai_engine::Lang;

pub(super) fn explain(lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    let size = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let window = |command: Command| {
        command
            .arg(size(
                "input",
                "HxW",
                t("size of the input, such as 6x6 or 3x32x32", "入力の大きさ。例: 6x6、3x32x32"),
            ))
            .arg(size("kernel", "K", t("size of the window: 2, or 2x3", "窓の大きさ。例: 2、2x3")))
            .arg(size("stride", "S", t("step of the window", "窓を動かす幅")))
            .arg(size("padding", "P", t("zeros around the input", "入力のまわりの 0")))
            .arg(json(lang))
    };
    let conv = base(
        "conv",
        t(
            "a convolution: size, windows, im2col, col2im, one sum",
            "畳み込み: 大きさ・窓・im2col・col2im・1 つの和",
        ),
        lang,
    )
    .arg(number("channels", t("input channels (1 by default)", "入力チャネル（既定は 1）")))
    .arg(number("out-channels", t("filters (1 by default)", "フィルターの数（既定は 1）")))
    .arg(size("dilation", "D", t("distance between the filter's cells", "フィルターのセルの間隔")))
    .arg(number("groups", t("groups of channels", "チャネルのグループ数")));
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let pool = base(
        "pool",
        t("a pooling: size, windows, values, where gradients go", "プーリング: 大きさ・窓・値・勾配の行き先"),
        lang,
    )
    .arg(
        Arg::new("kind")
            .long("kind")
            .value_name("max|avg")
            .value_parser(PossibleValuesParser::new(["max", "avg"]))
            .hide_possible_values(true)
            .help(t("largest value or mean (max by default)", "最大か平均か（既定は max）")),
    )
    .arg(flag("ceil-mode", t("round the output's size up", "出力の大きさを切り上げる")))
    .arg(flag("exclude-pad", t("leave the padding out of a mean", "平均にパディングを含めない")));
    base("explain", t("one operation with its own numbers", "演算を実際の数値で説明する"), lang)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(window(conv))
        .subcommand(window(pool))
}

fn weights(lang: Lang) -> Arg {
    Arg::new("weights")
        .long("weights")
        .required(true)
        .value_name("FILE")
        .value_parser(value_parser!(std::path::PathBuf))
        .help(lang.pick(
            "weights: .safetensors or PyTorch's .pth",
            "重みファイル: .safetensors または PyTorch の .pth",
        ))
}

/// Options of the network that weights are for.
fn network(command: Command, lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    command
        .arg(weights(lang))
        .arg(number("classes", t("number of classes (the paper's by default)", "クラス数（既定は論文の値）")))
        .arg(number("narrow", t("divide all widths by N", "幅をすべて N で割る")))
        .arg(json(lang))
}

pub(super) fn predict(lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    let file = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).value_parser(value_parser!(std::path::PathBuf)).help(help)
    };
    let command = base(
        "predict",
        t("what a network with given weights says about an image", "学習済みの重みで画像を分類する"),
        lang,
    )
    .arg(
        Arg::new("image")
            .help_heading(t("Arguments", "引数"))
            .value_name("IMAGE")
            .value_parser(value_parser!(std::path::PathBuf))
            .help(t("a JPEG or PNG file", "JPEG か PNG のファイル")),
    )
    .arg(
        Arg::new("model")
            .long("model")
            .required(true)
            .value_name("NAME")
            .help(t("a network (`kobai zoo list`)", "ネットワーク（`kobai zoo list`）")),
    )
    .arg(file(
        "npy",
        "FILE",
        t(
            "images as a float32 array N×C×H×W, in place of a picture",
            "画像の代わりに float32 の配列 N×C×H×W",
        ),
    ))
    .arg(file(
        "out",
        "FILE",
        t("where the logits go, N×classes (with --npy)", "ロジット N×クラス の保存先（--npy と共に）"),
    ))
    .arg(file("labels", "FILE", t("names of the classes, one per line", "クラスの名前、1 行に 1 つ")));
    network(command, lang)
}

pub(super) fn zoo(lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    base("zoo", t("networks of the literature", "文献のネットワーク"), lang)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(base("list", t("list the networks", "ネットワークの一覧"), lang).arg(json(lang)))
        .subcommand(network(
            base(
                "check",
                t("load weights from a file and say what matched", "重みファイルを読み、一致を調べる"),
                lang,
            )
            .arg(
                Arg::new("name")
                    .help_heading(t("Arguments", "引数"))
                    .required(true)
                    .value_name("NAME")
                    .help(t("a network (`kobai zoo list`)", "ネットワーク（`kobai zoo list`）")),
            ),
            lang,
        ))
        .subcommand(
            base("show", t("show a network layer by layer", "ネットワークを層ごとに表示"), lang)
                .arg(
                    Arg::new("name")
                        .help_heading(t("Arguments", "引数"))
                        .required(true)
                        .value_name("NAME")
                        .help(t("a network (`kobai zoo list`)", "ネットワーク（`kobai zoo list`）")),
                )
                .arg(Arg::new("input").long("input").value_name("CxHxW").help(t(
                    "shape of an image, such as 3x224x224 (the paper's by default)",
                    "画像の形。例: 3x224x224（既定は論文の値）",
                )))
                .arg(number(
                    "classes",
                    t("number of classes (the paper's by default)", "クラス数（既定は論文の値）"),
                ))
                .arg(number("narrow", t("divide all widths by N", "幅をすべて N で割る")))
                .arg(number(
                    "batch",
                    t(
                        "images per batch, for the memory (32 by default)",
                        "バッチの画像数（メモリの計算用。既定は 32）",
                    ),
                ))
                .arg(json(lang)),
        )
}
