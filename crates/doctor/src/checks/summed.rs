//! Sum of the batch instead of its mean.

use super::prelude::*;

/// Sum of the batch instead of its mean.
pub(super) struct This;

const ABOUT: About = About {
    code: "D040",
    disease: "B5",
    name: ["sum of the batch instead of its mean", "バッチの平均でなく和"],
    stage: Stage::Wiring,
    page: Page {
        measures: [
            "The gradient of a batch that holds every example twice over that of the batch: 1 for a mean, 2 for a sum (alarm from 1.8 to 2.2); or `reduction = \"sum\"` in the file.",
            "同じ例を 2 回ずつ並べたバッチの勾配の比。平均なら 1、和なら 2（1.8〜2.2 で警告）。またはファイルの `reduction = \"sum\"`。",
        ],
        hurts: [
            "The step grows with the batch: a rate that suits one batch size is too high by a factor of the batch.",
            "ステップがバッチの大きさに比例して大きくなり、学習率が実質バッチ倍になる。",
        ],
        example: "[model]
reduction = \"sum\"",
        cure: [
            "Take the mean, or divide the rate by the batch.",
            "平均にするか、学習率をバッチの大きさで割る。",
        ],
        source: "TheDeepChecker (loss must not grow with the batch); doctor.md B5",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let law = r.tests.batch_law;
        let summed = r.plan.reduction == kobai_engine::Reduction::Sum;
        if !summed && !law.is_some_and(|law| (1.8..=2.2).contains(&law)) {
            return None;
        }
        let mut evidence =
            vec![Evidence::new(words!("examples of a batch", "バッチの例数"), r.settings.batch as f64, "–")];
        if let Some(law) = law {
            evidence.push(Evidence::new(
                words!("gradient of every example twice over once", "2 回ずつと 1 回ずつの勾配の比"),
                law,
                "1",
            ));
        }
        let severity =
            if r.not_converged() || r.non_finite.is_some() { Severity::Disease } else { Severity::Warning };
        Some(
            ABOUT
                .found(
                    severity,
                    0.97,
                    words!(
                        "gradients are summed over {0} examples, not averaged",
                        "勾配が {0} 例の平均でなく和になっている",
                        r.settings.batch
                    ),
                    evidence,
                )
                .cure(
                    vec![Edit::Set { key: "model.reduction", to: Setting::Word("mean".into()) }],
                    words!("steps then do not depend on the batch", "ステップの大きさがバッチによらなくなる"),
                ),
        )
    }
}
