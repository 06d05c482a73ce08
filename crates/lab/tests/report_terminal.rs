//! Terminal text and a small chart, as snapshots and by their properties.

mod report_fixture;

use kobai_engine::Lang;
use kobai_lab::chart::{Axis, Ink, LineChart, Point, Series, standalone};
use kobai_lab::terminal::{gradients, table, verdicts};
use report_fixture::*;
use unicode_width::UnicodeWidthStr;

#[test]
fn english() {
    let r = results();
    insta::assert_snapshot!("table_en", table(&r, Lang::En, 80, false));
    insta::assert_snapshot!("gradients_en", gradients(&r, Lang::En, 80, false));
    insta::assert_snapshot!("verdicts_en", verdicts(&r, Lang::En, 80, false));
}

#[test]
fn japanese() {
    let r = results();
    insta::assert_snapshot!("table_ja", table(&r, Lang::Ja, 80, false));
    insta::assert_snapshot!("gradients_ja", gradients(&r, Lang::Ja, 80, false));
    insta::assert_snapshot!("verdicts_ja", verdicts(&r, Lang::Ja, 80, false));
}

#[test]
fn diverged_runs_are_marked() {
    insta::assert_snapshot!("table_diverged", table(&diverged(), Lang::En, 80, false));
}

/// Lines wider than the width, and characters that a terminal would obey.
fn faults(text: &str, width: usize) -> Vec<String> {
    let wide = text.lines().filter(|l| l.width() > width).map(|l| format!("{} wide: {l}", l.width()));
    let control = text.chars().filter(|c| c.is_control() && *c != '\n').map(|c| format!("{c:?}"));
    wide.chain(control).collect()
}

#[test]
fn every_text_fits_its_width() {
    for (name, r) in all() {
        for lang in [Lang::En, Lang::Ja] {
            for width in [0, 40, 57, 80, 200] {
                for text in [
                    table(&r, lang, width, false),
                    gradients(&r, lang, width, false),
                    verdicts(&r, lang, width, false),
                ] {
                    assert_eq!(faults(&text, width.max(40)), Vec::<String>::new(), "{name} {lang:?} {width}");
                }
            }
        }
    }
    assert_eq!(faults("a\u{1b}b", 40).len(), 1, "the checker rejects control characters");
    assert_eq!(faults("シグモイド", 9).len(), 1, "the checker counts columns");
}

#[test]
fn colour_changes_nothing_but_colour() {
    let strip = |text: &str| {
        let mut parts = text.split("\u{1b}[");
        let first = parts.next().unwrap_or("").to_string();
        first + &parts.map(|p| p.split_once('m').map_or("", |x| x.1)).collect::<String>()
    };
    for (_, r) in all() {
        for f in [table, gradients, verdicts] {
            let plain = f(&r, Lang::Ja, 80, false);
            let coloured = f(&r, Lang::Ja, 80, true);
            assert_eq!(strip(&coloured), plain);
            assert!(plain.is_empty() || coloured.contains("\u{1b}[") || !plain.contains('█'));
        }
    }
}

#[test]
fn a_small_chart() {
    let points = [(0.0, 0.1), (100.0, 0.5), (200.0, f64::NAN), (300.0, 0.9), (400.0, 0.95)];
    let points = points.map(|(x, y)| Point { x, y, band: Some([y - 0.05, y + 0.05]) });
    let chart = LineChart {
        title: "Accuracy & <loss>".into(),
        x: Axis::linear("step"),
        y: Axis::linear("accuracy").over(0.0, 1.0),
        series: vec![Series { label: "He + ReLU".into(), ink: Ink::Series(0), points: points.to_vec() }],
        marks: vec![],
        width: 400.0,
        height: 120.0,
    };
    let svg = chart.svg();
    insta::assert_snapshot!("line_chart", svg);
    let file = standalone(&svg);
    assert!(roxmltree::Document::parse(&file).is_ok());
    assert!(file.contains("<style>"));
}
