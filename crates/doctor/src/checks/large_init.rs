//! Initial weights too large.

use super::prelude::*;

/// Initial weights too large.
pub(super) struct This;

const ABOUT: About = About {
    code: "D014",
    disease: "C2",
    name: ["initial weights too large", "初期値が大きすぎる"],
    stage: Stage::Initial,
    page: Page {
        measures: [
            "Initial spread of the weights over He's √(2/fan-in) (above 2), spread of the first outputs (above 3), first loss over that of knowing nothing (above 2).",
            "初期値の標準偏差と He の √(2/入力数) の比（2 超）、最初の出力の標準偏差（3 超）、最初の損失と無知の損失の比（2 超）。",
        ],
        hurts: [
            "The untrained network is sure and wrong; sigmoid and tanh saturate, ReLU outputs explode, and the first updates are huge.",
            "学習前から自信を持って間違える。シグモイドや tanh は飽和し、ReLU の出力は爆発し、最初の更新が巨大になる。",
        ],
        example: "[model]\ninit = \"normal(1.0)\"",
        cure: [
            "He for the ReLU family, Xavier for sigmoid and tanh.",
            "ReLU 系は He、シグモイド・tanh は Xavier。",
        ],
        source: "TheDeepChecker; SageMaker Debugger; doctor.md C2",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let (_, largest) = super::init_ratios(r)?;
        let first = r.looks.first()?;
        let trivial = r.trivial_loss();
        let loss = r.losses.first().copied().unwrap_or(f64::NAN);
        let sure = loss.is_nan() || (trivial > 0.0 && loss > 2.0 * trivial) || first.output_std > 3.0;
        let saturated = r.mostly(|l| l.units.iter().any(|u| 2 * u.saturated > u.units)).is_some();
        if largest <= 2.0 || !(sure || saturated) || r.normalised() {
            return None;
        }
        let severity =
            if r.not_converged() || r.non_finite.is_some() { Severity::Disease } else { Severity::Warning };
        let evidence = vec![
            Evidence::new(words!("initial weights over He's", "初期値 / He の値"), largest, "0.3 – 2"),
            Evidence::new(
                words!("spread of the first outputs", "最初の出力の標準偏差"),
                first.output_std,
                "≤ 3",
            ),
            Evidence::new(
                words!("first loss over that of knowing nothing", "最初の損失 / 無知の損失"),
                loss / trivial,
                "≤ 2",
            ),
        ];
        let worst = r
            .weighted()
            .iter()
            .map(|(n, init, fans)| (super::init_ratio(*init, *fans), n.name.clone()))
            .max_by(|a, b| a.0.total_cmp(&b.0))?
            .1;
        let init = super::fitting_init(r);
        let what = words!(
            "the initial weights are {largest:.1} times as large as the network's shape allows",
            "初期値がネットワークの形に対して {largest:.1} 倍大きい"
        );
        Some(ABOUT.found(severity, belief(largest / 2.0).max(0.75), what, evidence).at(&worst).cure(
            vec![Edit::Set { key: "model.init", to: Setting::Word(init.into()) }],
            words!("weights of this spread keep the signal's size", "この標準偏差の重みは信号の大きさを保つ"),
        ))
    }
}
