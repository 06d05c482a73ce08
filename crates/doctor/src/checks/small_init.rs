//! Initial weights too small.

use super::prelude::*;

/// Initial weights too small.
pub(super) struct This;

const ABOUT: About = About {
    code: "D013",
    disease: "C2",
    name: ["initial weights too small", "初期値が小さすぎる"],
    stage: Stage::Initial,
    page: Page {
        measures: [
            "Initial spread of the weights over He's √(2/fan-in) (below 0.3), and decades by which the signal that tells examples apart shrinks from layer to layer at the first step (above 0.3).",
            "初期値の標準偏差と He の √(2/入力数) の比（0.3 未満）、最初のステップで例どうしの違いが 1 層ごとに縮む桁数（0.3 超）。",
        ],
        hurts: [
            "Every layer multiplies the differences between examples by the same small factor, forward and backward.",
            "例どうしの違いに、順方向でも逆方向でも、各層が小さな係数をかける。",
        ],
        example: "[model]\ninit = \"normal(0.01)\"",
        cure: [
            "He for the ReLU family, Xavier for sigmoid and tanh.",
            "ReLU 系は He、シグモイド・tanh は Xavier。",
        ],
        source: "Glorot & Bengio 2010; He et al. 2015; doctor.md C2",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let (least, _) = super::init_ratios(r)?;
        let first = r.looks.first()?;
        let (a, b) = (first.layers.first()?.signal, first.layers.last()?.signal);
        let gaps = first.layers.len().saturating_sub(1);
        // Batch normalisation sets the scale anew in each layer.
        if gaps == 0 || r.normalised() || least == 0.0 || least >= 0.3 || !r.not_converged() {
            return None;
        }
        let fall = (a / b).log10() / gaps as f64;
        if fall.is_nan() || fall <= 0.3 {
            return None;
        }
        let severity = if gaps > 2 || r.learned_nothing() { Severity::Disease } else { Severity::Warning };
        let evidence = vec![
            Evidence::new(words!("initial weights over He's", "初期値 / He の値"), least, "0.3 – 2"),
            Evidence::new(
                words!("decades by which the signal shrinks per layer", "1 層ごとに信号が縮む桁数"),
                fall,
                "≤ 0.3",
            ),
            Evidence::new(words!("signal at the output", "出力での信号"), b, "≈ 0.1 – 3"),
        ];
        let init = super::fitting_init(r);
        let what = words!(
            "the signal shrinks from layer to layer because the initial weights are too small",
            "初期値が小さすぎて、層ごとに信号が縮む"
        );
        Some(
            ABOUT
                .found(severity, belief(fall / 0.3) * 0.95, what, evidence)
                .at(&first.layers.first()?.layer)
                .cure(
                    vec![Edit::Set { key: "model.init", to: Setting::Word(init.into()) }],
                    words!(
                        "weights of this spread keep the signal's size",
                        "この標準偏差の重みは信号の大きさを保つ"
                    ),
                ),
        )
    }
}
