//! The report page: well formed, escaped, legible, complete.

mod report_fixture;

use kobai_engine::Lang;
use kobai_lab::chart::measure::text_width;
use kobai_lab::chart::{
    Axis, Bar, Bars, Heat, HistogramGrid, Ink, LineChart, Mark, Multiples, Point, Series, Strip,
};
use kobai_lab::report::html;
use report_fixture::*;

/// The pictures of a page.
fn pictures(page: &str) -> Vec<&str> {
    page.split("<svg ")
        .skip(1)
        .filter_map(|rest| {
            let start = rest.as_ptr() as usize - page.as_ptr() as usize - "<svg ".len();
            let end = start + page[start..].find("</svg>")? + "</svg>".len();
            Some(&page[start..end])
        })
        .collect()
}

/// What is wrong with a picture: not XML, NaN, text cut off or on top of other text.
fn faults(svg: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let document = match roxmltree::Document::parse(svg) {
        Ok(d) => d,
        Err(e) => return vec![format!("not well formed: {e}")],
    };
    let root = document.root_element();
    let view: Vec<f64> =
        root.attribute("viewBox").unwrap_or("").split(' ').filter_map(|v| v.parse().ok()).collect();
    if view.len() != 4 {
        return vec!["no viewBox".into()];
    }
    if root.attribute("role") != Some("img") || root.attribute("aria-label").is_none_or(str::is_empty) {
        faults.push("no label for screen readers".into());
    }
    let mut boxes: Vec<([f64; 4], String)> = Vec::new();
    for node in root.descendants().filter(|n| n.is_element()) {
        for a in node.attributes().filter(|a| !matches!(a.name(), "aria-label" | "class")) {
            if a.value().contains("NaN") || a.value().contains("inf") {
                faults.push(format!("{} of {:?} is {}", a.name(), node.tag_name(), a.value()));
            }
        }
        if !node.has_tag_name("text") || node.attribute("transform").is_some() {
            continue;
        }
        let number = |name| node.attribute(name).and_then(|v| v.parse::<f64>().ok()).unwrap_or(f64::NAN);
        let class = node.attribute("class").unwrap_or("");
        let size = if class.contains("small") {
            10.0
        } else if class.contains("tick") {
            11.0
        } else {
            12.0
        };
        let text = node.text().unwrap_or("");
        let (x, y, wide) = (number("x"), number("y"), text_width(text, size));
        let left = match node.attribute("text-anchor") {
            Some("middle") => x - wide / 2.0,
            Some("end") => x - wide,
            _ => x,
        };
        boxes.push(([left, y - size * 0.75, left + wide, y + size * 0.15], text.to_string()));
    }
    for (i, (a, text)) in boxes.iter().enumerate() {
        if a[0] < -1.0 || a[2] > view[2] + 1.0 || a[1] < -1.0 || a[3] > view[3] + 1.0 {
            faults.push(format!("cut off: {text} at {a:?} in {view:?}"));
        }
        for (b, other) in &boxes[i + 1..] {
            if a[0] < b[2] - 0.5 && b[0] < a[2] - 0.5 && a[1] < b[3] - 0.5 && b[1] < a[3] - 0.5 {
                faults.push(format!("on top of each other: {text} and {other}"));
            }
        }
    }
    faults
}

/// Whether every element of a page is closed in order. Void elements of HTML aside.
fn unbalanced(page: &str) -> Option<String> {
    // Closing the void elements makes this page XML, entities included.
    let mut xml = page.replace("<!doctype html>", "");
    for name in ["<meta ", "<br"] {
        let mut at = 0;
        while let Some(i) = xml[at..].find(name) {
            let end = at + i + xml[at + i..].find('>')?;
            xml.insert(end, '/');
            at = end + 2;
        }
    }
    roxmltree::Document::parse(&xml).err().map(|e| e.to_string())
}

#[test]
fn every_page_is_sound() {
    for (name, results) in all() {
        for lang in [Lang::En, Lang::Ja] {
            let page = html(&results, lang);
            assert_eq!(unbalanced(&page), None, "{name}");
            assert!(page.contains(&format!("<html lang=\"{}\">", lang.code())));
            let pictures = pictures(&page);
            assert!(!pictures.is_empty());
            for svg in pictures {
                let faults = faults(svg);
                assert!(
                    faults.is_empty(),
                    "{name} {lang:?}: {:?}\n{}",
                    &faults[..faults.len().min(5)],
                    &svg[..300.min(svg.len())].lines().next().unwrap_or("")
                );
            }
            for outside in ["http://", "https://", "src=", "@import", "url(", "<script", "<link"] {
                let known = page.replace("http://www.w3.org/2000/svg", "");
                assert!(!known.contains(outside), "{name}: {outside}");
            }
            assert_eq!(page, html(&results, lang), "the same results give the same bytes");
        }
    }
}

#[test]
fn every_part_is_there() {
    let page = html(&results(), Lang::En);
    assert_eq!(pictures(&page).len(), 6);
    for part in [
        "0.9550 (99 % interval 0.8786 to 1.0314)",
        "He + ReLU",
        "does not hold",
        "undecided",
        "about 24 seeds would decide",
        "99 % interval",
        "MNIST (LeCun, Cortes, Burges)",
        "kobai run vanishing-gradient",
        "avx2",
        "seeds 0–7",
        "C1.01",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(html(&without_observers(), Lang::En).contains("observers were off"));
    let page = html(&diverged(), Lang::En);
    assert!(page.contains("3 of 8 runs diverged, the first at step 120"));
    assert!(page.contains("8 of 8 runs diverged"));
    assert!(html(&results(), Lang::Ja).contains("成り立たない"));
}

#[test]
fn the_checkers_reject_what_is_wrong() {
    let svg = |body: &str| {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 100 50\" role=\"img\" aria-label=\"a\">{body}</svg>"
        )
    };
    assert!(faults(&svg(r#"<text class="num" x="2" y="20">a</text>"#)).is_empty());
    assert!(!faults(&svg("<g>")).is_empty());
    assert!(!faults(&svg(r#"<line x1="NaN"/>"#)).is_empty());
    assert!(!faults(&svg(r#"<text class="num" x="95" y="20">cut off</text>"#)).is_empty());
    assert!(
        !faults(&svg(r#"<text class="num" x="2" y="20">aaa</text><text class="num" x="9" y="24">b</text>"#))
            .is_empty()
    );
    assert!(unbalanced("<!doctype html><html><p><b></p></html>").is_some());
    assert_eq!(unbalanced("<!doctype html><html><meta charset=\"a\"><p>a<br>b</p></html>"), None);
}

#[test]
fn charts_that_the_report_does_not_draw_are_sound() {
    let bar = |label: &str, value| Bar { label: label.into(), value };
    for axis in [Axis::linear("ms"), Axis::log("ms")] {
        let bars = vec![
            bar("conv", 3.2),
            bar("畳み込み層の長い名前", 1200.0),
            bar("none", 0.0),
            bar("lost", f64::NAN),
        ];
        let chart = Bars { title: "time".into(), axis, bars, width: 500.0 };
        assert_eq!(faults(&chart.svg()), Vec::<String>::new());
    }
    // Too many lines to name at their ends: a legend.
    let series = (0..25).map(|i| Series {
        label: format!("series {i} 系列"),
        ink: Ink::Series(i),
        points: (0..9).map(|x| Point { x: f64::from(x), y: (i * 7 % 11) as f64, band: None }).collect(),
    });
    let (x, y) = (Axis::linear("step"), Axis::log("loss"));
    let marks = vec![Mark { value: 1.0, label: "chance".into() }];
    let series = series.collect();
    let chart = LineChart { title: "lines".into(), x, y, series, marks, width: 640.0, height: 200.0 };
    assert_eq!(faults(&chart.svg()), Vec::<String>::new());
    // Nothing at all can be drawn, too.
    let empty = Multiples {
        behind: vec![],
        title: "nothing".into(),
        x: Axis::default(),
        y: Axis::log(""),
        panels: vec![],
        legend: vec![],
        marks: vec![],
        columns: 0,
        width: 300.0,
        height: 80.0,
    };
    for svg in [
        empty.svg(),
        Heat { title: "nothing".into(), width: 300.0, ..Heat::default() }.svg(),
        HistogramGrid { title: "nothing".into(), width: 300.0, ..HistogramGrid::default() }.svg(),
        Strip { title: "nothing".into(), width: 300.0, ..Strip::default() }.svg(),
        Bars { title: "nothing".into(), width: 300.0, ..Bars::default() }.svg(),
    ] {
        assert_eq!(faults(&svg), Vec::<String>::new());
    }
}

/// Not a check: writes the pages for looking at them.
/// `cargo test -p kobai-lab --test report_page -- --ignored write`
#[test]
#[ignore = "writes files for looking at"]
fn write_pages() {
    let folder = std::env::temp_dir().join("kobai-report");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (name, results) in all() {
        for lang in [Lang::En, Lang::Ja] {
            let page = html(&results, lang);
            let file = |theme: &str| folder.join(format!("{name}.{}{theme}.html", lang.code()));
            std::fs::write(file(""), &page).expect("a file");
            let dark = page.replacen("<html ", "<html data-theme=\"dark\" ", 1);
            std::fs::write(file(".dark"), dark).expect("a file");
        }
    }
}

/// What `kobai lab run surfaces` makes, with one seed.
fn on_surfaces() -> kobai_lab::results::Results {
    let out = tempfile::tempdir().unwrap();
    let request = kobai_lab::session::Request {
        seeds: Some(1),
        out: Some(out.path().join("surfaces")),
        ..kobai_lab::session::Request::new("surfaces")
    };
    let session = kobai_lab::session::Session::prepare(request).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    session.run(&kobai_lab::runner::Silent, &stop).unwrap().results
}

#[test]
fn pages_with_paths_and_of_the_whole_course_are_sound() {
    let all = [results(), on_surfaces()];
    for lang in [Lang::En, Lang::Ja] {
        let course = kobai_lab::report::course(&all, "kobai lab run all", lang);
        for (page, scripts) in [(html(&all[1], lang), 1), (course, 1)] {
            // The player is our own text and is not XML's business beyond its signs.
            assert_eq!(unbalanced(&page), None);
            assert_eq!(page.matches("<script").count(), scripts);
            for svg in pictures(&page) {
                let faults = faults(svg);
                assert!(faults.is_empty(), "{lang:?}: {:?}", &faults[..faults.len().min(5)]);
            }
            let known = page.replace("http://www.w3.org/2000/svg", "");
            for outside in ["http://", "src=", "@import", "url(", "<link"] {
                assert!(!known.contains(outside), "{outside}");
            }
            assert!(page.contains("class=\"player\"") && page.contains("prefers-reduced-motion"));
            let walks = page.matches("<polyline class=\"l walk ").count();
            // Seven rules on seven surfaces, and four pairs.
            assert_eq!(
                (walks, page.matches("<circle class=\"d walker ").count()),
                (7 * 7 + 2 * 4, 7 * 7 + 2 * 4)
            );
        }
        // Every link of the course leads somewhere.
        let page = kobai_lab::report::course(&all, "kobai lab run all", lang);
        for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert_eq!(page.matches(&format!("id=\"{target}\"")).count(), 1, "{target}");
        }
        let statements = kobai_lab::report::statements(&all);
        assert_eq!(statements.len(), 47);
        assert!(
            all.iter()
                .flat_map(|r| &r.claims)
                .all(|c| c.notes.iter().all(|n| statements.iter().any(|s| s.id == *n)))
        );
    }
    for (width, colour) in [(40, false), (72, true), (100, false), (140, true)] {
        for lang in [Lang::En, Lang::Ja] {
            let on = all[1].surfaces.as_ref().unwrap();
            let text = kobai_lab::terminal::surfaces(on, lang, width, colour);
            let plain = text
                .split('\u{1b}')
                .map(|part| part.split_once('m').filter(|_| part.starts_with('[')).map_or(part, |p| p.1));
            for line in plain.collect::<String>().lines() {
                let wide = unicode_width::UnicodeWidthStr::width(line);
                assert!(wide <= width, "{wide} of {width}: {line}");
            }
            let course = kobai_lab::terminal::course(&all, lang, width, false);
            assert!(course.lines().all(|l| unicode_width::UnicodeWidthStr::width(l) <= width.max(60)));
        }
    }
}
