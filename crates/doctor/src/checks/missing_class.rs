//! A class has no training example.

use super::prelude::*;

/// A class has no training example.
pub(super) struct This;

const ABOUT: About = About {
    code: "D005",
    disease: "A10",
    name: ["a class has no training example", "訓練例のないクラスがある"],
    stage: Stage::Data,
    page: Page {
        measures: [
            "Training examples of each class; a class with none.",
            "クラスごとの訓練例の数。0 のクラス。",
        ],
        hurts: [
            "The network learns never to say this class; every test example of it is wrong.",
            "ネットワークはそのクラスを決して答えなくなり、そのテスト例はすべて誤りになる。",
        ],
        example: "[data.prepare]\ndrop_class = 3",
        cure: [
            "Split at random within each class; read all files.",
            "クラスごとに無作為に分割する。全ファイルを読んでいるか確かめる。",
        ],
        source: "doctor.md A10",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let counts = &r.data.class_counts;
        let missing: Vec<usize> = (0..counts.len()).filter(|c| counts[*c] == 0).collect();
        let first = *missing.first()?;
        let tested: usize = missing.iter().map(|c| r.data.test_counts.get(*c).copied().unwrap_or(0)).sum();
        let severity = if tested > 0 { Severity::Disease } else { Severity::Warning };
        let evidence = vec![
            Evidence::new(
                words!("training examples of class {first}", "クラス {first} の訓練例"),
                0.0,
                "> 0",
            ),
            Evidence::new(
                words!("test examples of classes without training", "訓練例のないクラスのテスト例"),
                tested as f64,
                "0",
            ),
        ];
        let what = words!(
            "class {first} has no training example ({0} such class(es))",
            "クラス {first} の訓練例がない（該当 {0} クラス）",
            missing.len()
        );
        Some(
            ABOUT
                .found(severity, 0.99, what, evidence)
                .because(words!("split at random within each class", "クラスごとに無作為に分割する")),
        )
    }
}
