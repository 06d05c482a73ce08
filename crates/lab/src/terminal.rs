//! draft
use crate::results::Results;
use kobai_engine::Lang;
/// draft
pub fn wrap(t: &str, _: usize, _: usize) -> String {
    t.into()
}
/// draft
pub fn table(r: &Results, lang: Lang, _: usize, _: bool) -> String {
    r.rows
        .iter()
        .map(|row| {
            let s = |f: fn(&crate::results::Run) -> f64| {
                crate::stats::Summary::of(&row.runs.iter().map(f).collect::<Vec<_>>(), 0.99)
            };
            let (te, tr) = (s(|r| r.test), s(|r| r.train));
            format!(
                "{:<24} train {:.4} ± {:.4} test {:.4} ± {:.4} published {:?}\n",
                row.label.get(lang),
                tr.mean,
                tr.sd,
                te.mean,
                te.sd,
                row.published.as_ref().map(|p| (p.mean, p.sd))
            )
        })
        .collect()
}
/// draft
pub fn gradient_picture(_: &Results, _: Lang, _: usize, _: bool) -> String {
    String::new()
}
/// draft
pub fn verdicts(r: &Results, lang: Lang, _: usize, _: bool) -> String {
    r.claims
        .iter()
        .map(|c| {
            format!(
                "{:?} {} [{} {}] mean {:.5} {:?}\n",
                c.verdict,
                c.text.get(lang),
                c.measure,
                c.condition,
                c.mean,
                c.interval
            )
        })
        .collect()
}
