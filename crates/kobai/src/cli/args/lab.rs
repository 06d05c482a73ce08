//! Commands that run experiments.

use super::{base, data_dir, isa, json, number, precision};
use clap::{Arg, ArgAction, Command, value_parser};
use kobai_engine::Lang;

/// Options that change what an experiment is.
fn changes(command: Command, lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    command
        .arg(Arg::new("experiment").required(true).value_name("ID").help(t(
            "an experiment, all of them (run all), or the path of a .toml file",
            "実験の名前、すべて（run all）、または .toml ファイルのパス",
        )))
        .arg(Arg::new("data").long("data").value_name("NAME|DIR").help(t(
            "data set or folder: digits, mnist, … (`kobai data list`)",
            "データ: digits、mnist など、またはフォルダー（`kobai data list`）",
        )))
        .arg(Arg::new("rows").long("rows").value_name("ROW,…").value_delimiter(',').help(t(
            "run these rows alone, with the claims about them",
            "この行だけを実行し、それに関する主張だけを判定する",
        )))
        .arg(data_dir(lang))
        .arg(number("seeds", t("number of seeds", "シードの数")))
        .arg(
            Arg::new("seed")
                .long("seed")
                .value_name("S")
                .value_parser(value_parser!(u64))
                .allow_negative_numbers(true)
                .help(t("first seed (0 by default)", "最初のシード（既定は 0）")),
        )
        .arg(number("steps", t("training steps of each run", "1 回の学習のステップ数")))
        .arg(Arg::new("as-published").long("as-published").action(ArgAction::SetTrue).help(t(
            "run what was published, bugs included, and say what differs",
            "公開されたとおり（誤りも含めて）実行し、違いを説明する",
        )))
        .arg(Arg::new("set").long("set").value_name("KEY=VALUE").action(ArgAction::Append).help(t(
            "set a key of the file or of one row: optimizer.lr=0.5, seeds=10, l2.lambda=0.5",
            "ファイルまたは行のキーを変える。例: optimizer.lr=0.5、seeds=10、l2.lambda=0.5",
        )))
}

pub(super) fn lab(lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    let run = changes(base("run", t("train, and decide the claims", "学習し、主張を判定する"), lang), lang)
        .arg(number(
            "threads",
            t(
                "threads (all cores by default); never changes a number",
                "スレッド数（既定は全コア）。結果の数値は変わらない",
            ),
        ))
        .arg(isa(lang))
        .arg(precision(lang))
        .arg(json(lang))
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("DIR")
                .value_parser(value_parser!(std::path::PathBuf))
                .help(t("run folder (runs/ID-DATA by default)", "結果のフォルダー（既定は runs/ID-DATA）")),
        )
        .arg(
            Arg::new("fresh")
                .long("fresh")
                .action(ArgAction::SetTrue)
                .help(t("train again even what is there already", "既にある結果も使わずに学習し直す")),
        )
        .arg(Arg::new("no-cache").long("no-cache").action(ArgAction::SetTrue).help(t(
            "take no runs of other experiments from runs/.cache, and put none there",
            "runs/.cache の結果を使わず、残しもしない",
        )))
        .arg(
            Arg::new("strict")
                .long("strict")
                .action(ArgAction::SetTrue)
                .help(t("exit with 5 if a claim does not hold", "成り立たない主張があれば終了コード 5")),
        )
        .arg(Arg::new("doctor").long("doctor").action(ArgAction::SetTrue).help(t(
            "watch for diseases while it trains; the numbers stay the same",
            "学習しながら病気を見張る（数値は変わらない）",
        )))
        .arg(
            Arg::new("doctor-cap")
                .long("doctor-cap")
                .value_name("P")
                .value_parser(value_parser!(f64))
                .requires("doctor")
                .help(t(
                    "most time that watching may take, in percent (3 by default)",
                    "見張りに使う時間の上限（既定は 3 %）",
                )),
        )
        .arg(Arg::new("no-observers").long("no-observers").action(ArgAction::SetTrue).help(t(
            "record no gradients and activations; the numbers stay the same",
            "勾配と活性を記録しない（数値は変わらない）",
        )))
        .arg(
            Arg::new("no-progress")
                .long("no-progress")
                .action(ArgAction::SetTrue)
                .help(t("show no progress", "進捗を表示しない")),
        );
    base("lab", t("experiments that end in a verdict", "判定で終わる実験"), lang)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            base(
                "list",
                t("list the experiments, with the time that they need", "実験の一覧と所要時間"),
                lang,
            )
            .arg(data_dir(lang))
            .arg(json(lang)),
        )
        .subcommand(changes(
            base(
                "show",
                t("show an experiment: rows, claims, plan, file", "実験の内容: 行・主張・計画・ファイル"),
                lang,
            )
            .arg(
                Arg::new("toml")
                    .long("toml")
                    .action(ArgAction::SetTrue)
                    .help(t("print the resolved file", "解決済みのファイルを出力")),
            )
            .arg(json(lang)),
            lang,
        ))
        .subcommand(run)
        .subcommand(
            base(
                "quiz",
                t(
                    "the course's check questions, answered by computation",
                    "確認テスト。答えはその場で計算する",
                ),
                lang,
            )
            .arg(Arg::new("answers").long("answers").action(ArgAction::SetTrue).help(t(
                "ask nothing; compute and print all answers",
                "出題せず、すべての答えを計算して表示",
            )))
            .arg(json(lang)),
        )
}

pub(super) fn sweep(lang: Lang) -> Command {
    let t = |en: &'static str, ja: &'static str| lang.pick(en, ja);
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    base(
        "sweep",
        t("run an experiment at many settings and rank them", "実験を多くの設定で実行し、順位をつける"),
        lang,
    )
    .arg(Arg::new("file").required(true).value_name("FILE").help_heading(t("Arguments", "引数")).help(t(
        "a sweep file: the experiment, the keys that vary, and what is compared",
        "探索のファイル: 実験、変えるキー、比べる測定値",
    )))
    .arg(Arg::new("data").long("data").value_name("NAME|DIR").help(t(
        "data set or folder: digits, mnist, … (`kobai data list`)",
        "データ: digits、mnist など、またはフォルダー（`kobai data list`）",
    )))
    .arg(data_dir(lang))
    .arg(number("seeds", t("number of seeds", "シードの数")))
    .arg(
        Arg::new("seed")
            .long("seed")
            .value_name("S")
            .value_parser(value_parser!(u64))
            .allow_negative_numbers(true)
            .help(t("first seed (0 by default)", "最初のシード（既定は 0）")),
    )
    .arg(number("steps", t("training steps of a full run", "1 回の学習のステップ数")))
    .arg(
        Arg::new("set")
            .long("set")
            .value_name("KEY=VALUE")
            .action(ArgAction::Append)
            .help(t("set a key for every point", "すべての点でキーを変える")),
    )
    .arg(number(
        "threads",
        t(
            "threads (all cores by default); never changes a number",
            "スレッド数（既定は全コア）。結果の数値は変わらない",
        ),
    ))
    .arg(
        Arg::new("out")
            .long("out")
            .value_name("DIR")
            .value_parser(value_parser!(std::path::PathBuf))
            .help(t("run folder (runs/sweep-ID by default)", "結果のフォルダー（既定は runs/sweep-ID）")),
    )
    .arg(flag("fresh", t("train again even what is there already", "既にある結果も使わずに学習し直す")))
    .arg(flag("no-observers", t("record no gradients and activations", "勾配と活性を記録しない")))
    .arg(flag("no-progress", t("show no progress", "進捗を表示しない")))
    .arg(json(lang))
}
