//! `kobai data`.

use super::errors::{DATA, Failure};
use super::progress::{self, Download};
use super::{Terminal, print};
use clap::ArgMatches;
use kobai_data::download::{self, Got};
use kobai_data::registry::{self, SETS, SetInfo, Source};
use kobai_data::verify::{self, SetReport, Verdict};
use kobai_data::{DataError, Locations};
use kobai_engine::{Explain, Lang, say};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

pub(super) fn run(matches: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    let fail = |error: DataError| Failure::data(&error, lang);
    match matches.subcommand() {
        Some(("list", m)) => list(&locations(m), m.get_flag("json"), lang),
        Some(("show", m)) => {
            show(name(m), &locations(m), m.get_flag("json"), lang).map_err(fail).and_then(|t| print(&t))
        }
        Some(("get", m)) => {
            get(name(m), &locations(m), m.get_flag("offline"), lang).map_err(fail).and_then(|t| print(&t))
        }
        Some(("verify", m)) => {
            let report = verify::verify(name(m), &locations(m)).map_err(fail)?;
            print(&if m.get_flag("json") { report_json(&report) } else { report_text(&report, lang) })?;
            Ok(if report.is_ok() { 0 } else { DATA })
        }
        _ => Ok(0),
    }
}

fn name(m: &ArgMatches) -> &str {
    m.get_one::<String>("name").map(String::as_str).unwrap_or_default()
}

fn locations(m: &ArgMatches) -> Locations {
    Locations::from_env(m.get_one::<PathBuf>("data-dir").cloned())
}

/// Where a set is, in a word.
fn place(set: &SetInfo, at: &Locations, lang: Lang) -> String {
    match &set.source {
        Source::Embedded => say!(lang, "in the program", "プログラムに内蔵"),
        Source::Procedural(_) => say!(lang, "made when needed", "必要なときに生成"),
        _ => match registry::info(set.id, at).ok().and_then(|info| info.found) {
            Some(found) => found.folder.display().to_string(),
            None => {
                let id = set.id;
                say!(lang, "not here: kobai data get {id}", "未取得: kobai data get {id}")
            }
        },
    }
}

fn list(at: &Locations, json: bool, lang: Lang) -> Result<u8, Failure> {
    if json {
        let sets: Vec<Value> = SETS.iter().map(|set| set_json(set, at)).collect();
        return print(&format!("{}\n", json!({ "schema": "kobai.data/1", "sets": sets })));
    }
    let mut text = String::new();
    for set in SETS {
        let (id, title, train, test) = (set.id, set.title(lang), set.train_len, set.test_len);
        let _ = writeln!(text, "{id:<14} {title}");
        let _ = writeln!(
            text,
            "{:<14} {}",
            "",
            say!(
                lang,
                "{train} + {test} examples of {0}; {1}",
                "{train} + {test} 例、形 {0}、{1}",
                set.shape(),
                place(set, at, lang)
            )
        );
    }
    print(&text)
}

fn set_json(set: &SetInfo, at: &Locations) -> Value {
    let found = registry::info(set.id, at).ok().and_then(|info| info.found).map(|f| f.folder);
    json!({
        "id": set.id,
        "title": { "en": set.title(Lang::En), "ja": set.title(Lang::Ja) },
        "shape": set.shape().dims(),
        "classes": set.classes,
        "train": set.train_len,
        "test": set.test_len,
        "licence": set.licence,
        "attribution": set.attribution,
        "available": set.is_built_in() || found.is_some(),
        "folder": found,
    })
}

fn show(name: &str, at: &Locations, json: bool, lang: Lang) -> Result<String, DataError> {
    let info = registry::info(name, at)?;
    let set = info.set;
    let available = set.is_built_in() || info.found.is_some();
    let summary = if available { Some(registry::load(name, at)?) } else { None };
    let summary = summary.map(|split| (split.train.summary(), split.test.summary()));
    if json {
        let mut document = set_json(set, at);
        document["schema"] = json!("kobai.data-set/1");
        if let Some((train, _)) = &summary {
            document["mean"] = json!(train.mean);
            document["std"] = json!(train.std);
            document["class_counts"] = json!(train.class_counts);
        }
        return Ok(format!("{document}\n"));
    }
    let mut text = String::new();
    let mut line = |label: String, value: String| {
        let _ = writeln!(
            text,
            "{label}{}{value}",
            " ".repeat(14usize.saturating_sub(progress::columns(&label)).max(2))
        );
    };
    line(set.id.into(), set.title(lang).into());
    line(say!(lang, "examples", "例"), {
        let (train, test, shape) = (set.train_len, set.test_len, set.shape());
        say!(lang, "{train} training, {test} test, {shape}", "学習 {train}、テスト {test}、形 {shape}")
    });
    if set.classes > 0 {
        let names = set.class_names(lang);
        let are_numbers = names.iter().enumerate().all(|(i, name)| *name == i.to_string());
        let names = if are_numbers { String::new() } else { format!(" ({})", names.join(", ")) };
        line(say!(lang, "classes", "クラス"), format!("{}{names}", set.classes));
    }
    line(say!(lang, "licence", "ライセンス"), set.licence.into());
    line(say!(lang, "source", "出典"), set.attribution.into());
    line(say!(lang, "where", "場所"), place(set, at, lang));
    if let Some((train, test)) = &summary {
        let (mean, std, low, high) = (train.mean, train.std, train.min, train.max);
        line(
            say!(lang, "values", "値"),
            say!(
                lang,
                "mean {mean:.4}, standard deviation {std:.4}, from {low} to {high}",
                "平均 {mean:.4}、標準偏差 {std:.4}、範囲 {low}〜{high}"
            ),
        );
        let counts = |counts: &[usize]| counts.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        if !train.class_counts.is_empty() {
            line(
                say!(lang, "per class", "クラス別"),
                format!("{} | {}", counts(&train.class_counts), counts(&test.class_counts)),
            );
        }
    }
    if let Source::Files(files) = &set.source {
        for file in files.files {
            line(file.archive(), format!("{} bytes  sha256 {}", file.size, file.sha256));
        }
        for mirror in files.mirrors {
            line(say!(lang, "mirror", "ミラー"), (*mirror).into());
        }
    }
    Ok(text)
}

fn get(name: &str, at: &Locations, offline: bool, lang: Lang) -> Result<String, DataError> {
    let options = download::Options { offline, ..download::Options::default() };
    let mut progress = Download::new(lang);
    let got = download::get(name, at, &options, &mut progress);
    progress.finish();
    Ok(match got? {
        Got::BuiltIn => {
            say!(
                lang,
                "{name} needs no files: it is part of the program\n",
                "{name} はプログラムに含まれています\n"
            )
        }
        Got::Present { folder } => {
            let folder = folder.display();
            say!(lang, "{name} is there: {folder}\n", "{name} は既にあります: {folder}\n")
        }
        Got::Fetched { folder, files } => {
            let folder = folder.display();
            say!(
                lang,
                "{name}: {files} file(s) fetched to {folder}\n",
                "{name}: {files} 個のファイルを {folder} に取得\n"
            )
        }
    })
}

/// What was found out about a file, in words.
fn verdict(verdict: &Verdict, lang: Lang) -> String {
    match verdict {
        Verdict::Original => say!(lang, "ok: upstream's file", "正常: 配布元と同じファイル"),
        Verdict::SameContent => {
            say!(lang, "ok: upstream's content, packed otherwise", "正常: 中身は配布元と同じ（圧縮が異なる）")
        }
        Verdict::Plausible => say!(
            lang,
            "readable and complete; upstream publishes no checksum of the content",
            "読めて欠けもない（中身のチェックサムは公開されていない）"
        ),
        Verdict::Different { expected, got } => say!(
            lang,
            "DIFFERENT content: sha256 {got}, upstream {expected}",
            "中身が違います: sha256 {got}、配布元 {expected}"
        ),
        Verdict::Missing => say!(lang, "MISSING", "ありません"),
        Verdict::Damaged(error) => error.explain(lang).what,
    }
}

fn report_text(report: &SetReport, lang: Lang) -> String {
    let id = report.set.id;
    if report.files.is_empty() {
        return say!(lang, "{id} needs no files\n", "{id} にファイルは不要です\n");
    }
    let mut text = String::new();
    if let Some(folder) = &report.folder {
        let _ = writeln!(text, "{}", folder.display());
    }
    for file in &report.files {
        let mark = if file.verdict.is_ok() { '✓' } else { '✗' };
        let _ = writeln!(text, "{mark} {:<28} {}", file.file.archive(), verdict(&file.verdict, lang));
    }
    text
}

fn report_json(report: &SetReport) -> String {
    let files: Vec<Value> = report
        .files
        .iter()
        .map(|file| {
            json!({
                "file": file.file.archive(), "path": file.path, "size": file.size, "sha256": file.sha256,
                "ok": file.verdict.is_ok(), "verdict": verdict(&file.verdict, Lang::En),
            })
        })
        .collect();
    let document = json!({
        "schema": "kobai.data-verify/1", "id": report.set.id, "folder": report.folder, "ok": report.is_ok(),
        "files": files,
    });
    format!("{document}\n")
}
