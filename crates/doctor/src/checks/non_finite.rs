//! Infinite or not a number.

use super::prelude::*;

/// Infinite or not a number.
pub(super) struct This;

const ABOUT: About = About {
    code: "D020",
    disease: "C8",
    name: ["infinite or not a number", "無限大・非数"],
    stage: Stage::Symptom,
    page: Page {
        measures: [
            "The first value that is infinite or not a number: step, layer, and whether forward, backward or update.",
            "最初に無限大または非数になった値: ステップ、層、順伝播・逆伝播・更新のどこか。",
        ],
        hurts: [
            "From then on every weight is spoiled; nothing after it means anything.",
            "以後すべての重みが壊れ、結果に意味がなくなる。",
        ],
        example: "[optimizer]\nlr = 1000.0",
        cure: [
            "A lower learning rate, normalised inputs, initial weights that fit, a bound on the gradient.",
            "学習率を下げる、入力を正規化する、合った初期値にする、勾配に上限をつける。",
        ],
        source: "doctor.md C8",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let bad = r.non_finite.as_ref()?;
        let before = r.losses.iter().rev().find(|l| l.is_finite()).copied().unwrap_or(f64::NAN);
        let steps = r
            .looks
            .iter()
            .flat_map(|l| l.layers.iter().map(|l| l.update_ratio()))
            .filter(|u| u.is_finite())
            .fold(0.0, f64::max);
        let evidence = vec![
            Evidence::new(
                words!("step of the first bad value", "最初の異常値のステップ"),
                bad.step as f64,
                "–",
            ),
            Evidence::new(words!("last finite loss", "最後の有限な損失"), before, "→ 0"),
            Evidence::new(
                words!("largest update over weight before", "それまでの更新 / 重みの最大"),
                steps,
                "≤ 0.1",
            ),
        ];
        let phase = bad.phase.as_ref();
        let ja = match phase {
            "forward" => "順伝播",
            "backward" => "逆伝播",
            "update" => "更新",
            _ => "損失",
        };
        Some(
            ABOUT
                .found(
                    Severity::Disease,
                    0.99,
                    words!(
                        "`{0}` is the first to be infinite or not a number, at step {1} ({phase})",
                        "ステップ {1} の{ja}で `{0}` が最初に無限大または非数になる",
                        bad.layer,
                        bad.step
                    ),
                    evidence,
                )
                .at(&bad.layer)
                .since(bad.step)
                .cure(
                    vec![Edit::Scale { key: "optimizer.lr", by: 0.1 }],
                    words!("smaller steps keep the weights finite", "小さいステップなら重みは有限にとどまる"),
                ),
        )
    }
}
