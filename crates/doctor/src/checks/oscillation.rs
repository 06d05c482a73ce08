//! Training oscillates.

use super::prelude::*;

/// Training oscillates.
pub(super) struct This;

const ABOUT: About = About {
    code: "D023",
    disease: "D4",
    name: ["training oscillates", "学習の振動"],
    stage: Stage::Step,
    page: Page {
        measures: [
            "Share of evaluations of the second half at which the training accuracy fell by more than 0.03 and more than three binomial standard errors (above 20 %, at least two).",
            "後半の測定のうち、訓練正解率が 0.03 かつ二項分布の標準誤差の 3 倍を超えて下がった割合（20 % 超、2 回以上）。",
        ],
        hurts: [
            "What one step learns the next one destroys; the result depends on where one happens to stop.",
            "ある時点で学んだことを次が壊す。結果が止めた時点の偶然に左右される。",
        ],
        example: "[optimizer]\nname = \"adam\"\nlr = 0.05\n[training]\nbatch = 4",
        cure: [
            "A third of the learning rate, larger batches, or a decay of the rate.",
            "学習率を 1/3 にする、バッチを大きくする、学習率を減衰させる。",
        ],
        source: "AutoTrainer (0.03, 20 %), with the noise of the sample taken off; doctor.md D4",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        if !r.classifies() || r.points.len() < 8 || r.learned_nothing() {
            return None;
        }
        let half = &r.points[r.points.len() / 2..];
        let n = r.scored as f64;
        let fell = |pair: &[crate::record::Point]| {
            let (a, b) = (pair[0].train_accuracy, pair[1].train_accuracy);
            let p = a.max(b);
            a - b > (3.0 * (p * (1.0 - p) / n).sqrt()).max(0.03)
        };
        let falls = half.windows(2).filter(|w| fell(w)).count();
        let share = falls as f64 / (half.len() - 1) as f64;
        if falls < 2 || share <= 0.2 {
            return None;
        }
        let since = half.windows(2).find(|w| fell(w)).map_or(0, |w| w[1].step);
        let evidence = vec![
            Evidence::new(
                words!("share of evaluations that fell", "正解率が落ちた測定の割合"),
                share,
                "≤ 0.2",
            ),
            Evidence::new(
                words!("median update over weight", "更新 / 重みの中央値"),
                r.median_update_ratio().unwrap_or(0.0),
                "1e-4 – 1e-1",
            ),
        ];
        Some(
            ABOUT
                .found(
                    Severity::Warning,
                    belief(share / 0.2),
                    words!(
                        "the accuracy keeps falling back by more than chance",
                        "正解率が偶然以上の幅で繰り返し落ちる"
                    ),
                    evidence,
                )
                .since(since)
                .cure(
                    vec![Edit::Scale { key: "optimizer.lr", by: 0.3 }],
                    words!("smaller steps destroy less", "小さいステップなら壊すものも少ない"),
                ),
        )
    }
}
