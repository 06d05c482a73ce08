//! Inputs are not normalised.

use super::prelude::*;

/// Inputs are not normalised.
pub(super) struct This;

const ABOUT: About = About {
    code: "D001",
    disease: "A1",
    name: ["inputs are not normalised", "入力が正規化されていない"],
    stage: Stage::Data,
    page: Page {
        measures: [
            "Largest absolute input (above 10), largest mean over spread of a feature (above 3), ratio of the features' spreads (above 100). Features that are mostly zero are left out.",
            "入力の絶対値の最大（10 超）、特徴ごとの平均と標準偏差の比（3 超）、特徴どうしの標準偏差の比（100 超）。ほとんどゼロの特徴は除く。",
        ],
        hurts: [
            "One learning rate cannot suit directions of very different curvature: activations saturate or die, or training diverges.",
            "曲率が大きく違う方向に一つの学習率は合わない。活性が飽和したり死んだり、学習が発散したりする。",
        ],
        example: "[data.prepare]\nscale = 255.0",
        cure: [
            "Standardise each feature on the training examples; divide pixels by 255.",
            "訓練データで特徴ごとに標準化する。画素なら 255 で割る。",
        ],
        source: "LeCun et al. 1998, Efficient BackProp; UMLAUT; limits after doctor.md A1",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let first_is_norm =
            r.layers().next().is_some_and(|(_, l)| matches!(l, kobai_engine::layer::LayerKind::BatchNorm(_)));
        let d = &r.data;
        let beyond = (d.max_abs / 10.0).max(d.offset / 3.0).max(d.std_ratio / 100.0);
        if beyond <= 1.0 || first_is_norm {
            return None;
        }
        let severity = if r.not_converged() || r.non_finite.is_some() {
            Severity::Disease
        } else if d.max_abs > 10.0 {
            Severity::Warning
        } else {
            Severity::Hint
        };
        let evidence = vec![
            Evidence::new(words!("largest absolute input", "入力の絶対値の最大"), d.max_abs, "≤ 10"),
            Evidence::new(
                words!("largest |mean|/spread of a feature", "特徴の|平均|/標準偏差の最大"),
                d.offset,
                "≤ 3",
            ),
            Evidence::new(
                words!("ratio of the features' spreads", "特徴の標準偏差の比"),
                d.std_ratio,
                "≤ 100",
            ),
        ];
        let what = words!(
            "the inputs are not on the scale that initial weights and learning rates assume",
            "入力の大きさが、初期値や学習率の前提と合っていない"
        );
        Some(
            ABOUT
                .found(severity, belief(beyond), what, evidence)
                .not(words!(
                    "batch normalisation on the inputs would take care of it: there is none in front",
                    "入力側にバッチ正規化があれば問題ないが、先頭にない"
                ))
                .cure(
                    vec![Edit::Set { key: "data.prepare.standardize", to: Setting::Flag(true) }],
                    words!(
                        "each feature gets mean 0 and spread 1, measured on the training examples",
                        "訓練データで測り、各特徴を平均 0・標準偏差 1 にする"
                    ),
                ),
        )
    }
}
