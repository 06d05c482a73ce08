//! What a person reads: findings as a good physician would write them.

use super::edit::{self, diff};
use super::subject::Subject;
use super::treat::{Attempt, Proof, Treatment};
use super::{Examination, Watched, would_tell};
use kobai_doctor::finding::{Edit, Evidence, Finding, Severity};
use kobai_doctor::{Stage, checks};
use kobai_engine::{Lang, say};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

pub use kobai_doctor::report::number;

/// Colours of a terminal, or none.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Language.
    pub lang: Lang,
    /// Whether escape sequences are used.
    pub color: bool,
    /// Columns.
    pub width: usize,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }

    fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn severity(self, severity: Severity, text: &str) -> String {
        self.paint(
            match severity {
                Severity::Disease => "1;31",
                Severity::Warning => "1;33",
                Severity::Hint => "1;36",
            },
            text,
        )
    }
}

/// Fills up with spaces to a width in columns.
fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Breaks a text into lines of at most so many columns: at spaces, and anywhere
/// in a script without them.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.width() + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.into());
        }
        while lines.last().is_some_and(|l| l.width() > width) {
            let line = lines.pop().expect("just seen");
            let mut at = line.len();
            let mut columns = 0;
            for (i, c) in line.char_indices() {
                columns += c.to_string().width();
                if columns > width && i > 0 {
                    at = i;
                    break;
                }
            }
            let rest = line[at..].to_string();
            // A full stop or comma never begins a line.
            let close =
                rest.chars().take_while(|c| "、。）」,.)".contains(*c)).map(char::len_utf8).sum::<usize>();
            lines.push(line[..at + close].into());
            if rest.len() == close {
                break;
            }
            lines.push(rest[close..].into());
        }
    }
    lines
}

/// Width of the column with what a line is about.
const LABEL: usize = 11;

/// Lines under a label.
fn section(text: &mut String, style: Style, label: &str, lines: &[String]) {
    for (i, line) in lines.iter().enumerate() {
        let label = if i == 0 { label } else { "" };
        let _ = writeln!(text, "   {}{line}", style.dim(&padded(label, LABEL)));
    }
}

fn prose(text: &mut String, style: Style, label: &str, prose: &str) {
    section(text, style, label, &wrapped(prose, style.width.saturating_sub(LABEL + 4).max(30)));
}

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
    let worst = proof.arms.iter().map(super::treat::Arm::median).fold(0.0, f64::max);
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
            let proof = treatment.and_then(|t| t.attempts.iter().rfind(|a| a.codes.last() == Some(&f.code)));
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

/// A finding that has become sure while a run trains, in two lines.
#[must_use]
pub fn live_finding(f: &Finding, (row, seed, step): (&str, u64, u64), lang: Lang) -> String {
    let name = checks::named(f.code).map_or("", |c| c.about().name(lang));
    let (word, percent) = (f.severity.word(lang), f.probability * 100.0);
    let (what, place) = (f.what.get(lang), place(f, lang));
    say!(
        lang,
        "{row}, seed {seed}, step {step}: {0} {name} [{word}, {percent:.0} % sure]\n    {what} ({place})",
        "{row}、シード {seed}、ステップ {step}: {0} {name} [{word}、確信度 {percent:.0} %]\n    {what}（{place}）",
        f.code
    )
}

/// What the doctor saw while an experiment ran, a line per row and finding.
#[must_use]
pub fn watched(all: &[(String, u64, Box<Watched>)], lang: Lang) -> String {
    let mut text = format!("{}\n", lang.pick("doctor", "医師の所見"));
    let mut rows: Vec<&str> = all.iter().map(|(row, _, _)| row.as_str()).collect();
    rows.dedup();
    let widest = rows.iter().map(|r| r.width()).max().unwrap_or(0);
    for row in rows {
        let runs: Vec<&Watched> = all.iter().filter(|(r, _, _)| r == row).map(|(_, _, w)| &**w).collect();
        // Findings of the row's runs in order of belief, with the number of runs that have them.
        let mut found: Vec<(&'static str, usize)> = Vec::new();
        for f in runs.iter().flat_map(|w| &w.diagnosis.findings) {
            if f.severity == Severity::Hint || f.explained_by.is_some() {
                continue;
            }
            match found.iter_mut().find(|(code, _)| *code == f.code) {
                Some((_, count)) => *count += 1,
                None => found.push((f.code, 1)),
            }
        }
        found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let n = runs.len();
        let line = match found.is_empty() {
            true => lang.pick("healthy", "健康").to_string(),
            false => {
                let one = |(code, count): &(&'static str, usize)| {
                    let name = checks::named(code).map_or("", |c| c.about().name(lang));
                    format!("{code} {name} ({count}/{n})")
                };
                found.iter().map(one).collect::<Vec<_>>().join(lang.pick(", ", "、"))
            }
        };
        let _ = writeln!(text, "  {}  {line}", padded(row, widest));
    }
    let shares: Vec<f64> = all.iter().map(|(_, _, w)| w.share * 100.0).collect();
    let mut sorted = shares.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let _ = writeln!(
        text,
        "  {}",
        say!(
            lang,
            "watching took {median:.1} % of a run's time (median); diagnosis.json has the evidence",
            "見張りにかかった時間は学習の {median:.1} %（中央値）。証拠は diagnosis.json にあります"
        )
    );
    text
}
