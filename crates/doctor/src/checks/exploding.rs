//! Exploding gradient or activation.

use super::prelude::*;

/// Exploding gradient or activation.
pub(super) struct This;

const ABOUT: About = About {
    code: "D016",
    disease: "C4",
    name: ["exploding gradient or activation", "勾配・活性の爆発"],
    stage: Stage::Initial,
    page: Page {
        measures: [
            "Weight gradient of the first layer over the last (above 70) with updates above a tenth of the weights, or activations above 10 000.",
            "第 1 層と最終層の重みの勾配の比（70 超）と重みの 1/10 を超える更新、または 1 万を超える活性。",
        ],
        hurts: [
            "One step throws the weights far away; the loss jumps or becomes infinite.",
            "1 ステップで重みが遠くへ飛び、損失が跳ね上がるか無限大になる。",
        ],
        example: "[model]\ninit = \"normal(0.5)\"  # many layers",
        cure: [
            "Initial weights that fit; a bound on the gradient (clip_norm); a lower learning rate.",
            "合った初期値。勾配の上限（clip_norm）。小さい学習率。",
        ],
        source: "Pascanu et al. 2013; AutoTrainer (ratio 70); DeepDiagnosis; doctor.md C4",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let ratio = |look: &Look| match (look.layers.first(), look.layers.last()) {
            (Some(a), Some(b)) if look.layers.len() > 1 && b.gradient_rms > 0.0 => {
                a.gradient_rms / b.gradient_rms
            }
            _ => 0.0,
        };
        let step = |look: &Look| look.layers.iter().map(|l| l.update_ratio()).fold(0.0, f64::max);
        let largest = |look: &Look| look.units.iter().map(|u| u.max).fold(0.0, f64::max);
        let sick = |look: &Look| (ratio(look) > 70.0 && step(look) > 0.1) || largest(look) > 1e4;
        if !(r.not_converged() || r.non_finite.is_some()) {
            return None;
        }
        let first = r.mostly(sick).or_else(|| r.looks.iter().find(|l| sick(l) && r.non_finite.is_some()))?;
        let evidence = vec![
            Evidence::new(
                words!("weight gradient of the first layer over the last", "第 1 層 / 最終層の重みの勾配"),
                ratio(first),
                "≤ 70",
            ),
            Evidence::new(words!("largest update over weight", "更新 / 重みの最大"), step(first), "≤ 0.1"),
            Evidence::new(words!("largest activation", "活性の最大"), largest(first), "≤ 1e4"),
        ];
        let beyond = (ratio(first) / 70.0).min(step(first) / 0.1).max(largest(first) / 1e4);
        let growing = super::init_ratios(r).is_some_and(|(_, largest)| largest > 2.0);
        let edit = if growing {
            Edit::Set { key: "model.init", to: Setting::Word(super::fitting_init(r).into()) }
        } else {
            Edit::Set { key: "optimizer.clip_norm", to: Setting::Number(1.0) }
        };
        let layer = first.layers.first()?.layer.clone();
        Some(
            ABOUT
                .found(Severity::Disease, belief(beyond), words!("gradients or activations grow from layer to layer until a step throws the weights away", "勾配または活性が層ごとに大きくなり、1 ステップで重みが飛ばされる"), evidence)
                .at(&layer)
                .since(first.step)
                .not(words!("the ratio of the gradients alone is no disease: healthy networks have it", "勾配の比だけなら病気ではない（健康なネットワークにもある）"))
                .cure(vec![edit], words!("keeps one step from throwing the weights away", "1 ステップで重みが飛ばされるのを防ぐ")),
        )
    }
}
