//! `kobai doctor`.

use super::{base, data_dir, json, number};
use clap::{Arg, ArgAction, Command, value_parser};
use kobai_engine::Lang;

pub(super) fn doctor(lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let explain =
        base("explain", t("the page of a disease, or the list of all", "病気の解説、または一覧"), lang)
            .arg(Arg::new("code").value_name("CODE").help_heading(t("Arguments", "引数")).help(t(
                "a code such as D012, or a key such as C1",
                "D012 のようなコード、または C1 のような記号",
            )))
            .arg(json(lang));
    base("doctor", t("why a network does not learn", "なぜネットワークが学習しないのか"), lang)
        .arg_required_else_help(true)
        .subcommand_negates_reqs(true)
        .args_conflicts_with_subcommands(true)
        .arg(
            Arg::new("experiment").required(true).value_name("ID").help_heading(t("Arguments", "引数")).help(
                t("an experiment, or the path of a .toml file", "実験の名前、または .toml ファイルのパス"),
            ),
        )
        .arg(
            Arg::new("row")
                .long("row")
                .value_name("ID")
                .help(t("one row of the experiment (all by default)", "実験の 1 つの行（既定はすべて）")),
        )
        .arg(Arg::new("data").long("data").value_name("NAME|DIR").help(t(
            "data set or folder instead of the experiment's",
            "実験のデータの代わりに使うデータまたはフォルダー",
        )))
        .arg(data_dir(lang))
        .arg(
            Arg::new("seed")
                .long("seed")
                .value_name("S")
                .value_parser(value_parser!(u64))
                .allow_negative_numbers(true)
                .help(t("seed of the watched run (0 by default)", "観察する学習のシード（既定は 0）")),
        )
        .arg(number(
            "steps",
            t("steps to watch (by default a few seconds of them)", "観察するステップ数（既定は数秒分）"),
        ))
        .arg(number("threads", t("threads (1 by default)", "スレッド数（既定は 1）")))
        .arg(Arg::new("set").long("set").value_name("KEY=VALUE").action(ArgAction::Append).help(t(
            "set a key of the file, such as optimizer.lr=0.5",
            "ファイルのキーを変える。例: optimizer.lr=0.5",
        )))
        .arg(flag("cure", t("prescribe, and prove it by paired runs", "処方し、対応のある学習で証明する")))
        .arg(
            Arg::new("apply")
                .long("apply")
                .value_name("FILE")
                .value_parser(value_parser!(std::path::PathBuf))
                .help(t(
                    "write the cured experiment file (implies --cure)",
                    "治したファイルを書き出す（--cure を含む）",
                )),
        )
        .arg(number("proof-seeds", t("seeds of a proof (5 by default)", "証明のシード数（既定は 5）")))
        .arg(Arg::new("inject").long("inject").value_name("FAULT").help(t(
            "plant a disease first; `kobai doctor faults` lists them",
            "先に病気を植え付ける（一覧は `kobai doctor faults`）",
        )))
        .arg(
            Arg::new("save-injected")
                .long("save-injected")
                .value_name("FILE")
                .value_parser(value_parser!(std::path::PathBuf))
                .requires("inject")
                .help(t("write the experiment with the disease", "病気を植え付けた実験ファイルを書き出す")),
        )
        .arg(flag(
            "overhead",
            t("measure what watching costs, in pairs of runs", "見張りの費用を、対にした学習で測る"),
        ))
        .arg(flag("no-tests", t("only watch: no active tests", "観察だけで、追加の検査をしない")))
        .arg(flag("strict", t("exit with 5 if a disease is found", "病気が見つかれば終了コード 5")))
        .arg(json(lang))
        .subcommand(explain)
        .subcommand(
            base("faults", t("diseases that --inject plants", "--inject で植え付けられる病気の一覧"), lang)
                .arg(json(lang)),
        )
        .subcommand(calibrate(lang))
        .subcommand(base(
            "torch-hook",
            t(
                "print the file that writes what a PyTorch training shows",
                "PyTorch の学習の様子を書き出すファイルを出力",
            ),
            lang,
        ))
}

fn calibrate(lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    base(
        "calibrate",
        t(
            "how often the doctor is right, on experiments with a known disease and healthy ones",
            "病気の分かっている実験と健康な実験で、診断がどれだけ正しいかを測る",
        ),
        lang,
    )
    .arg(number("seeds", t("seeds of each case (5 by default)", "例ごとのシード数（既定は 5）")))
    .arg(number(
        "threads",
        t("cases side by side (all cores by default)", "並行して調べる数（既定は全コア）"),
    ))
    .arg(Arg::new("only").long("only").value_name("TEXT,…").help(t(
        "only cases whose name has the text, of a source, or of a fault such as C1",
        "名前に文字列を含む例、出典、または C1 のような病気だけ",
    )))
    .arg(Arg::new("cure").long("cure").action(ArgAction::SetTrue).help(t(
        "treat the sick cases instead: how many cures are proved",
        "代わりに病気の例を治療し、証明された割合を出す",
    )))
    .arg(
        Arg::new("write")
            .long("write")
            .value_name("DIR")
            .value_parser(value_parser!(std::path::PathBuf))
            .help(t(
                "run nothing; write the cases as experiment files",
                "学習せずに、例を実験ファイルとして書き出す",
            )),
    )
    .arg(
        Arg::new("verbose")
            .long("verbose")
            .action(ArgAction::SetTrue)
            .help(t("every run in a line before the table", "表の前に、すべての学習を 1 行ずつ出す")),
    )
    .arg(
        Arg::new("cache")
            .long("cache")
            .value_name("DIR")
            .value_parser(value_parser!(std::path::PathBuf))
            .help(t(
                "where what is done is kept (runs/.cache/doctor by default)",
                "済んだものを置くフォルダー（既定は runs/.cache/doctor）",
            )),
    )
    .arg(
        Arg::new("no-progress")
            .long("no-progress")
            .action(ArgAction::SetTrue)
            .help(t("show no progress", "進捗を表示しない")),
    )
    .arg(json(lang))
}
