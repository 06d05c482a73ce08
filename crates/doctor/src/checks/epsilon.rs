//! Epsilon of the optimiser out of range.

use super::prelude::*;

/// Epsilon of the optimiser out of range.
pub(super) struct This;

const ABOUT: About = About {
    code: "D025",
    disease: "D3",
    name: ["epsilon of the optimiser out of range", "最適化手法の ε が範囲外"],
    stage: Stage::Step,
    page: Page {
        measures: [
            "Epsilon of Adam or RMSProp below 1e-10 or above 0.01 (read from the file).",
            "Adam・RMSProp の ε が 1e-10 未満または 0.01 超（ファイルから読む）。",
        ],
        hurts: [
            "Too small: where gradients vanish, updates become noise of full size and the loss jumps late. Too large: the optimiser is plain SGD with a tiny rate.",
            "小さすぎると、勾配が消えた所で更新が最大の大きさの雑音になり、後になって損失が跳ねる。大きすぎると、小さな学習率の SGD と同じになる。",
        ],
        example: "[optimizer]\nname = \"adam\"\neps = 1e-16",
        cure: ["1e-8; up to 1e-4 where the loss still jumps.", "1e-8。まだ跳ねるなら 1e-4 まで。"],
        source: "TheDeepChecker (1e-16 as a fault); doctor.md D3",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let (Optimizer::Adam { eps, .. }
        | Optimizer::AdamW { eps, .. }
        | Optimizer::CourseAdam { eps, .. }
        | Optimizer::RmsProp { eps, .. }) = r.settings.updates.optimizer
        else {
            return None;
        };
        if (1e-10..=1e-2).contains(&eps) {
            return None;
        }
        let severity =
            if r.not_converged() || r.non_finite.is_some() { Severity::Disease } else { Severity::Warning };
        let evidence = vec![Evidence::new(words!("epsilon", "ε"), eps, "1e-10 – 1e-2")];
        Some(
            ABOUT
                .found(
                    severity,
                    0.75,
                    words!("ε = {eps:e} is outside the range that works", "ε = {eps:e} は使える範囲の外"),
                    evidence,
                )
                .cure(
                    vec![Edit::Set { key: "optimizer.eps", to: Setting::Number(1e-8) }],
                    words!("the usual value", "通常の値"),
                ),
        )
    }
}
