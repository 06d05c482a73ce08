//! The command line as data: every command and option with its help in both
//! languages. Arguments are parsed by clap; what a person reads is ours.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, value_parser};
use kobai_engine::Lang;
use kobai_kernels::Isa;

mod doctor;
mod lab;
mod networks;
use lab::{lab, sweep};
use networks::{explain, predict, zoo};

const TEMPLATE_EN: &str = "{about}\n\nUsage: {usage}\n\n{all-args}{after-help}";
const TEMPLATE_JA: &str = "{about}\n\n使い方: {usage}\n\n{all-args}{after-help}";

/// The whole command line in one language.
pub(super) fn command(lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    let root =
        base("kobai", t("a deep-learning trainer you can see through", "中が見える深層学習トレーナー"), lang)
            .version(env!("CARGO_PKG_VERSION"))
            .subcommand(lab(lang))
            .subcommand(doctor::doctor(lang))
            .subcommand(sweep(lang))
            .subcommand(data(lang))
            .subcommand(explain(lang))
            .subcommand(predict(lang))
            .subcommand(zoo(lang))
            .subcommand(bench(lang))
            .subcommand(
                base(
                    "env",
                    t("show version, processor and threads", "バージョン・CPU・スレッド数を表示"),
                    lang,
                )
                .arg(json(lang)),
            )
            .subcommand(
                base(
                    "completions",
                    t("print a shell's completion script", "シェルの補完スクリプトを出力"),
                    lang,
                )
                .arg(
                    Arg::new("shell")
                        .required(true)
                        .value_name("SHELL")
                        .value_parser(PossibleValuesParser::new([
                            "bash",
                            "elvish",
                            "fish",
                            "powershell",
                            "zsh",
                        ]))
                        .help(t("the shell", "シェルの名前")),
                ),
            )
            .arg(
                Arg::new("version")
                    .long("version")
                    .short('V')
                    .action(ArgAction::Version)
                    .help(t("print the version", "バージョンを表示")),
            );
    root.after_help(t(
        "exit codes: 0 ok, 1 failure, 2 usage, 3 data or network, 4 training diverged,\n            5 a claim does not hold or a disease was found (--strict),\n            130 interrupted, finished runs kept",
        "終了コード: 0 成功、1 失敗、2 使い方の誤り、3 データ・通信、4 学習が発散、\n            5 主張が成り立たない・病気が見つかった（--strict）、\n            130 中断（終わった実行は保存）",
    ))
}

/// A command with the options that all have.
fn base(name: &'static str, about: &'static str, lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    Command::new(name)
        .about(about)
        .help_template(lang.pick(TEMPLATE_EN, TEMPLATE_JA))
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .disable_version_flag(true)
        .subcommand_help_heading(t("Commands", "コマンド"))
        .subcommand_value_name(t("COMMAND", "コマンド"))
        .next_help_heading(t("Options", "オプション"))
        .arg(
            Arg::new("help")
                .long("help")
                .short('h')
                .global(true)
                .action(ArgAction::Help)
                .help(t("print help", "ヘルプを表示")),
        )
        .arg(
            Arg::new("lang")
                .long("lang")
                .global(true)
                .value_name("ja|en")
                .value_parser(PossibleValuesParser::new(["ja", "en"]))
                .hide_possible_values(true)
                .help(t("language (from the locale by default)", "言語（既定はロケールから）")),
        )
        .arg(
            Arg::new("color")
                .long("color")
                .global(true)
                .value_name("WHEN")
                .value_parser(PossibleValuesParser::new(["auto", "always", "never"]))
                .hide_possible_values(true)
                .help(t(
                    "auto, always or never; NO_COLOR is obeyed",
                    "auto・always・never（NO_COLOR に従う）",
                )),
        )
}

fn json(lang: Lang) -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help(lang.pick("print one JSON document", "JSON を 1 つ出力"))
}

fn data_dir(lang: Lang) -> Arg {
    Arg::new("data-dir")
        .long("data-dir")
        .value_name("DIR")
        .value_parser(value_parser!(std::path::PathBuf))
        .help(lang.pick(
            "where data sets are (else KOBAI_DATA_DIR, then the user's data folder)",
            "データの場所（既定は KOBAI_DATA_DIR、次にユーザーのデータフォルダー）",
        ))
}

fn number(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("N")
        .value_parser(value_parser!(u64).range(1..))
        .allow_negative_numbers(true)
        .help(help)
}

fn isa(lang: Lang) -> Arg {
    let names: Vec<&'static str> =
        Isa::available().into_iter().chain(Isa::rounding()).map(Isa::name).collect();
    Arg::new("isa")
        .long("isa")
        .value_name("NAME")
        .value_parser(PossibleValuesParser::new(names))
        .hide_possible_values(true)
        .help(lang.pick(
            "instruction set: avx512, avx2 or scalar (the widest by default); avx512+bf16 and avx512+amx are two ways of --precision bf16",
            "命令セット: avx512・avx2・scalar（既定は最も広いもの）。avx512+bf16 と avx512+amx は --precision bf16 の二つの方法",
        ))
}

fn precision(lang: Lang) -> Arg {
    let names = kobai_kernels::Precision::ALL.map(kobai_kernels::Precision::name);
    Arg::new("precision")
        .long("precision")
        .value_name("f32|bf16")
        .value_parser(PossibleValuesParser::new(names))
        .hide_possible_values(true)
        .help(lang.pick(
            "operands of matrix products: f32, or rounded to bf16 where the processor has it (f32 by default)",
            "行列積に入る値の精度: f32、または対応プロセッサで bf16 に丸める（既定は f32）",
        ))
}

fn data(lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    let name =
        || Arg::new("name").required(true).value_name("NAME").help(t("a data set", "データセットの名前"));
    base("data", t("data sets: what there is and where", "データセット: 種類と場所"), lang)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            base("list", t("list the data sets", "データセットの一覧"), lang)
                .arg(data_dir(lang))
                .arg(json(lang)),
        )
        .subcommand(
            base(
                "show",
                t("show a data set: source, licence, figures", "データセットの出典・ライセンス・数値"),
                lang,
            )
            .arg(name())
            .arg(data_dir(lang))
            .arg(json(lang)),
        )
        .subcommand(
            base(
                "get",
                t(
                    "download a data set, with checksums and resume",
                    "データセットをダウンロード（検査と再開つき）",
                ),
                lang,
            )
            .arg(name())
            .arg(data_dir(lang))
            .arg(Arg::new("offline").long("offline").action(ArgAction::SetTrue).help(t(
                "use no network; say which files to put where",
                "通信せず、どのファイルをどこに置くかを示す",
            ))),
        )
        .subcommand(
            base("verify", t("check files against their checksums", "ファイルをチェックサムで検査"), lang)
                .arg(name())
                .arg(data_dir(lang))
                .arg(json(lang)),
        )
}

fn bench(lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    base(
        "bench",
        t("time a network's steps, or each of its layers", "学習や推論の速さを、全体または層ごとに測る"),
        lang,
    )
    .arg(
        Arg::new("workload")
            .help_heading(t("Arguments", "引数"))
            .required_unless_present("layers")
            .value_name("W1..W10|NETWORK")
            .help(t(
                "a workload of the yardstick (W1 to W10, W2bn) or a network of `kobai zoo list`",
                "決まった負荷（W1～W10、W2bn）または `kobai zoo list` のネットワーク",
            )),
    )
    .arg(Arg::new("layers").long("layers").value_name("NETWORK").conflicts_with("workload").help(t(
        "time of each layer and pass beside its own limit; a workload or a network",
        "層とパスごとの時間とその限界に対する割合。負荷またはネットワークの名前",
    )))
    .arg(
        Arg::new("mode")
            .long("mode")
            .value_name("train|infer")
            .value_parser(PossibleValuesParser::new(["train", "infer"]))
            .hide_possible_values(true)
            .help(t("what is timed (train by default)", "測るもの（既定は train）")),
    )
    .arg(number(
        "batch",
        t("examples per step (the workload's by default)", "1 ステップの例数（既定は負荷ごと）"),
    ))
    .arg(number("threads", t("threads (1 by default)", "スレッド数（既定は 1）")))
    .arg(number("steps", t("timed steps (the workload's by default)", "測るステップ数（既定は負荷ごと）")))
    .arg(number(
        "losses",
        t(
            "instead of timing, the losses of N steps from values that a formula gives",
            "測る代わりに、式で決めた値から始めた N ステップの損失を表示",
        ),
    ))
    .arg(isa(lang))
    .arg(precision(lang))
    .arg(json(lang))
}
