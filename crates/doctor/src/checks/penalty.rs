//! Weight penalty too strong.

use super::prelude::*;

/// Weight penalty too strong.
pub(super) struct This;

const ABOUT: About = About {
    code: "D026",
    disease: "E1",
    name: ["weight penalty too strong", "重みの罰則が強すぎる"],
    stage: Stage::Fit,
    page: Page {
        measures: [
            "Penalty gradient over data gradient (at least 2 at most looks), or the weights shrinking below half of their start; the network not trained; and a run without penalty that ends lower.",
            "罰則の勾配とデータの勾配の比（半数以上のステップで 2 以上）、または重みが初期の半分未満に縮むこと。未学習であること。罰則なしの学習が低く終わること。",
        ],
        hurts: [
            "The penalty pulls the weights to zero faster than the data can build them up; the outputs become constant.",
            "データが重みを育てるより速く罰則がゼロへ引き、出力が一定になる。",
        ],
        example: "[optimizer]\nl2 = 0.5",
        cure: ["A hundredth of it; usual values are 1e-5 to 1e-2.", "1/100 にする。通常は 1e-5〜1e-2。"],
        source: "TheDeepChecker (ratio 2); doctor.md E1",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let lambda = match r.settings.updates.optimizer {
            Optimizer::AdamW { weight_decay, .. } if weight_decay > 0.1 => weight_decay,
            _ => r.settings.penalty(),
        };
        if lambda == 0.0 {
            return None;
        }
        // A network that learns something may still be held back: the run without says so.
        let held = r.tests.without_penalty.is_some_and(|(with, without)| {
            without < 0.65 * with && with - without > 0.05 * r.trivial_loss()
        });
        if !(r.not_converged() || held) {
            return None;
        }
        let ratio = |look: &Look| {
            let pick = |f: fn(&LayerStats) -> f64| median(look.layers.iter().map(f).collect()).unwrap_or(0.0);
            (pick(|l| l.penalty_rms), pick(|l| l.gradient_rms))
        };
        let sick = r.mostly(|l| {
            let (p, g) = ratio(l);
            p >= 2.0 * g && p > 0.0
        });
        let weight = |look: &Look| median(look.layers.iter().map(|l| l.weight_rms).collect()).unwrap_or(0.0);
        let (first, last) = (r.looks.first()?, r.looks.last()?);
        let shrunk = weight(last) / weight(first);
        if sick.is_none() && !held && (shrunk.is_nan() || shrunk >= 0.5) {
            return None;
        }
        let mut p = 0.8;
        let (rp, rg) = ratio(sick.unwrap_or(last));
        let mut evidence = vec![
            Evidence::new(
                words!("penalty gradient over data gradient", "罰則の勾配 / データの勾配"),
                rp / rg,
                "< 2",
            ),
            Evidence::new(words!("weights over their start", "重み / 初期の重み"), shrunk, "≥ 0.5"),
            Evidence::new(words!("spread of the outputs", "出力の標準偏差"), last.output_std, "≥ 0.1"),
        ];
        if let Some((with, without)) = r.tests.without_penalty {
            if without.is_nan() || without >= 0.8 * with {
                return None;
            }
            evidence.push(Evidence::new(
                words!("training loss of a run without it", "罰則なしの学習の訓練損失"),
                without,
                format!("{with:.3} with it / あり"),
            ));
            p = belief(with / without).max(0.9);
        }
        let (key, by) = match (r.settings.updates.optimizer, r.settings.updates.penalty) {
            (_, kobai_engine::optim::Penalty::L1(_)) => ("optimizer.l1", 0.01),
            (_, kobai_engine::optim::Penalty::L2(_)) => ("optimizer.l2", 0.01),
            _ => ("optimizer.weight_decay", 0.01),
        };
        Some(
            ABOUT
                .found(Severity::Disease, p, words!("the penalty λ = {lambda} outweighs the data", "罰則 λ = {lambda} がデータより強い"), evidence)
                .since(sick.map_or(last.step, |l| l.step))
                .not(words!("near the end of a training the data gradient is small as well; this network is not trained", "学習の終わりにはデータの勾配も小さくなるが、これは未学習である"))
                .cure(vec![Edit::Scale { key, by }], words!("a hundredth leaves the data in charge", "1/100 ならデータが主導する")),
        )
    }
}
