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
            "Root of the inputs' mean square (above 3); while the network is not trained also |mean| over spread of all inputs (above 5). One feature far from zero, one that is far wider than others, or a few large values are a hint.",
            "入力の二乗平均平方根（3 超）。未学習の間は全入力の|平均|と標準偏差の比（5 超）も。ゼロから遠い特徴、極端に広い特徴、少数の大きな値だけなら参考にとどめる。",
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
        // The sums of the first layer grow with the root of the inputs' mean square. A few
        // large values (rare pixels after standardisation) and a shift of features that stay
        // small do no harm, so neither alone is more than a hint.
        let rms = (d.mean * d.mean + d.std * d.std).sqrt();
        let flat = if d.std > 0.0 { d.mean.abs() / d.std } else { 0.0 };
        let large = rms / 3.0;
        let shifted = flat / 5.0;
        let suffers = r.not_converged() || r.non_finite.is_some();
        let odd = (d.max_abs / 100.0).max(d.offset / 10.0).max(d.std_ratio / 1000.0);
        if (large <= 1.0 && (shifted <= 1.0 || !suffers) && odd <= 1.0) || first_is_norm {
            return None;
        }
        let beyond = if large > 1.0 || shifted > 1.0 { large.max(shifted) } else { odd };
        let severity = match (large > 1.0, suffers) {
            (_, true) if large > 1.0 || shifted > 1.0 => Severity::Disease,
            (true, _) => Severity::Warning,
            _ => Severity::Hint,
        };
        let evidence = vec![
            Evidence::new(words!("root of the inputs' mean square", "入力の二乗平均平方根"), rms, "≤ 3"),
            Evidence::new(words!("largest absolute input", "入力の絶対値の最大"), d.max_abs, "≤ 100"),
            Evidence::new(words!("|mean| over spread of all inputs", "全入力の|平均| / 標準偏差"), flat, "≤ 5"),
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
