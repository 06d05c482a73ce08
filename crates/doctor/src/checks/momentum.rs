//! Momentum or averages out of range.

use super::prelude::*;

/// Momentum or averages out of range.
pub(super) struct This;

const ABOUT: About = About {
    code: "D024",
    disease: "D7",
    name: ["momentum or averages out of range", "モーメンタム・移動平均の範囲外の値"],
    stage: Stage::Step,
    page: Page {
        measures: [
            "Momentum or beta1 above 0.99, beta2 or rho below 0.9 (read from the file).",
            "モーメンタムまたは beta1 が 0.99 超、beta2 または rho が 0.9 未満（ファイルから読む）。",
        ],
        hurts: [
            "With momentum m a step counts 1/(1−m) times: at 0.999 the rate is a thousandfold and answers a thousand steps late. With a short beta2 the scale of Adam follows single batches.",
            "モーメンタム m では 1 ステップが 1/(1−m) 回分効く。0.999 なら学習率は千倍になり、千ステップ遅れて応答する。beta2 が小さいと Adam のスケールが個々のバッチに振り回される。",
        ],
        example: "[optimizer]\nname = \"momentum\"\nmomentum = 0.999",
        cure: [
            "Momentum 0.9, beta1 0.9, beta2 0.999, rho 0.99.",
            "モーメンタム 0.9、beta1 0.9、beta2 0.999、rho 0.99。",
        ],
        source: "Kingma & Ba 2015; doctor.md D7",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let (key, value, normal, to) = match r.settings.updates.optimizer {
            Optimizer::Momentum { momentum, .. }
            | Optimizer::Nesterov { momentum, .. }
            | Optimizer::CourseMomentum { momentum, .. }
            | Optimizer::CourseNesterov { momentum, .. }
                if momentum > 0.99 =>
            {
                ("optimizer.momentum", momentum, "≤ 0.99", 0.9)
            }
            Optimizer::Adam { beta1, .. }
            | Optimizer::AdamW { beta1, .. }
            | Optimizer::CourseAdam { beta1, .. }
                if beta1 > 0.99 =>
            {
                ("optimizer.beta1", beta1, "≤ 0.99", 0.9)
            }
            Optimizer::Adam { beta2, .. }
            | Optimizer::AdamW { beta2, .. }
            | Optimizer::CourseAdam { beta2, .. }
                if beta2 < 0.9 =>
            {
                ("optimizer.beta2", beta2, "≥ 0.9", 0.999)
            }
            Optimizer::RmsProp { rho, .. } if rho < 0.9 => ("optimizer.rho", rho, "≥ 0.9", 0.99),
            _ => return None,
        };
        let severity =
            if r.not_converged() || r.non_finite.is_some() { Severity::Disease } else { Severity::Hint };
        let evidence = vec![Evidence::new(words!("{key}", "{key}"), value, normal)];
        Some(
            ABOUT
                .found(
                    severity,
                    0.8,
                    words!(
                        "`{key}` = {value} is outside the range that works",
                        "`{key}` = {value} は使える範囲の外"
                    ),
                    evidence,
                )
                .cure(
                    vec![Edit::Set { key, to: Setting::Number(to) }],
                    words!("the usual value", "通常の値"),
                ),
        )
    }
}
