//! Learning rate too low.

use super::prelude::*;

/// Learning rate too low.
pub(super) struct This;

const ABOUT: About = About {
    code: "D022",
    disease: "D2",
    name: ["learning rate too low", "学習率が低すぎる"],
    stage: Stage::Step,
    page: Page {
        measures: [
            "Update over weight (median below 0.001), the network not trained at the end; confirmed by short runs: ten times the rate drops the loss more than twice as much.",
            "更新 / 重みの中央値（0.001 未満）と、終わりでも未学習であること。短い学習で、10 倍にすると損失の下がり幅が 2 倍を超えることで確かめる。",
        ],
        hurts: [
            "The weights hardly leave their initial values within the budget.",
            "限られたステップ数では重みが初期値からほとんど動かない。",
        ],
        example: "[optimizer]\nname = \"sgd\"\nlr = 0.0001",
        cure: [
            "The rate whose short run ended lowest, or Adam at 0.001.",
            "短い学習が最も低く終わった学習率、または Adam の 0.001。",
        ],
        source: "TheDeepChecker (1e-4), DeepDiagnosis (1e-5); doctor.md D2",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let u = r.median_update_ratio()?;
        if !r.not_converged() || u >= 1e-2 {
            return None;
        }
        let start = r.start()?.train_loss;
        let now = r.loss_at_rate(1.0)?;
        let (mut factor, best) = r.best_rate()?;
        let (drop_now, drop_best) = (start - now, start - best);
        let scan = factor > 1.0 && drop_best > 2.0 * drop_now.max(0.0) && drop_best > 0.05 * start;
        // All updates together move the weights by less than a third, however they add up.
        // A network that too large a step has thrown away does not move either: there a
        // lower rate does better.
        let still = u > 0.0 && u < 1e-4 && u * (r.done as f64) < 0.3 && factor >= 1.0;
        if !(scan || still) {
            return None;
        }
        if !scan {
            factor = 10f64.powf((1e-3 / u).log10().round().clamp(1.0, 4.0));
        }
        let evidence = vec![
            Evidence::new(words!("median update over weight", "更新 / 重みの中央値"), u, "1e-4 – 1e-1"),
            Evidence::new(
                words!("loss of a short run at this rate", "この学習率での短い学習の損失"),
                now,
                format!("{best:.3} (×{factor})"),
            ),
            Evidence::new(
                words!(
                    "drop of the loss at the best rate over that at this one",
                    "最良の学習率での損失の下がり幅 / 今の下がり幅"
                ),
                drop_best / drop_now.abs().max(1e-9),
                "≤ 2",
            ),
        ];
        let lr = r.settings.lr();
        Some(
            ABOUT
                .found(
                    Severity::Disease,
                    belief(1e-3 / u.max(1e-12)),
                    words!(
                        "the rate {lr} is too low: at {factor} times it a short run ends lower",
                        "学習率 {lr} は低すぎる。{factor} 倍なら短い学習が低く終わる"
                    ),
                    evidence,
                )
                .since(0)
                .not(words!(
                    "a trained network moves little too; this one is not trained",
                    "学習済みでも動きは小さいが、これは未学習である"
                ))
                .cure(
                    vec![Edit::Scale { key: "optimizer.lr", by: factor }],
                    words!("the rate whose short run ended lowest", "短い学習が最も低く終わった学習率"),
                ),
        )
    }
}
