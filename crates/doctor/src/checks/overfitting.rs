//! Over-fitting.

use super::prelude::*;

/// Over-fitting.
pub(super) struct This;

const ABOUT: About = About {
    code: "D029",
    disease: "E3",
    name: ["over-fitting", "過学習"],
    stage: Stage::Fit,
    page: Page {
        measures: [
            "Test loss above 1.1 times its least value and rising since (Mann–Kendall, 5 %), while the training loss falls and lies below half of the test loss. A disease where the accuracy falls, or the loss rises by half and above 0.3 of what knowing nothing costs; a hint below 0.1 of it.",
            "テスト損失が最小値の 1.1 倍を超え、そこから上昇している（Mann–Kendall、5 %）一方、訓練損失は下がり続け、テスト損失の半分未満であること。正解率が下がるか、損失が 1.5 倍かつ無知の損失の 0.3 倍を超えれば病気、0.1 倍未満なら参考。",
        ],
        hurts: [
            "The network learns the training examples by heart; on new ones it gets worse.",
            "訓練例を丸暗記し、新しい例では悪くなる。",
        ],
        example: "[data]\nset = \"digits\"\ntrain_examples = 100\n[training]\nsteps = 5000",
        cure: [
            "Stop at the least test loss; then more data, a weight penalty, dropout, or fewer units.",
            "テスト損失が最小の所で止める。さらにデータを増やす、罰則、ドロップアウト、ユニットを減らす。",
        ],
        source: "SageMaker Debugger; AutoTrainer; trend test after doctor.md E3",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let points: Vec<&Point> = r.points.iter().filter(|p| p.test_loss.is_finite()).collect();
        if points.len() < 6 {
            return None;
        }
        let (at, least) = points.iter().enumerate().min_by(|a, b| a.1.test_loss.total_cmp(&b.1.test_loss))?;
        let (end, after) = (*points.last()?, &points[at..]);
        if after.len() < 5 || end.test_loss <= 1.1 * least.test_loss || end.train_loss > 0.5 * end.test_loss {
            return None;
        }
        let z = trend(&after.iter().map(|p| p.test_loss).collect::<Vec<_>>());
        let training = slope(&after.iter().map(|p| p.train_loss).collect::<Vec<_>>());
        if z <= 1.645 || training >= 0.0 {
            return None;
        }
        // A loss that rises while the accuracy does not fall is over-confidence. The
        // standard error is that of the difference of two accuracies.
        let a = least.test_accuracy;
        let error = (2.0 * a * (1.0 - a) / r.data.test_examples.max(1) as f64).sqrt();
        let falls = r.classifies() && least.test_accuracy - end.test_accuracy > 2.0 * error;
        let rise = end.test_loss / least.test_loss;
        // What is lost against knowing nothing: a tiny loss may double and harm nobody.
        let loss = end.test_loss / r.trivial_loss();
        let severity = match r.classifies() {
            false => Severity::Disease,
            true if falls || (rise > 1.5 && loss > 0.3) => Severity::Disease,
            true if rise < 1.2 || loss < 0.1 => Severity::Hint,
            true => Severity::Warning,
        };
        let evidence = vec![
            Evidence::new(words!("test loss over its least", "テスト損失 / 最小値"), rise, "≤ 1.1"),
            Evidence::new(
                words!("training loss over test loss", "訓練損失 / テスト損失"),
                end.train_loss / end.test_loss,
                "≥ 0.5",
            ),
            Evidence::new(
                words!(
                    "trend of the test loss (standard deviations)",
                    "テスト損失の傾向（標準偏差の何倍か）"
                ),
                z,
                "≤ 1.6",
            ),
        ];
        let mut found = ABOUT
            .found(
                severity,
                belief(rise / 1.1),
                words!(
                    "since step {0} the test loss rises while the training loss falls",
                    "ステップ {0} からテスト損失が上がり、訓練損失は下がり続ける",
                    least.step
                ),
                evidence,
            )
            .since(least.step)
            .not(words!(
                "too high a rate would make the training loss rise as well",
                "学習率が高すぎるなら訓練損失も上がる"
            ));
        found.cure = Prescription::new(
            vec![Edit::Set { key: "training.steps", to: Setting::Whole(least.step.max(1)) }],
            words!(
                "stop where the test loss is least; more data or a penalty may then lower it further",
                "テスト損失が最小の所で止める。データ追加や罰則でさらに下がることもある"
            ),
        )
        .over_the_whole_run();
        Some(found)
    }
}
