//! Measures of a group of rows: all cells of an experiment's axes that share
//! the first choice, such as one optimiser at every learning rate.
//!
//! | measure | what |
//! |---|---|
//! | `best`, `worst`, `mean` | highest, lowest and mean test accuracy over the cells |
//! | `range` | decades of the numeric axis, around the best value, within 2 points of the best; straight lines between values |
//! | `best_at` | decimal logarithm of the best value |
//! | `rank` | place among the groups (1 is best, ties share), mean over the cells |
//! | `best_lead`, `range_lead`, `mean_lead` | how far it is ahead of the best of the other groups |
//! | `rank_lead` | how many places it is ahead of the best of the others |
//!
//! Every value is of one seed, so groups are compared in pairs. A run that
//! diverged counts with an accuracy of 0.

use crate::results::{Place, Row};

/// How far below the best is still good: two points.
const WITHIN: f64 = 0.02;

/// Cells of one seed: value on the numeric axis and test accuracy.
type Cells = Vec<(Option<f64>, f64)>;

fn places(rows: &[Row]) -> impl Iterator<Item = (&Row, &Place)> {
    rows.iter().filter_map(|row| Some((row, row.place.as_ref()?)))
}

/// The groups in their order.
pub(crate) fn names(rows: &[Row]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for (_, place) in places(rows) {
        if !names.contains(&place.group.as_str()) {
            names.push(&place.group);
        }
    }
    names
}

/// A measure of a group for every seed.
pub(crate) fn measure(rows: &[Row], group: &str, name: &str) -> Option<Vec<f64>> {
    let names = names(rows);
    let own = names.iter().position(|n| *n == group)?;
    let seeds = places(rows).map(|(row, _)| row.runs.len()).min()?;
    (0..seeds).map(|seed| of_seed(rows, &names, own, seed, name)).collect()
}

fn cells(rows: &[Row], group: &str, seed: usize) -> Cells {
    let own = places(rows).filter(|(_, place)| place.group == group);
    own.map(|(row, place)| (place.x, row.runs[seed].measures.get("test").copied().unwrap_or(0.0))).collect()
}

fn of_seed(rows: &[Row], names: &[&str], own: usize, seed: usize, name: &str) -> Option<f64> {
    if let Some(of) = name.strip_suffix("_lead") {
        let others = (0..names.len()).filter(|i| *i != own);
        let others = others.filter_map(|i| of_seed(rows, names, i, seed, of));
        let mine = of_seed(rows, names, own, seed, of)?;
        return match of {
            "rank" => Some(others.reduce(f64::min)? - mine),
            _ => Some(mine - others.reduce(f64::max)?),
        };
    }
    let mine = cells(rows, names[own], seed);
    let tests = || mine.iter().map(|c| c.1);
    match name {
        "best" => tests().reduce(f64::max),
        "worst" => tests().reduce(f64::min),
        "mean" => Some(tests().sum::<f64>() / mine.len() as f64),
        "range" => range(&mine),
        "best_at" => mine.iter().max_by(|a, b| a.1.total_cmp(&b.1))?.0.map(libm::log10),
        "rank" => {
            let all: Vec<Cells> = names.iter().map(|n| cells(rows, n, seed)).collect();
            let place = |i: usize| {
                let value = mine[i].1;
                let others = all.iter().filter_map(|c| c.get(i)).map(|c| c.1);
                others.fold(0.5, |p, v| {
                    p + if v > value {
                        1.0
                    } else if v == value {
                        0.5
                    } else {
                        0.0
                    }
                })
            };
            Some((0..mine.len()).map(place).sum::<f64>() / mine.len() as f64)
        }
        _ => None,
    }
}

/// Decades around the best value within which the curve stays within 2 points of it.
fn range(cells: &[(Option<f64>, f64)]) -> Option<f64> {
    let mut points: Vec<(f64, f64)> =
        cells.iter().map(|(x, y)| Some((libm::log10((*x)?), *y))).collect::<Option<_>>()?;
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let best = (0..points.len()).max_by(|a, b| points[*a].1.total_cmp(&points[*b].1))?;
    let limit = points[best].1 - WITHIN;
    let edge = |mut side: Box<dyn Iterator<Item = &(f64, f64)> + '_>| {
        let mut inside = points[best];
        for &(x, y) in &mut side {
            if y < limit {
                return inside.0 + (x - inside.0) * (inside.1 - limit) / (inside.1 - y);
            }
            inside = (x, y);
        }
        inside.0
    };
    let up = edge(Box::new(points[best + 1..].iter()));
    let down = edge(Box::new(points[..best].iter().rev()));
    Some(up - down)
}

#[cfg(test)]
mod tests {
    use super::{measure, names, range};
    use crate::results::{Outcome, Place, Row, Run, Text};

    #[test]
    fn ranges_are_interpolated_and_end_at_the_grid() {
        let cells = |values: &[(f64, f64)]| values.iter().map(|(x, y)| (Some(*x), *y)).collect::<Vec<_>>();
        // The curve falls from 0.9 to 0.86 over one decade: 0.88 lies half way, on both sides.
        let r = range(&cells(&[(0.01, 0.86), (0.1, 0.9), (1.0, 0.86)])).unwrap();
        assert!((r - 1.0).abs() < 1e-12, "{r}");
        let r = range(&cells(&[(0.01, 0.9), (0.1, 0.895), (1.0, 0.1)])).unwrap();
        assert!(r > 1.0 && r < 1.03, "{r}");
        assert_eq!(range(&cells(&[(0.1, 0.5)])), Some(0.0));
        assert_eq!(range(&[(None, 0.5)]), None);
    }

    fn row(group: &str, x: f64, tests: &[f64]) -> Row {
        let runs = tests.iter().zip(0..).map(|(test, seed)| Run {
            seed,
            outcome: Outcome::Finished,
            train: 0.0,
            test: *test,
            curve: Vec::new(),
            flow: Vec::new(),
            activations: Vec::new(),
            weights: Vec::new(),
            measures: [("test".to_string(), *test)].into(),
            weights_sha256: String::new(),
        });
        let place = Place { group: group.into(), x: Some(x), ..Place::default() };
        Row {
            id: format!("{group}-{x}"),
            label: Text::default(),
            reference: None,
            published: None,
            place: Some(place),
            runs: runs.collect(),
        }
    }

    #[test]
    fn groups_are_compared_seed_by_seed() {
        let rows = [
            row("a", 0.1, &[0.9, 0.7]),
            row("a", 1.0, &[0.5, 0.7]),
            row("b", 0.1, &[0.8, 0.7]),
            row("b", 1.0, &[0.6, 0.8]),
        ];
        assert_eq!(names(&rows), ["a", "b"]);
        let get = |group, name| measure(&rows, group, name).unwrap();
        assert_eq!(get("a", "best"), [0.9, 0.7]);
        assert_eq!(get("a", "rank"), [1.5, 1.75]);
        assert_eq!(get("b", "rank"), [1.5, 1.25]);
        assert_eq!(get("b", "rank_lead"), [0.0, 0.5]);
        assert!((get("a", "best_lead")[0] - 0.1).abs() < 1e-12);
        assert_eq!(measure(&rows, "c", "best"), None);
        assert_eq!(measure(&rows, "a", "bets"), None);
    }
}
