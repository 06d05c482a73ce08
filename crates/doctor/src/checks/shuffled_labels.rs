//! Labels are unrelated to the inputs.

use super::prelude::*;

/// Labels are unrelated to the inputs.
pub(super) struct This;

const ABOUT: About = About {
    code: "D007",
    disease: "A6",
    name: ["labels are unrelated to the inputs", "ラベルが入力と無関係"],
    stage: Stage::Data,
    page: Page {
        measures: [
            "Share of training examples that their ten nearest neighbours classify (at chance), test accuracy (at chance), loss on sixteen examples after training on them alone (falls).",
            "10 近傍で当たる訓練例の割合（偶然と同じ）、テスト正解率（偶然と同じ）、16 例だけで学習した後の損失（下がる）。",
        ],
        hurts: [
            "There is nothing to learn but the examples themselves: training accuracy may rise, test accuracy cannot.",
            "例そのもの以外に学ぶものがない。訓練の正解率は上がっても、テストの正解率は上がらない。",
        ],
        example: "[data.prepare]\nshuffle_labels = true",
        cure: [
            "Look at twenty pairs; shuffle inputs and labels with one and the same permutation.",
            "20 組を目で確かめる。入力とラベルは同じ並べ替えで混ぜる。",
        ],
        source: "Zhang et al. 2017; TheDeepChecker (corrupted labels); doctor.md A6",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let neighbours = r.tests.neighbours?;
        let n = r.data.examples.min(1000) as f64;
        let chance = r.chance();
        // Three binomial standard errors above chance.
        let limit = chance + 3.0 * (chance * (1.0 - chance) / n).sqrt();
        if !r.classifies() || neighbours > limit {
            return None;
        }
        let test = r.end().map_or(chance, |p| p.test_accuracy);
        let error = (chance * (1.0 - chance) / r.data.test_examples.max(1) as f64).sqrt();
        if test > chance + 4.0 * error {
            return None;
        }
        let mut evidence = vec![
            Evidence::new(
                words!("accuracy of ten nearest neighbours", "10 近傍の正解率"),
                neighbours,
                format!("> {limit:.3}"),
            ),
            Evidence::new(
                words!("test accuracy", "テスト正解率"),
                test,
                format!("> {:.3}", chance + 4.0 * error),
            ),
        ];
        let mut p = 0.85;
        if let Some((before, after)) = r.tests.memorise {
            evidence.push(Evidence::new(
                words!(
                    "loss on 16 memorised examples, relative to the start",
                    "16 例を覚えた後の損失（最初との比）"
                ),
                after / before,
                "< 0.1",
            ));
            p = if after < 0.1 * before { 0.97 } else { 0.7 };
        }
        let what = words!(
            "neither neighbours nor the network can tell the labels from the inputs",
            "近傍からもネットワークからも、入力からラベルが分からない"
        );
        Some(
            ABOUT
                .found(Severity::Disease, p, what, evidence)
                .not(words!(
                    "a network that cannot learn would not make the neighbours fail as well",
                    "ネットワークの不調なら、近傍法まで失敗しない"
                ))
                .because(words!(
                    "check that inputs and labels are shuffled with the same permutation",
                    "入力とラベルを同じ並べ替えで混ぜているか確かめる"
                )),
        )
    }
}
