//! Batch too large, too few updates.

use super::prelude::*;

/// Batch too large, too few updates.
pub(super) struct This;

const ABOUT: About = About {
    code: "D043",
    disease: "D5",
    name: ["batch too large, too few updates", "バッチが大きく更新が少ない"],
    stage: Stage::Step,
    page: Page {
        measures: [
            "Fewer than 200 updates in all, of batches above a quarter of the training examples, and the loss still falls when training ends.",
            "更新が 200 回未満で、バッチが訓練データの 1/4 を超え、終わった時点でまだ損失が下がっている。",
        ],
        hurts: [
            "Each update goes no further than a small batch's would: the same examples give fewer steps.",
            "更新 1 回で進む距離は小さいバッチと変わらず、同じデータでのステップ数が減る。",
        ],
        example: "[training]
batch = 1000
steps = 5",
        cure: [
            "Smaller batches: more updates from the same examples.",
            "バッチを小さくして、同じデータから多く更新する。",
        ],
        source: "DeepLocalize's posts; doctor.md D5",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let (batch, examples) = (r.settings.batch as f64, r.data.examples.max(1) as f64);
        let updates = r.settings.steps;
        if !r.not_converged() || updates >= 200 || batch <= 0.25 * examples || r.done < updates {
            return None;
        }
        let (start, end) = (r.start()?.train_loss, r.end()?.train_loss);
        if end.is_nan() || end >= start {
            return None;
        }
        let evidence = vec![
            Evidence::new(words!("updates", "更新回数"), updates as f64, "≥ 200"),
            Evidence::new(
                words!("batch over training examples", "バッチ / 訓練例数"),
                batch / examples,
                "≤ 0.25",
            ),
            Evidence::new(words!("last loss over the first", "最後の損失 / 最初の損失"), end / start, "→ 0"),
        ];
        let by = (batch / 32.0).max(2.0);
        let what = words!(
            "{updates} updates of {0} examples each are too few",
            "{0} 例ずつ {updates} 回の更新では足りない",
            r.settings.batch
        );
        let mut found =
            ABOUT.found(Severity::Disease, belief(200.0 / updates as f64).max(0.7), what, evidence).cure(
                vec![
                    Edit::Scale { key: "training.batch", by: 1.0 / by },
                    Edit::Scale { key: "training.steps", by },
                ],
                words!("the same examples, more updates", "同じ例で更新を増やす"),
            );
        found.cure.whole_run = true;
        Some(found)
    }
}
