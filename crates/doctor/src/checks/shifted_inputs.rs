//! Training inputs unlike the test inputs: noise or augmentation too strong.

use super::prelude::*;

/// Training inputs unlike the test inputs: noise or augmentation too strong.
pub(super) struct This;

const ABOUT: About = About {
    code: "D042",
    disease: "A9",
    name: ["training inputs unlike the test inputs", "訓練入力がテスト入力と違う"],
    stage: Stage::Data,
    page: Page {
        measures: [
            "Standard deviation of the training inputs over that of the test inputs (normal 0.8 – 1.25) and the shift of their mean in standard deviations (normal below 0.25); a finding only if the training suffers: training accuracy below that of the nearest neighbours on clean data cannot be known, so it asks that the network is not right about its own examples or that the test figures are better than the training figures.",
            "訓練入力とテスト入力の標準偏差の比（正常 0.8〜1.25）と平均のずれ（標準偏差の 0.25 未満）。自分の訓練例を学べていないか、テストの方が良いときだけ報告する。",
        ],
        hurts: [
            "Noise or augmentation that is stronger than anything in the test data hides what is to be learned.",
            "テストにない強さの雑音や拡張は、学ぶべきものを隠す。",
        ],
        example: "[data.prepare]
noise = 1.0",
        cure: [
            "Halve the strength, or take it off.",
            "強さを半分にするか、外す。",
        ],
        source: "TheDeepChecker (activations under augmentation); DeepCrime (input noise); doctor.md A9",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let d = &r.data;
        if d.test_std.is_nan() || d.test_std <= 0.0 || d.std <= 0.0 {
            return None;
        }
        let ratio = d.std / d.test_std;
        let shift = (d.mean - d.test_mean).abs() / d.test_std;
        let beyond = (ratio.max(1.0 / ratio) / 1.25).max(shift / 0.25);
        if beyond <= 1.0 {
            return None;
        }
        let evidence = vec![
            Evidence::new(
                words!("spread of the training inputs over the test inputs'", "訓練 / テスト入力の標準偏差"),
                ratio,
                "0.8 – 1.25",
            ),
            Evidence::new(
                words!("distance of their means in standard deviations", "平均のずれ（標準偏差）"),
                shift,
                "≤ 0.25",
            ),
        ];
        let hurt = r.end().is_none_or(|e| {
            r.not_converged() || e.test_accuracy > e.train_accuracy + 0.02 || e.test_loss > 2.0 * e.train_loss
        });
        let what = words!(
            "the training inputs are {ratio:.2} times as spread as the test inputs",
            "訓練入力の標準偏差がテスト入力の {ratio:.2} 倍"
        );
        let mut found = ABOUT
            .found(if hurt { Severity::Disease } else { Severity::Warning }, belief(beyond).max(0.8), what, evidence)
            .not(words!(
                "a wrong scale would change both parts alike",
                "スケールの誤りなら訓練もテストも同じように変わる"
            ))
            .cure(
                vec![
                    Edit::Remove { key: "data.prepare.noise" },
                    Edit::Remove { key: "data.prepare.erase" },
                ],
                words!("shows the network what it will be asked", "テストと同じような入力で学ばせる"),
            );
        found.cure.whole_run = true;
        Some(found)
    }
}
