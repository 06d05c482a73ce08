//! What a person reads: findings as a good physician would write them.

mod layout;
mod live;

pub use layout::Style;
pub use live::{live_finding, watched};

use super::edit::{self, diff};
use super::proof::Proof;
use super::subject::Subject;
use super::treat::{Attempt, Treatment};
use super::{Examination, would_tell};
use kobai_doctor::finding::{Edit, Evidence, Finding, Severity};
use kobai_doctor::{Stage, checks};
use kobai_engine::{Lang, say};
use layout::{LABEL, padded, prose, section, wrapped};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

pub use kobai_doctor::report::number;

/// Where and since when.
fn place(f: &Finding, lang: Lang) -> String {
    match (&f.layer, f.since_step) {
        (Some(layer), Some(step)) => {
            say!(lang, "layer `{layer}`, since step {step}", "層 `{layer}`、ステップ {step} から")
        }
        (Some(layer), None) => {
            say!(lang, "layer `{layer}`, before the first step", "層 `{layer}`、最初のステップの前から")
        }
        (None, Some(step)) => {
            say!(lang, "the whole network, since step {step}", "全体、ステップ {step} から")
        }
        (None, None) => match checks::named(f.code).map(|c| c.about().stage) {
            Some(Stage::Data) => {
                say!(lang, "the data, before the first step", "データ、最初のステップの前から")
            }
            Some(Stage::Wiring | Stage::Initial | Stage::Step) => {
                say!(lang, "the file, before the first step", "ファイル、最初のステップの前から")
            }
            _ => say!(lang, "the whole network, over the whole run", "全体、学習の全期間"),
        },
    }
}

fn evidence(text: &mut String, style: Style, all: &[Evidence]) {
    let lang = style.lang;
    let rows: Vec<[String; 3]> =
        all.iter().map(|e| [e.what.get(lang).to_string(), number(e.value), e.normal.clone()]).collect();
    let most = style.width.saturating_sub(LABEL + 30).max(24);
    let width = rows.iter().map(|r| r[0].width()).max().unwrap_or(0).min(most);
    let values = rows.iter().map(|r| r[1].width()).max().unwrap_or(0).max(6);
    let mut lines = Vec::new();
    for [what, value, normal] in rows {
        let parts = wrapped(&what, width);
        let (last, first) = parts.split_last().expect("never empty");
        lines.extend(first.iter().cloned());
        let value = format!("{}{value}", " ".repeat(values - value.width()));
        let normal = say!(lang, "normal {normal}", "正常 {normal}");
        lines.push(format!("{}  {}   {}", padded(last, width), style.bold(&value), style.dim(&normal)));
    }
    section(text, style, lang.pick("evidence", "証拠"), &lines);
}

/// The prescription as a diff of the experiment file.
fn prescription(text: &mut String, style: Style, subject: Option<&Subject>, f: &Finding) {
    let lang = style.lang;
    let why = f.cure.why.get(lang);
    if f.cure.edits.is_empty() {
        if !why.is_empty() {
            prose(text, style, lang.pick("advice", "助言"), why);
        }
        return;
    }
    prose(text, style, lang.pick("cure", "処方"), why);
    let lines = match subject.and_then(|s| Some((s, edit::apply(s, &f.cure.edits).ok()?))) {
        Some((subject, table)) => diff(&edit::changes(&subject.table, &table)),
        None => f.cure.edits.iter().map(|e: &Edit| kobai_doctor::report::edit(e, lang)).collect(),
    };
    section(text, style, "", &lines.iter().map(|l| diff_line(style, l)).collect::<Vec<_>>());
}

fn diff_line(style: Style, line: &str) -> String {
    match line.chars().next() {
        Some('+') => style.paint("32", line),
        Some('-') => style.paint("31", line),
        _ => style.dim(line),
    }
}

/// A finding with everything that is known of it.
pub(crate) fn finding(
    style: Style,
    subject: Option<&Subject>,
    f: &Finding,
    proof: Option<&Attempt>,
) -> String {
    let lang = style.lang;
    let name = checks::named(f.code).map_or("", |c| c.about().name(lang));
    let (word, percent) = (f.severity.word(lang), f.probability * 100.0);
    let mut text = String::new();
    let head = format!("{} {name}", f.code);
    let sure = say!(lang, "{percent:.0} % sure", "確信度 {percent:.0} %");
    let _ = writeln!(
        text,
        "{}  {}",
        style.severity(f.severity, &head),
        style.dim(&format!("[{}] {word}, {sure}", f.disease))
    );
    prose(&mut text, style, lang.pick("what", "何が"), f.what.get(lang));
    prose(&mut text, style, lang.pick("where", "どこで"), &place(f, lang));
    evidence(&mut text, style, &f.evidence);
    for (i, why) in f.excluded.iter().enumerate() {
        let label = if i == 0 { lang.pick("ruled out", "除外") } else { "" };
        prose(&mut text, style, label, why.get(lang));
    }
    if let Some(cause) = f.explained_by {
        let name = checks::named(cause).map_or("", |c| c.about().name(lang));
        let line = say!(lang, "a consequence of {cause} ({name})", "{cause}（{name}）の結果");
        prose(&mut text, style, lang.pick("because", "原因"), &line);
    }
    prescription(&mut text, style, subject, f);
    if let Some(attempt) = proof {
        proved(&mut text, style, &attempt.proof);
    }
    text
}

fn proved(text: &mut String, style: Style, proof: &Proof) {
    let lang = style.lang;
    let (verdict, seeds, steps) = (proof.verdict.words(lang), proof.seeds.len(), proof.steps);
    let measure = match proof.measure {
        super::arms::Measure::TestLoss => lang.pick("test loss", "テスト損失"),
        super::arms::Measure::TestError => lang.pick("test error", "テスト誤り率"),
        super::arms::Measure::BalancedError => {
            lang.pick("test error, mean over classes", "テスト誤り率のクラス平均")
        }
    };
    let color = if proof.verdict.works() { "1;32" } else { "1;33" };
    let mut lines = vec![
        style.paint(color, verdict),
        say!(
            lang,
            "{seeds} paired seeds of {steps} steps; {measure}, smaller is better:",
            "対応する {seeds} シード × {steps} ステップ。{measure}（小さいほど良い）:"
        ),
    ];
    let width = proof.arms.iter().map(|a| a.what.get(lang).width()).max().unwrap_or(0);
    let worst = proof.arms.iter().map(super::proof::Arm::median).fold(0.0, f64::max);
    for arm in &proof.arms {
        let median = arm.median();
        let (low, high) = arm.values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        let bar = "█".repeat(((median / worst.max(1e-12)) * 20.0).round().max(0.0) as usize);
        let range = format!("{} – {}", number(low), number(high));
        lines.push(format!(
            "{} {}  {:>7}  {}  {bar}",
            arm.name,
            padded(arm.what.get(lang), width),
            number(median),
            style.dim(&padded(&range, 17)),
        ));
    }
    let (better, gone) = (proof.better, proof.gone);
    let (effect, spread) = (number(proof.effect), number(proof.spread));
    lines.push(say!(
        lang,
        "better in {better} of {seeds}, the sign gone in {gone}; effect {effect}, spread of A {spread}",
        "{seeds} 中 {better} で改善、{gone} で徴候が消えた。効果 {effect}、A のばらつき {spread}"
    ));
    section(text, style, lang.pick("proof", "証明"), &lines);
}

/// A whole examination.
#[must_use]
pub fn report(
    style: Style,
    subject: Option<&Subject>,
    e: &Examination,
    treatment: Option<&Treatment>,
) -> String {
    let lang = style.lang;
    let mut text = String::new();
    let siblings = subject.is_some_and(|s| s.has_siblings);
    let title = if siblings { format!("{} · {}", e.source, e.row) } else { e.source.clone() };
    let _ = writeln!(text, "{}  {}", style.bold(&title), verdict(style, e));
    let findings = &e.diagnosis.findings;
    let (mut symptoms, mut hints) = (Vec::new(), Vec::new());
    for f in findings {
        // What something else explains is named, not spelled out.
        if f.explained_by.is_some() {
            symptoms.push(f);
        } else if f.severity == Severity::Hint {
            hints.push(f);
        } else {
            let proof = treatment.and_then(|t| t.tried_for(f.code));
            let _ = write!(text, "\n{}", finding(style, subject, f, proof));
        }
    }
    let named = |f: &&Finding| {
        let name = checks::named(f.code).map_or("", |c| c.about().name(lang));
        match f.explained_by {
            Some(cause) => format!("{} {name} ← {cause}", f.code),
            None => format!("{} {name}", f.code),
        }
    };
    for (label, list) in [
        (lang.pick("consequences of the above", "上の結果として起きていること"), &symptoms),
        (lang.pick("worth knowing", "参考"), &hints),
    ] {
        if !list.is_empty() {
            let _ = writeln!(text, "\n{}", style.dim(label));
            list.iter().for_each(|f| {
                let _ = writeln!(text, "   {}", named(f));
            });
        }
    }
    if e.diagnosis.unexplained {
        let _ = writeln!(
            text,
            "\n{}",
            style.bold(&say!(lang, "not enough evidence for one cause", "原因を一つに絞る証拠が足りない"))
        );
        let told = would_tell(e);
        prose(&mut text, style, lang.pick("would tell", "決め手"), told.get(lang));
    }
    if let Some(treatment) = treatment {
        let _ = write!(text, "\n{}", treated(style, subject, treatment));
    }
    let cost = &e.cost;
    let (watched, tests, proofs, seconds) =
        (cost.watched_steps, cost.test_steps, cost.proof_steps, cost.seconds);
    let line = say!(
        lang,
        "cost: {watched} steps watched, {tests} of tests, {proofs} of proofs; {seconds:.1} s",
        "費用: 観察 {watched}・検査 {tests}・証明 {proofs} ステップ、{seconds:.1} 秒"
    );
    let _ = writeln!(text, "\n{}", style.dim(&line));
    text
}

fn verdict(style: Style, e: &Examination) -> String {
    let lang = style.lang;
    let own = |s: Severity| {
        e.diagnosis.findings.iter().filter(|f| f.severity == s && f.explained_by.is_none()).count()
    };
    match (own(Severity::Disease), own(Severity::Warning)) {
        (0, 0) => style.paint("1;32", &say!(lang, "healthy", "健康")),
        (0, n) => style.paint("1;33", &say!(lang, "no disease, warnings: {n}", "病気なし、注意 {n} 件")),
        (n, 0) => style.paint("1;31", &say!(lang, "sick, diseases: {n}", "病気 {n} 件")),
        (n, m) => {
            style.paint("1;31", &say!(lang, "sick, diseases: {n}, warnings: {m}", "病気 {n} 件、注意 {m} 件"))
        }
    }
}

/// What the treatment came to.
fn treated(style: Style, subject: Option<&Subject>, t: &Treatment) -> String {
    let lang = style.lang;
    let mut text = String::new();
    if t.attempts.is_empty() {
        let line = say!(lang, "nothing to treat by an edit of the file", "ファイルの編集で治せるものはない");
        let _ = writeln!(text, "{line}");
        return text;
    }
    let random = t.attempts.iter().filter(|a| a.proof.random_helps).count();
    match t.proof() {
        Some(attempt) => {
            let codes = t.cure.join(", ");
            let line = say!(lang, "cure: {codes}", "治療: {codes}");
            let _ = writeln!(text, "{}", style.paint("1;32", &line));
            let lines: Vec<String> = diff(&attempt.changes).iter().map(|l| diff_line(style, l)).collect();
            section(&mut text, style, lang.pick("change", "変更"), &lines);
            if t.cure.len() > 1 || attempt.codes.len() > 1 {
                proved(&mut text, style, &attempt.proof);
            }
            if !t.dropped.is_empty() {
                let dropped = t.dropped.join(", ");
                let line = say!(lang, "{dropped}: works as well without", "{dropped}: なくても同じ");
                prose(&mut text, style, lang.pick("needless", "不要"), &line);
            }
            let healthy = t.after.as_ref().is_some_and(kobai_doctor::Diagnosis::healthy);
            let line = match healthy {
                true => say!(lang, "the cured network is healthy", "治療後のネットワークは健康"),
                false => say!(lang, "the cured network still has findings", "治療後にもまだ所見がある"),
            };
            prose(&mut text, style, lang.pick("after", "その後"), &line);
        }
        None => {
            let line = say!(lang, "no prescription is proved", "証明された処方はない");
            let _ = writeln!(text, "{}", style.paint("1;33", &line));
        }
    }
    let n = t.attempts.len();
    let line = say!(
        lang,
        "a change at random helped as well in {random} of {n} proofs",
        "無関係な変更でも良くなったのは {n} 回の証明中 {random} 回"
    );
    prose(&mut text, style, lang.pick("random", "対照"), &line);
    let _ = subject;
    text
}
