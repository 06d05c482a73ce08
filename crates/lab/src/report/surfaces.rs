//! The pictures of optimisers on surfaces.

use super::figures::{Figure, WIDTH};
use crate::chart::{Axis, Cell, Field, Heat, Ink, Multiples, Panel, Paths, PathsPanel, Point, Series, Walk};
use crate::surfaces::{self, OnSurface, Path, RuleName, Surface, Surfaces};
use kobai_engine::{Lang, say};

/// Points of the grid that contours are drawn through.
const GRID: [usize; 2] = [121, 81];

/// Every picture, the moving one first.
pub(super) fn figures(on: &Surfaces, lang: Lang) -> Vec<Figure> {
    let all =
        [paths(on, lang), Some(settle(on, lang)), effective(on, lang), squares(on, lang), variants(on, lang)];
    all.into_iter().flatten().collect()
}

/// The rules that are drawn together: variants of a course are apart.
fn own(on: &Surfaces) -> Vec<&RuleName> {
    on.rules.iter().filter(|r| r.beside.is_none()).collect()
}

fn path<'a>(on: &'a OnSurface, rule: &str) -> Option<&'a Path> {
    on.paths.iter().find(|p| p.rule == rule)
}

fn panel(surface: Surface, title: String, walks: Vec<Walk>) -> PathsPanel {
    let view = surface.view();
    PathsPanel {
        title,
        view,
        field: Field::sample(GRID, view, |p| surface.contour_scale(surface.value(p))),
        minima: surface.minima(),
        walks,
    }
}

fn paths(on: &Surfaces, lang: Lang) -> Option<Figure> {
    let rules = own(on);
    let panels = on.surfaces.iter().filter_map(|s| {
        let surface = surfaces::named(&s.surface)?;
        let walks = rules.iter().enumerate().filter_map(|(i, rule)| {
            let points = path(s, &rule.id)?.points.clone();
            Some(Walk { label: rule.label.get(lang).into(), ink: Ink::Series(i), points })
        });
        Some(panel(surface, surface.title().get(lang).into(), walks.collect()))
    });
    let chart = Paths {
        title: say!(lang, "Paths of optimisers on surfaces", "曲面の上の最適化手法の道筋"),
        panels: panels.collect(),
        legend: rules.iter().enumerate().map(|(i, r)| (r.label.get(lang).into(), Ink::Series(i))).collect(),
        columns: 2,
        width: WIDTH,
        height: 300.0,
    };
    (!chart.panels.is_empty() && !rules.is_empty()).then(|| Figure {
        heading: say!(lang, "How they walk", "どう進むか"),
        caption: say!(
            lang,
            "All begin at the ring at the same time and take one step each; × marks the minima. Lines of equal loss. \
             Learning rates are tuned for each rule and surface, so nobody is slow because of a bad rate.",
            "全員が輪の位置から同時に出発し、1 歩ずつ進む。× は極小。細い線は損失の等高線。学習率は手法と曲面ごとに調整してあり、\
             学習率の選び方で遅くなるものはない。"
        ),
        svg: chart.svg(),
        moves: true,
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn settle(on: &Surfaces, lang: Lang) -> Figure {
    let cell = |rule: &RuleName, s: &OnSurface| match on.measure(&rule.id, &s.surface, "settle") {
        Some(values) => Cell::Size(mean(values)),
        None => Cell::Empty,
    };
    let title = |s: &OnSurface| {
        surfaces::named(&s.surface).map_or(s.surface.clone(), |n| n.title().get(lang).to_string())
    };
    let chart = Heat {
        title: say!(lang, "Steps until an optimiser has arrived for good", "到着して留まるまでのステップ数"),
        rows: on.rules.iter().map(|r| r.label.get(lang).into()).collect(),
        columns: on.surfaces.iter().map(title).collect(),
        cells: on.rules.iter().map(|r| on.surfaces.iter().map(|s| cell(r, s)).collect()).collect(),
        measure: say!(
            lang,
            "steps until it stays within 0.01 of the lowest value",
            "最低値との差が 0.01 以内に留まるまでのステップ数"
        ),
        plain: true,
        zero: String::new(),
        width: WIDTH,
    };
    let caption = say!(
        lang,
        "Paler is sooner. Mean over {} starts of each of the seeds, each rule at its best rate. {} means that it did not \
         arrive. Nobody is best everywhere.",
        "色が薄いほど早い。シードごとに出発点 {} 個の平均で、手法ごとに最もよい学習率を使う。{} は到着しなかったことを示す。\
         どこでも最もよい手法はない。",
        on.starts,
        on.steps
    );
    Figure::new(say!(lang, "Who arrives first?", "だれが先に着くか"), caption, chart.svg())
}

/// Two lines, along and across the valley, of every rule that `of` gives points for.
fn along_and_across(
    on: &Surfaces,
    lang: Lang,
    rules: &[&str],
    (title, measure): (String, String),
    of: impl Fn(&Path) -> &Vec<surfaces::Point>,
) -> Option<String> {
    let valley = on.surfaces.iter().find(|s| s.surface == Surface::Valley.name())?;
    let names = [
        say!(lang, "x, along the valley", "x（谷に沿う向き）"),
        say!(lang, "y, across", "y（谷を横切る向き）"),
    ];
    let panels = rules.iter().filter_map(|id| {
        let rule = on.rules.iter().find(|r| r.id == *id)?;
        let points = of(path(valley, id)?);
        let series = names.iter().enumerate().map(|(i, name)| Series {
            label: name.clone(),
            ink: Ink::Series(i),
            points: points
                .iter()
                .enumerate()
                .map(|(t, p)| Point {
                    x: (t + 1) as f64,
                    y: if p[i] > 0.0 { p[i] } else { f64::NAN },
                    band: None,
                })
                .collect(),
        });
        (!points.is_empty()).then(|| Panel { title: rule.label.get(lang).into(), series: series.collect() })
    });
    let panels: Vec<Panel> = panels.collect();
    (!panels.is_empty()).then(|| {
        Multiples {
            behind: vec![],
            title,
            x: Axis::linear(say!(lang, "step", "ステップ")),
            y: Axis::log(measure),
            columns: panels.len().min(3),
            panels,
            legend: names.iter().enumerate().map(|(i, n)| (n.clone(), Ink::Series(i))).collect(),
            marks: vec![],
            width: WIDTH,
            height: 150.0,
        }
        .svg()
    })
}

fn effective(on: &Surfaces, lang: Lang) -> Option<Figure> {
    let svg = along_and_across(
        on,
        lang,
        &["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"],
        (
            say!(lang, "Effective step size of each param", "パラメータごとの実効ステップ幅"),
            say!(lang, "|update| / |gradient|", "|更新量| ÷ |勾配|"),
        ),
        |p| &p.effective,
    )?;
    let caption = say!(
        lang,
        "What each rule makes of the same gradient, in the long valley. SGD: the same step everywhere. AdaGrad, RMSProp and Adam \
         take larger steps along the gentle slope than across the steep one; AdaGrad's can only shrink.",
        "長い谷で、同じ勾配から各手法がどれだけ動くか。SGD はどの向きも同じ。AdaGrad・RMSProp・Adam は、急な向きよりも\
         緩やかな向きに大きく動く。AdaGrad の歩幅は縮む一方である。"
    );
    Some(Figure::new(say!(lang, "How large are the steps?", "一歩の大きさ"), caption, svg))
}

fn squares(on: &Surfaces, lang: Lang) -> Option<Figure> {
    let svg = along_and_across(
        on,
        lang,
        &["adagrad", "rmsprop", "adam"],
        (
            say!(lang, "Root of the gathered squared gradients", "蓄積した勾配の二乗の平方根"),
            say!(lang, "√h, which divides the step", "歩幅を割る √h"),
        ),
        |p| &p.root_of_squares,
    )?;
    let caption = say!(
        lang,
        "AdaGrad adds up every squared gradient: its sum never falls, so its steps never grow again. RMSProp and Adam average \
         and forget: when gradients get small, their divisor follows.",
        "AdaGrad は勾配の二乗をすべて足すので、和は減らず、歩幅は二度と大きくならない。RMSProp と Adam は平均して古いものを忘れるので、\
         勾配が小さくなれば割る数も小さくなる。"
    );
    Some(Figure::new(say!(lang, "What AdaGrad remembers", "AdaGrad が覚えているもの"), caption, svg))
}

/// The variants of a course, each beside the textbook's rule.
fn variants(on: &Surfaces, lang: Lang) -> Option<Figure> {
    let valley = on.surfaces.iter().find(|s| s.surface == Surface::Valley.name())?;
    let panels = on.rules.iter().filter_map(|rule| {
        let text = on.rules.iter().find(|r| Some(&r.id) == rule.beside.as_ref())?;
        let walk = |r: &RuleName, i: usize| {
            let points = path(valley, &r.id)?.points.clone();
            Some(Walk { label: r.label.get(lang).into(), ink: Ink::Series(i), points })
        };
        let walks = vec![walk(text, 0)?, walk(rule, 1)?];
        Some(panel(Surface::Valley, rule.label.get(lang).into(), walks))
    });
    let panels: Vec<PathsPanel> = panels.collect();
    if panels.is_empty() {
        return None;
    }
    let chart = Paths {
        title: say!(lang, "Variants of a course beside the textbook's rules", "講座の変種と教科書の手法"),
        panels,
        legend: vec![
            (say!(lang, "textbook", "教科書"), Ink::Series(0)),
            (say!(lang, "course", "講座"), Ink::Series(1)),
        ],
        columns: 2,
        width: WIDTH,
        height: 190.0,
    };
    let caption = say!(
        lang,
        "The course's code differs from the textbook in small ways: Momentum's is the same path, Nesterov uses the new velocity, \
         AdaGrad forgets its first gradient, Adam adds ε before the correction. Each at its own best rate.",
        "講座のコードは教科書と少し違う。Momentum は同じ道筋、Nesterov は新しい速度を使い、AdaGrad は最初の勾配を忘れ、\
         Adam は補正の前に ε を足す。それぞれ最もよい学習率で走らせた。"
    );
    Some(Figure::new(say!(lang, "The course's variants", "講座の変種"), caption, chart.svg()))
}
