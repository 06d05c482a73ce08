//! Learning rate too high.

use super::prelude::*;

/// Learning rate too high.
pub(super) struct This;

const ABOUT: About = About {
    code: "D021",
    disease: "D1",
    name: ["learning rate too high", "学習率が高すぎる"],
    stage: Stage::Step,
    page: Page {
        measures: [
            "Update over weight (median above 0.1), share of the first 100 steps with a loss above the first (above 20 %), non-finite values; confirmed by short runs at 0.01 to 100 times the rate: a lower one ends lower. Without short runs: a sane first loss that rises tenfold and then is no number.",
            "更新 / 重みの中央値（0.1 超）、最初の 100 ステップで最初の損失を上回る割合（20 % 超）、非有限値。学習率を 0.01〜100 倍にした短い学習で、低い方が低く終わることで確かめる。短い学習がなければ、まともな最初の損失が 10 倍を超えて上がり、数でなくなること。",
        ],
        hurts: [
            "The steps jump over the valley: the loss rises, oscillates or becomes infinite.",
            "谷を飛び越え、損失が上がる・振動する・無限大になる。",
        ],
        example: "[optimizer]\nname = \"sgd\"\nlr = 10.0",
        cure: ["The rate whose short run ended lowest.", "短い学習が最も低く終わった学習率。"],
        source: "DeepDiagnosis, TheDeepChecker (0.1); Smith 2017 (range test); doctor.md D1",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let u = r.median_update_ratio().unwrap_or(0.0);
        let first = r.losses.first().copied().unwrap_or(f64::NAN);
        let early = &r.losses[..r.losses.len().min(100)];
        let above =
            early.iter().filter(|l| **l > first || l.is_nan()).count() as f64 / early.len().max(1) as f64;
        let trivial = r.trivial_loss();
        let end = r.end()?;
        let worse = r.done > 0 && (!end.train_loss.is_finite() || end.train_loss > 1.2 * trivial);
        if !(r.not_converged() || r.non_finite.is_some()) {
            return None;
        }
        if r.tests.rates.is_empty() {
            return thrown_away(r, u);
        }
        let now = r.loss_at_rate(1.0)?;
        let (factor, best) = r.best_rate()?;
        if factor >= 1.0 || (now.is_finite() && best > 0.8 * now) {
            return None;
        }
        // The signs of a step that is too large; without any, the scan has to be clear.
        let signs = u > 0.1 || above > 0.2 || worse || r.non_finite.is_some();
        if !signs && best > 0.6 * now {
            return None;
        }
        let evidence = vec![
            Evidence::new(words!("median update over weight", "更新 / 重みの中央値"), u, "1e-4 – 1e-1"),
            Evidence::new(
                words!(
                    "share of the first 100 steps above the first loss",
                    "最初の損失を上回る割合（最初の 100 ステップ）"
                ),
                above,
                "≤ 0.2",
            ),
            Evidence::new(
                words!("loss of a short run at this rate", "この学習率での短い学習の損失"),
                now,
                format!("{best:.3} (×{factor})"),
            ),
        ];
        let lr = r.settings.lr();
        Some(
            ABOUT
                .found(
                    Severity::Disease,
                    belief((u / 0.1).max(above / 0.2).max(if worse { 2.0 } else { 1.0 }))
                        .max(if now.is_finite() { 0.7 } else { 0.95 }),
                    words!(
                        "the rate {lr} is too high: at {factor} of it a short run ends lower",
                        "学習率 {lr} は高すぎる。{factor} 倍なら短い学習が低く終わる"
                    ),
                    evidence,
                )
                .since(0)
                .not(words!(
                    "the noise of batches alone would not make a lower rate end lower",
                    "バッチの雑音だけなら、低い学習率で低く終わることはない"
                ))
                .cure(
                    vec![Edit::Scale { key: "optimizer.lr", by: factor }],
                    words!("the rate whose short run ended lowest", "短い学習が最も低く終わった学習率"),
                ),
        )
    }
}

/// Without a scan only one course of the loss is certain: from a sane start up and up, and
/// out of the numbers.
fn thrown_away(r: &Record, update: f64) -> Option<Finding> {
    let (bad, first) = (r.non_finite.as_ref()?, *r.losses.first()?);
    let highest = r.losses.iter().copied().filter(|l| l.is_finite()).fold(first, f64::max);
    let sane = first.is_finite() && first < 3.0 * r.trivial_loss();
    if !sane || highest < 10.0 * first {
        return None;
    }
    let lr = r.settings.lr();
    let evidence = vec![
        Evidence::new(words!("loss of the first step", "最初のステップの損失"), first, format!("≤ {:.3}", 3.0 * r.trivial_loss())),
        Evidence::new(words!("highest loss over the first", "最大の損失 / 最初の損失"), highest / first, "≤ 10"),
        Evidence::new(words!("median update over weight", "更新 / 重みの中央値"), update, "1e-4 – 1e-1"),
    ];
    let what = words!(
        "with the rate {lr} the loss rises from step to step until it is no number (step {0})",
        "学習率 {lr} では損失がステップごとに上がり、数でなくなる（ステップ {0}）",
        bad.step
    );
    let found = ABOUT
        .found(Severity::Disease, belief(2.0).max(0.85), what, evidence)
        .since(0)
        .not(words!(
            "initial weights that are too large would show in the first loss",
            "初期値が大きすぎるなら、最初の損失に現れる"
        ))
        .cure(
            vec![Edit::Scale { key: "optimizer.lr", by: 0.1 }],
            words!("a tenth, until a scan tells the best", "まず 10 分の 1。最良の値は走査で分かる"),
        );
    Some(found)
}
