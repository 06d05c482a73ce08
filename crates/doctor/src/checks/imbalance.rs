//! Classes are unbalanced.

use super::prelude::*;

/// Classes are unbalanced.
pub(super) struct This;

const ABOUT: About = About {
    code: "D006",
    disease: "A5",
    name: ["classes are unbalanced", "クラスの偏り"],
    stage: Stage::Data,
    page: Page {
        measures: [
            "Entropy of the labels over its maximum (below 0.8), and e to the entropy over the number of classes (below 0.5).",
            "ラベルのエントロピーと最大値の比（0.8 未満）、エントロピーの指数とクラス数の比（0.5 未満）。",
        ],
        hurts: [
            "Saying the frequent class is nearly right already; rare classes are learned late or never, and accuracy hides it.",
            "多いクラスを答えるだけでほぼ正解になり、少ないクラスは学習が遅れるか学習されない。正解率ではそれが見えない。",
        ],
        example: "[data.prepare]\nkeep_of_classes = [1.0, 0.05, 0.05]",
        cure: [
            "Repeat rare classes (balanced sampling) or weight the loss; report recall by class.",
            "少ないクラスを繰り返す（均衡サンプリング）か、損失に重みをつける。クラスごとの再現率を見る。",
        ],
        source: "TheDeepChecker (perplexity ratio 0.5); doctor.md A5",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let classes = r.data.class_counts.iter().filter(|c| **c > 0).count();
        if !r.classifies() || classes < 2 {
            return None;
        }
        let entropy = r.data.label_entropy();
        let (ratio, perplexity) = (entropy / (classes as f64).ln(), entropy.exp() / classes as f64);
        if ratio >= 0.8 && perplexity >= 0.5 {
            return None;
        }
        let evidence = vec![
            Evidence::new(
                words!("label entropy over its maximum", "ラベルのエントロピー / 最大値"),
                ratio,
                "≥ 0.8",
            ),
            Evidence::new(
                words!("share of the most frequent class", "最多クラスの割合"),
                r.data.largest_share(),
                "≈ 1/K",
            ),
        ];
        let what =
            words!("some classes have far fewer examples than others", "一部のクラスの例が極端に少ない");
        Some(
            ABOUT
                .found(Severity::Warning, belief((0.8 / ratio).max(0.5 / perplexity).powi(2)), what, evidence)
                .cure(
                    vec![Edit::Set { key: "data.prepare.balance", to: Setting::Flag(true) }],
                    words!(
                        "rare classes are repeated until all are as frequent",
                        "すべてのクラスが同じ数になるまで少ないクラスを繰り返す"
                    ),
                ),
        )
    }
}
