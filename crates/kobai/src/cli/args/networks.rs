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
        .subcommand(
            base(
                "receptive-field",
                t("how much of the picture each layer of a network sees", "各層が画像のどれだけを見るか"),
                lang,
            )
            .arg(named(lang))
            .arg(input(lang))
            .arg(json(lang)),
        )
        .subcommand(look(
            "filters",
            t("what the filters of a trained network look like", "学習済みネットワークのフィルター"),
            lang,
        ))
        .subcommand(seen(
            look("activations", t("what a layer makes of a picture", "画像に対する層の出力"), lang),
            lang,
        ))
        .subcommand(
            seen(
                look(
                    "gradcam",
                    t(
                        "where in a picture a class is seen (Grad-CAM)",
                        "画像のどこを見て分類したか（Grad-CAM）",
                    ),
                    lang,
                ),
                lang,
            )
            .arg(
                Arg::new("class").long("class").value_name("N").value_parser(value_parser!(u64)).help(t(
                    "class whose evidence is shown (the likeliest by default)",
                    "根拠を示すクラス（既定は最も確からしいもの）",
                )),
            ),
        )
}

/// A network of the zoo, by name.
fn named(lang: Lang) -> Arg {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    Arg::new("name")
        .help_heading(t("Arguments", "引数"))
        .required(true)
        .value_name("NAME")
        .help(t("a network (`kobai zoo list`)", "ネットワーク（`kobai zoo list`）"))
}

fn input(lang: Lang) -> Arg {
    Arg::new("input").long("input").value_name("CxHxW").help(lang.pick(
        "shape of an image, such as 3x224x224 (the paper's by default)",
        "画像の形。例: 3x224x224（既定は論文の値）",
    ))
}

fn file(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).value_parser(value_parser!(std::path::PathBuf)).help(help)
}

/// A command that looks into a trained network.
fn look(name: &'static str, about: &'static str, lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    base(name, about, lang)
        .arg(file("run", "DIR", t("a folder of `kobai lab run`", "`kobai lab run` の結果フォルダー")))
        .arg(Arg::new("row").long("row").value_name("ID").help(t(
            "which of its networks (the first by default)",
            "その中のネットワーク（既定は最初のもの）",
        )))
        .arg(
            Arg::new("seed")
                .long("seed")
                .value_name("N")
                .value_parser(value_parser!(u64))
                .help(t("which of its seeds (the first by default)", "そのシード（既定は最初のもの）")),
        )
        .arg(Arg::new("model").long("model").value_name("NAME").conflicts_with("run").help(t(
            "or a network of the zoo, with --weights",
            "または一覧にあるネットワーク（--weights と共に）",
        )))
        .arg(weights(lang).required(false).conflicts_with("run"))
        .arg(number("classes", t("number of classes (the paper's by default)", "クラス数（既定は論文の値）")))
        .arg(number("narrow", t("divide all widths by N", "幅をすべて N で割る")))
        .arg(input(lang))
        .arg(Arg::new("layer").long("layer").value_name("NAME").help(t(
            "the layer (filters, activations: the first convolution; gradcam: the last image)",
            "層（既定: filters・activations は最初の畳み込み、gradcam は最後の画像）",
        )))
        .arg(file(
            "out",
            "DIR",
            t("where the picture goes (DIR/look or ./look)", "画像の保存先（既定は DIR/look か ./look）"),
        ))
        .arg(super::data_dir(lang))
        .arg(json(lang))
}

/// A command that shows the network a picture.
fn seen(command: Command, lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    command
        .arg(
            Arg::new("image")
                .help_heading(t("Arguments", "引数"))
                .value_name("IMAGE")
                .value_parser(value_parser!(std::path::PathBuf))
                .help(t("a JPEG or PNG file", "JPEG か PNG のファイル")),
        )
        .arg(
            Arg::new("example")
                .long("example")
                .value_name("N")
                .value_parser(value_parser!(u64))
                .conflicts_with("image")
                .help(t(
                    "with --run: a test example (0 by default)",
                    "--run と共に: テスト例の番号（既定は 0）",
                )),
        )
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
            .arg(named(lang))
            .arg(file(
                "out",
                "FILE",
                t(
                    "write them as safetensors, with torchvision's names",
                    "safetensors 形式で書き出す（名前は torchvision のもの）",
                ),
            )),
            lang,
        ))
        .subcommand(
            base(
                "get",
                t(
                    "download published weights, with checksum and resume",
                    "公開された重みをダウンロード（検査と再開つき）",
                ),
                lang,
            )
            .arg(named(lang))
            .arg(super::data_dir(lang))
            .arg(Arg::new("offline").long("offline").action(ArgAction::SetTrue).help(t(
                "use no network; say which file to put where",
                "通信せず、どのファイルをどこに置くかを示す",
            )))
            .arg(json(lang)),
        )
        .subcommand(
            base("show", t("show a network layer by layer", "ネットワークを層ごとに表示"), lang)
                .arg(named(lang))
                .arg(input(lang))
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
