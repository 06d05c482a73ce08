//! `kobai lab list`.

use super::{CACHE, duration};
use crate::cli::errors::Failure;
use crate::cli::print;
use clap::ArgMatches;
use kobai_data::Locations;
use kobai_engine::{Lang, say};
use kobai_lab::estimate::Timings;
use kobai_lab::experiment::{Changes, Experiment};
use kobai_lab::results::Text;
use kobai_lab::session::{Estimate, Request, Session};
use std::fmt::Write;
use std::path::PathBuf;

/// All embedded experiments by section, with what they need.
pub(super) fn list(m: &ArgMatches, lang: Lang) -> Result<u8, Failure> {
    let locations = Locations::from_env(m.get_one::<PathBuf>("data-dir").cloned());
    let mut sections: Vec<(Text, Vec<Listed>)> = Vec::new();
    let mut timings = Timings::default();
    for name in Experiment::names() {
        let changes = Changes { outputs: Some(1), ..Changes::default() };
        let experiment = Experiment::load(name, &changes).map_err(|e| Failure::experiment(&e, lang))?;
        let request =
            Request { cache: Some(CACHE.into()), locations: locations.clone(), ..Request::new(name) };
        // Data that are missing are no reason to hide an experiment.
        let estimate = Session::prepare(request).ok().map(|session| session.estimate(&mut timings));
        let listed = Listed { experiment, estimate };
        match sections.iter_mut().find(|(section, _)| *section == listed.experiment.section) {
            Some((_, all)) => all.push(listed),
            None => sections.push((listed.experiment.section.clone(), vec![listed])),
        }
    }
    sections.sort_by(|a, b| a.0.en.cmp(&b.0.en));
    if m.get_flag("json") {
        let list: Vec<_> = sections
            .iter()
            .flat_map(|(_, all)| all)
            .map(|Listed { experiment: e, estimate }| {
                serde_json::json!({
                    "id": e.id, "title": e.title, "section": e.section, "data": e.data,
                    "rows": e.rows.len(), "claims": e.claims.len(), "seeds": e.seeds,
                    "seconds": estimate.map(|x| x.seconds), "reusable_runs": estimate.map(|x| x.known),
                })
            })
            .collect();
        return print(&format!(
            "{}\n",
            serde_json::json!({ "schema": "kobai.experiments/1", "experiments": list })
        ));
    }
    let mut text = String::new();
    for (section, all) in &sections {
        let seconds: f64 = all.iter().filter_map(|l| l.estimate).map(|e| e.seconds).sum();
        let (name, time) = (section.get(lang), duration(seconds, lang));
        let _ = writeln!(text, "{}", say!(lang, "{name}   (about {time})", "{name}   （約 {time}）"));
        for Listed { experiment: e, estimate } in all {
            let (id, title) = (&e.id, e.title.get(lang));
            let _ = writeln!(text, "  {id:<24} {title}\n  {:<24} {}", "", needs(e, *estimate, lang));
        }
    }
    let _ = write!(
        text,
        "\n{}",
        say!(
            lang,
            "Times are measured on this machine; runs that are kept from earlier calls take none.\n\n\
             kobai lab show ID   what it is        kobai lab run ID    run it\n\
             kobai lab quiz      check questions   kobai lab run all   the whole course in one report\n",
            "時間はこの計算機で測った見込み。以前の結果が残っている分は含まない。\n\n\
             kobai lab show ID   内容を見る        kobai lab run ID    実行する\n\
             kobai lab quiz      確認テスト        kobai lab run all   講座全体を一つのレポートに\n"
        )
    );
    print(&text)
}

struct Listed {
    experiment: Experiment,
    estimate: Option<Estimate>,
}

/// What an experiment consists of, and the data and time that it needs.
fn needs(e: &Experiment, estimate: Option<Estimate>, lang: Lang) -> String {
    let (rows, claims, data, seeds) = (e.rows.len(), e.claims.len(), &e.data, e.seeds);
    let what = match &e.surfaces {
        Some(s) if rows == 0 => {
            let (rules, on) = (s.rules.len(), s.on.len());
            say!(
                lang,
                "{rules} rules × {on} surfaces × {seeds} seeds, {claims} claims; no data",
                "手法 {rules} × 曲面 {on} × シード {seeds}、主張 {claims}、データ不要"
            )
        }
        _ => say!(
            lang,
            "{rows} networks × {seeds} seeds, {claims} claims; data: {data}",
            "ネットワーク {rows} × シード {seeds}、主張 {claims}、データ: {data}"
        ),
    };
    match estimate {
        Some(e) if e.known == e.runs && e.runs > 0 => {
            say!(lang, "{what}; done, shown at once", "{what}。実行済み、すぐ表示")
        }
        Some(e) => {
            let time = duration(e.seconds, lang);
            say!(lang, "{what}; about {time}", "{what}、約 {time}")
        }
        None => say!(
            lang,
            "{what}; the data are not here (kobai data get {data})",
            "{what}。データがない（kobai data get {data}）"
        ),
    }
}
