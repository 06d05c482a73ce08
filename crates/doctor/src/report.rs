//! What a person reads.

use crate::checks::{self, About};
use crate::finding::{Edit, Finding, Setting, Severity};
use crate::rank::Diagnosis;
use kobai_engine::{Lang, say};
use std::fmt::Write;

/// Three or four digits.
#[must_use]
pub fn number(x: f64) -> String {
    match x.abs() {
        _ if x.is_nan() => "NaN".into(),
        _ if x.is_infinite() => if x > 0.0 { "∞" } else { "−∞" }.into(),
        _ if x == 0.0 => "0".into(),
        a if !(1e-3..1e5).contains(&a) => format!("{x:.2e}"),
        a if a >= 100.0 || x.fract() == 0.0 => format!("{x:.0}"),
        a if a >= 1.0 => format!("{x:.2}"),
        _ => format!("{x:.3}"),
    }
}

fn setting(to: &Setting) -> String {
    match to {
        Setting::Number(x) => format!("{x}"),
        Setting::Whole(n) => format!("{n}"),
        Setting::Word(w) => format!("\"{w}\""),
        Setting::Flag(b) => format!("{b}"),
    }
}

/// An edit in one line.
#[must_use]
pub fn edit(edit: &Edit, lang: Lang) -> String {
    match edit {
        Edit::Set { key, to } => format!("{key} = {}", setting(to)),
        Edit::Scale { key, by } => say!(lang, "{key} × {by}", "{key} × {by}"),
        Edit::Remove { key } => say!(lang, "remove {key}", "{key} を除く"),
        Edit::RemoveLayer { layer } => say!(lang, "remove layer {layer}", "層 {layer} を除く"),
        Edit::SetLayer { layer, key, to } => format!("{layer}: {key} = {}", setting(to)),
        Edit::Activations { to, init } => {
            say!(
                lang,
                "hidden activations: {to}, init = \"{init}\"",
                "隠れ層の活性化: {to}、init = \"{init}\""
            )
        }
        Edit::Separate { with } => say!(lang, "{with} between linear layers", "線形層の間に {with}"),
        Edit::Widen { by } => say!(lang, "hidden units × {by}", "隠れユニット × {by}"),
    }
}

/// One finding, as a physician would write it.
#[must_use]
pub fn finding(f: &Finding, lang: Lang) -> String {
    let mut text = String::new();
    let name = checks::named(f.code).map_or("", |c| c.about().name(lang));
    let (word, percent) = (f.severity.word(lang), f.probability * 100.0);
    let _ = writeln!(text, "{} {} [{}] {name} ({percent:.0} %)", f.code, word, f.disease);
    let _ = writeln!(text, "    {}", f.what.get(lang));
    let place = match (&f.layer, f.since_step) {
        (Some(layer), Some(step)) => {
            say!(lang, "where: {layer}, since step {step}", "場所: {layer}、ステップ {step} から")
        }
        (Some(layer), None) => say!(lang, "where: {layer}, from the start", "場所: {layer}、最初から"),
        (None, Some(step)) => say!(lang, "since step {step}", "ステップ {step} から"),
        (None, None) => String::new(),
    };
    if !place.is_empty() {
        let _ = writeln!(text, "    {place}");
    }
    for e in &f.evidence {
        let (what, value, normal) = (e.what.get(lang), number(e.value), &e.normal);
        let _ = writeln!(
            text,
            "    · {}",
            say!(lang, "{what}: {value} (normal: {normal})", "{what}: {value}（正常: {normal}）")
        );
    }
    for why in &f.excluded {
        let why = why.get(lang);
        let _ = writeln!(text, "    {}", say!(lang, "not: {why}", "除外: {why}"));
    }
    if let Some(cause) = f.explained_by {
        let _ = writeln!(text, "    {}", say!(lang, "explained by {cause}", "{cause} で説明できる"));
    }
    let edits: Vec<String> = f.cure.edits.iter().map(|e| edit(e, lang)).collect();
    let why = f.cure.why.get(lang);
    match edits.is_empty() {
        true if why.is_empty() => {}
        true => {
            let _ = writeln!(text, "    {}", say!(lang, "advice: {why}", "助言: {why}"));
        }
        false => {
            let edits = edits.join("; ");
            let _ = writeln!(
                text,
                "    {}",
                say!(lang, "prescription: {edits}\n      because: {why}", "処方: {edits}\n      理由: {why}")
            );
        }
    }
    text
}

/// A whole diagnosis.
#[must_use]
pub fn diagnosis(d: &Diagnosis, lang: Lang) -> String {
    let mut text = String::new();
    let sick = d.findings.iter().filter(|f| f.severity == Severity::Disease).count();
    let warned = d.findings.iter().filter(|f| f.severity == Severity::Warning).count();
    let line = match (sick, warned) {
        (0, 0) => say!(lang, "healthy: no disease found", "健康: 病気は見つからない"),
        (0, n) => say!(lang, "no disease; {n} warning(s)", "病気なし、注意 {n} 件"),
        (n, m) => say!(lang, "{n} disease(s), {m} warning(s)", "病気 {n} 件、注意 {m} 件"),
    };
    let _ = writeln!(text, "{line}");
    for f in &d.findings {
        let _ = write!(text, "\n{}", finding(f, lang));
    }
    if d.unexplained {
        let _ = writeln!(
            text,
            "\n{}",
            say!(lang, "not enough evidence for a cause", "原因を決める証拠が足りない")
        );
    }
    text
}

/// The page of a disease.
#[must_use]
pub fn page(about: &About, lang: Lang) -> String {
    let p = &about.page;
    let pick = |t: [&'static str; 2]| lang.pick(t[0], t[1]);
    let heads = lang.pick(
        ["measures", "why it hurts", "example", "cure", "source"],
        ["測るもの", "なぜ害になるか", "例", "治し方", "出典"],
    );
    let example = p.example.replace('\n', "\n    ");
    let body = [pick(p.measures), pick(p.hurts), &example, pick(p.cure), p.source];
    let mut text = format!("{} [{}] {}\n", about.code, about.disease, about.name(lang));
    for (head, body) in heads.iter().zip(body) {
        let _ = write!(text, "\n{head}\n    {body}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_short() {
        let all = [0.0, 0.25, 3.0, 3.15159, 12345.6, 1e-7, f64::NAN, f64::INFINITY].map(number);
        assert_eq!(all, ["0", "0.250", "3", "3.15", "12346", "1.00e-7", "NaN", "∞"]);
    }
}
