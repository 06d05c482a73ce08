//! Test examples are among the training examples.

use super::prelude::*;

/// Test examples are among the training examples.
pub(super) struct This;

const ABOUT: About = About {
    code: "D009",
    disease: "A8",
    name: ["test examples are among the training examples", "テスト例が訓練データに混入"],
    stage: Stage::Data,
    page: Page {
        measures: [
            "Test examples that are training examples, bit for bit (above 1 %, and more than twice as frequent as duplicates within the training examples).",
            "訓練例とビットまで同じテスト例の割合（1 % 超、かつ訓練データ内の重複の 2 倍超）。",
        ],
        hurts: [
            "The test measures memory instead of generalisation; its figures are too good.",
            "テストが汎化ではなく記憶を測り、数値が良すぎるものになる。",
        ],
        example: "[data.prepare]\nleak = 0.2",
        cure: [
            "Remove duplicates before splitting, and split before augmenting.",
            "分割の前に重複を除き、水増しの前に分割する。",
        ],
        source: "UMLAUT (CHI 2021) for the symptom; test by hashes after doctor.md A8",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let (leaked, duplicates) = (
            r.data.leaked as f64 / r.data.test_examples.max(1) as f64,
            r.data.duplicates as f64 / r.data.examples.max(1) as f64,
        );
        if leaked <= 0.01 || leaked <= 2.0 * duplicates {
            return None;
        }
        let evidence = vec![
            Evidence::new(
                words!("test examples that were trained on", "訓練に使われたテスト例"),
                leaked,
                "≤ 0.01",
            ),
            Evidence::new(
                words!("duplicates among the training examples", "訓練データ内の重複"),
                duplicates,
                "≤ 0.01",
            ),
        ];
        let what = words!(
            "{0} of {1} test examples were trained on",
            "テスト {1} 例のうち {0} 例が訓練に使われている",
            r.data.leaked,
            r.data.test_examples
        );
        Some(
            ABOUT
                .found(Severity::Disease, belief(leaked / 0.01).max(0.9), what, evidence)
                .not(words!("data that repeat themselves would repeat within the training examples too", "元々重複の多いデータなら訓練データ内でも重複する"))
                .cure(
                    vec![Edit::Set { key: "data.prepare.remove_leak", to: Setting::Flag(true) }],
                    words!("training examples that are test examples are left out; test figures get worse and true", "テスト例と同じ訓練例を除く。テストの数値は下がるが正しくなる"),
                ),
        )
    }
}
