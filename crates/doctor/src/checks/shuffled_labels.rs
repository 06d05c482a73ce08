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
        if !r.classifies() {
            return regression(r);
        }
        let neighbours = r.tests.neighbours?;
        let n = r.data.examples.min(1000) as f64;
        let chance = r.chance();
        // Three binomial standard errors above chance.
        let limit = chance + 3.0 * (chance * (1.0 - chance) / n).sqrt();
        if !r.classifies() || neighbours > limit {
            return None;
        }
        // Where one class has most examples, neighbours have little to say.
        if r.data.classes() > 2 && chance > 0.5 {
            return None;
        }
        // That neighbours know nothing is not enough: pixels of photographs are bad
        // neighbours. Either the network learns its own examples and nothing about
        // others, or it can learn sixteen and no learning rate helps with all.
        let end = r.end()?;
        let sample = r.data.examples.clamp(1, 500) as f64;
        let own = end.train_accuracy > chance + 2.0 * (chance * (1.0 - chance) / sample).sqrt();
        let stuck = r.tests.memorise.is_some_and(|(before, after)| after < 0.1 * before)
            && r.best_rate().is_some_and(|(_, best)| best > 0.95 * r.trivial_loss())
            && r.tests.blank_inputs.is_some_and(|(real, blank)| real > 0.98 * blank);
        if !(own || stuck) {
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

/// A network that fits its own examples and is never better than the mean on
/// others has nothing to learn from the inputs.
fn regression(r: &Record) -> Option<Finding> {
    let (start, end) = (r.start()?, r.end()?);
    let trivial = r.trivial_loss();
    let least = r.points.iter().map(|p| p.test_loss).fold(f64::INFINITY, f64::min);
    let learns = end.train_loss < 0.9 * trivial && end.train_loss < 0.9 * start.train_loss;
    let memorises = r.tests.memorise.is_some_and(|(before, after)| after < 0.3 * before);
    if r.data.examples < 50 || trivial <= 0.0 || least < 0.85 * trivial || !(learns || memorises) {
        return None;
    }
    let evidence = vec![
        Evidence::new(
            words!("least test loss over the targets' variance", "テスト損失の最小 / 目標値の分散"),
            least / trivial,
            "< 0.85",
        ),
        Evidence::new(
            words!("training loss over the targets' variance", "訓練損失 / 目標値の分散"),
            end.train_loss / trivial,
            "→ 0",
        ),
    ];
    let what = words!(
        "the network learns its examples, and what it learns says nothing about others",
        "自分の例は覚えるが、それは他の例について何も語らない"
    );
    Some(
        ABOUT
            .found(Severity::Disease, belief(trivial.max(least) / end.train_loss).clamp(0.7, 0.95), what, evidence)
            .not(words!(
                "over-fitting would make the test loss fall first",
                "過学習なら、テスト損失は最初に下がる"
            ))
            .because(words!(
                "check that inputs and targets are shuffled with the same permutation",
                "入力と目標値を同じ並べ替えで混ぜているか確かめる"
            )),
    )
}
