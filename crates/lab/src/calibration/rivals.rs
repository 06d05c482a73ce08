//! Rules of published detectors, written anew from their published constants and
//! applied to the same records.
//!
//! What they say is given as keys of our rule base; a symptom that stands for
//! several of our diseases gives all of them, so that it is right if any is.
//! They see what our records hold: means of absolute values are roots of mean
//! squares here, epochs are evaluations.

use kobai_doctor::Record;
use kobai_doctor::record::{Look, UnitStats};
use kobai_engine::layer::LayerKind;
use kobai_engine::layers::Activation;

/// A detector.
#[derive(Clone, Copy, Debug)]
pub struct Rival {
    /// Its name.
    pub name: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// What it finds in a record, in its order.
    pub rules: fn(&Record) -> Vec<Vec<&'static str>>,
}

/// The detectors.
pub const RIVALS: [Rival; 2] = [
    Rival { name: "DeepDiagnosis", source: "Wardat et al., ICSE 2022", rules: deep_diagnosis },
    Rival { name: "AutoTrainer", source: "Zhang et al., ICSE 2021", rules: auto_trainer },
];

fn units<'a>(r: &'a Record, look: &'a Look) -> impl Iterator<Item = (&'a UnitStats, Activation)> {
    look.units.iter().filter_map(|u| {
        let node = r.plan.nodes.iter().find(|n| n.name == u.layer)?;
        match node.layer {
            Some(LayerKind::Activation(a)) => Some((u, a)),
            _ => None,
        }
    })
}

/// Weights, inputs and output range first, then what the training shows.
fn deep_diagnosis(r: &Record) -> Vec<Vec<&'static str>> {
    let mut found = Vec::new();
    if r.data.max_abs > 1.0 {
        found.push(vec!["A1"]);
    }
    if let Some(first) = r.looks.first() {
        let variance = |l: &kobai_doctor::record::LayerStats| l.weight_rms * l.weight_rms;
        if first.layers.iter().any(|l| variance(l) < 1e-5 || variance(l) > 10.0) {
            found.push(vec!["C1", "C2"]);
        }
    }
    let head = r.head_layer().map(|(_, l)| l);
    let squashed =
        matches!(head, Some(LayerKind::Softmax(_) | LayerKind::Activation(Activation::Sigmoid(_))));
    let [low, high] = r.data.target_range;
    let unreachable = !r.classifies() && head.is_some() && (low < 0.0 || high > 1.0);
    if unreachable || r.classifies() && r.plan.loss.takes_probabilities() && !squashed {
        found.push(vec!["A4", "B1", "B3"]);
    }
    if r.non_finite.is_some() {
        found.push(vec!["C8", "C4", "D1"]);
    }
    let share =
        |look: &Look, rule: fn(&UnitStats, Activation) -> bool| units(r, look).any(|(u, a)| rule(u, a));
    if r.looks.iter().any(|look| share(look, |u, _| u.outside > 0.5)) {
        found.push(vec!["C6"]);
    }
    let relu =
        |u: &UnitStats, a: Activation| matches!(a, Activation::Relu | Activation::Exp) && u.zeros >= 0.7;
    if r.looks.iter().rfind(|l| !l.units.is_empty()).is_some_and(|look| share(look, relu)) {
        found.push(vec!["C5"]);
    }
    let steps = || r.looks.iter().flat_map(|l| l.layers.iter());
    if steps().any(|l| l.update_rms < 1e-7) {
        found.push(vec!["C3"]);
    }
    if steps().any(|l| l.update_ratio() > 1e-1) {
        found.push(vec!["D1"]);
    } else if steps().any(|l| l.update_ratio() < 1e-5) {
        found.push(vec!["D2"]);
    }
    let still = |n: usize, better: fn(f64, f64) -> bool, of: fn(&kobai_doctor::record::Point) -> f64| {
        r.points.len() > n
            && r.points.windows(n + 1).any(|w| w[1..].iter().all(|p| !better(of(p), of(&w[0]))))
    };
    if still(5, |now, then| now < then, |p| p.train_loss)
        || still(20, |now, then| now > then, |p| p.train_accuracy)
    {
        found.push(vec!["D1", "D2", "D4"]);
    }
    found
}

/// Its gradient rules count only while the accuracy is below 0.6; judgement
/// begins after 30 % of the training.
fn auto_trainer(r: &Record) -> Vec<Vec<&'static str>> {
    let mut found = Vec::new();
    let head = r.head_layer().map(|(_, l)| l);
    let squashed =
        matches!(head, Some(LayerKind::Softmax(_) | LayerKind::Activation(Activation::Sigmoid(_))));
    if r.classifies() && r.plan.loss.takes_probabilities() && !squashed {
        found.push(vec!["B1", "B3", "A4"]);
    }
    if r.classifies()
        && matches!(r.plan.loss, kobai_engine::Loss::MeanSquaredError | kobai_engine::Loss::MeanAbsoluteError)
    {
        found.push(vec!["B2"]);
    }
    let end = r.end().copied().unwrap_or_default();
    let gate =
        if r.classifies() { end.train_accuracy < 0.6 } else { end.train_loss > 0.5 * r.trivial_loss() };
    let from = r.looks.len() * 3 / 10;
    let late = &r.looks[from..];
    let ratio = |l: &Look| match (l.layers.first(), l.layers.last()) {
        (Some(a), Some(b)) if l.layers.len() > 1 => (a.gradient_rms / b.gradient_rms, a.gradient_rms),
        _ => (1.0, 1.0),
    };
    if r.non_finite.is_some() || gate && late.iter().any(|l| ratio(l).0 > 70.0) {
        found.push(vec!["C4", "C8", "D1"]);
    }
    if gate && late.iter().any(|l| ratio(l).0 < 1e-3 && ratio(l).1 < 1e-4) {
        found.push(vec!["C3"]);
    }
    if gate && late.iter().any(|l| units(r, l).any(|(u, a)| matches!(a, Activation::Relu) && u.zeros >= 0.7))
    {
        found.push(vec!["C5"]);
    }
    if r.looks.iter().any(|l| l.units.iter().any(|u| u.rms >= 10.0)) {
        found.push(vec!["A1"]);
    }
    let late = &r.points[(r.points.len() * 3 / 10).min(r.points.len())..];
    if late.len() > 3 {
        let swing = late.windows(3).filter(|w| w[1].train_accuracy < w[0].train_accuracy - 0.03).count();
        if r.classifies() && swing as f64 >= 0.2 * late.len() as f64 {
            found.push(vec!["D4", "D1"]);
        }
        let gain = late.windows(2).map(|w| w[1].train_accuracy - w[0].train_accuracy).fold(0.0, f64::max);
        if r.classifies() && gate && gain < 0.01 {
            found.push(vec!["D2", "D6"]);
        }
    }
    found
}
