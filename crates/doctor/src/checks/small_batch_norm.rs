//! Batch normalisation with a tiny batch.

use super::prelude::*;

/// Batch normalisation with a tiny batch.
pub(super) struct This;

const ABOUT: About = About {
    code: "D031",
    disease: "F2",
    name: ["batch normalisation with a tiny batch", "極端に小さいバッチでのバッチ正規化"],
    stage: Stage::Fit,
    page: Page {
        measures: [
            "Examples of a batch with batch normalisation (below 8).",
            "バッチ正規化があるときのバッチの例数（8 未満）。",
        ],
        hurts: [
            "Mean and spread of a few examples are mostly noise, and evaluation uses other ones than training.",
            "少数の例の平均と標準偏差はほとんど雑音で、評価時は学習時と違う値が使われる。",
        ],
        example: "layers = [ { linear = 40 }, \"batch-norm\", … ]\n[training]\nbatch = 2",
        cure: [
            "Batches of at least 16, or no batch normalisation.",
            "バッチを 16 以上にするか、バッチ正規化をやめる。",
        ],
        source: "Ioffe & Szegedy 2015; Wu & He 2018; doctor.md F2",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let node = r.layers().find(|(_, l)| matches!(l, LayerKind::BatchNorm(_)))?.0;
        let batch = r.settings.batch;
        // An image gives many values per channel.
        if batch >= 8 || node.plan.output.rank() > 1 {
            return None;
        }
        let evidence =
            vec![Evidence::new(words!("examples of a batch", "バッチの例数"), batch as f64, "≥ 8")];
        Some(
            ABOUT
                .found(
                    if r.not_converged() { Severity::Disease } else { Severity::Warning },
                    belief(8.0 / batch as f64),
                    words!(
                        "`{0}` normalises over {batch} examples",
                        "`{0}` が {batch} 例だけで正規化している",
                        node.name
                    ),
                    evidence,
                )
                .at(&node.name)
                .cure(
                    vec![Edit::Set { key: "training.batch", to: Setting::Whole(32) }],
                    words!(
                        "32 examples give a steady mean and spread",
                        "32 例あれば平均と標準偏差が安定する"
                    ),
                ),
        )
    }
}
