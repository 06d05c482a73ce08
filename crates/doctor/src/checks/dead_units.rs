//! Dead ReLU units.

use super::prelude::*;

/// Dead ReLU units.
pub(super) struct This;

const ABOUT: About = About {
    code: "D017",
    disease: "C5",
    name: ["dead ReLU units", "死んだ ReLU ユニット"],
    stage: Stage::Initial,
    page: Page {
        measures: [
            "Units that are above zero on less than 1 % of at least 256 examples, counted one by one; share of a layer (above 20 %: look, above 50 %: disease).",
            "256 例以上のうち 1 % 未満でしか正にならないユニットを一つずつ数えた、層の中の割合（20 % 超で注意、50 % 超で病気）。",
        ],
        hurts: [
            "A dead unit passes no gradient and never comes back; a dead layer cuts the network in two.",
            "死んだユニットには勾配が流れず、戻ることもない。層全体が死ぬとネットワークが分断される。",
        ],
        example: "[model]\nactivation = \"relu\"\n[optimizer]\nlr = 5.0",
        cure: [
            "Killed in training: a lower rate. Born dead: He weights, leaky ReLU, normalised inputs.",
            "学習中に死んだ場合は学習率を下げる。最初から死んでいる場合は He、leaky ReLU、入力の正規化。",
        ],
        source: "Lu et al. 2019; SageMaker Debugger (1 %, 50 %); doctor.md C5",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let worst = |look: &Look| {
            look.units
                .iter()
                .map(|u| (u.dead as f64 / u.units as f64, u.layer.clone(), u.dead, u.units))
                .max_by(|a, b| a.0.total_cmp(&b.0))
        };
        let looks: Vec<&Look> = r.looks.iter().filter(|l| !l.units.is_empty()).collect();
        let (share, layer, dead, units) = worst(looks.last()?)?;
        if share <= 0.2 {
            return None;
        }
        let severity = match (share > 0.5, r.not_converged()) {
            (true, true) => Severity::Disease,
            (false, true) => Severity::Warning,
            _ => Severity::Hint,
        };
        let of = |look: &Look| {
            look.units.iter().find(|u| u.layer == layer).map_or(0.0, |u| u.dead as f64 / u.units as f64)
        };
        let born = of(looks.first()?);
        let since = looks.iter().find(|l| of(l) > 0.5 * share).map_or(0, |l| l.step);
        let evidence = vec![
            Evidence::new(
                words!(
                    "dead units of `{layer}`: {dead} of {units}",
                    "`{layer}` の死んだユニット: {units} 中 {dead}"
                ),
                share,
                "≤ 0.2",
            ),
            Evidence::new(words!("share at the beginning", "最初の割合"), born, "≤ 0.2"),
            Evidence::new(
                words!("median update over weight", "更新 / 重みの中央値"),
                r.median_update_ratio().unwrap_or(0.0),
                "1e-4 – 1e-1",
            ),
        ];
        let killed = born < 0.5 * share;
        let cure = if killed {
            (
                Edit::Scale { key: "optimizer.lr", by: 0.1 },
                words!(
                    "they died in training: smaller steps do not throw them below zero",
                    "学習中に死んだ。小さいステップならゼロの下に飛ばされない"
                ),
            )
        } else {
            (
                Edit::Activations { to: "leaky-relu", init: "he" },
                words!(
                    "they were dead from the beginning: a small slope below zero lets them come back",
                    "最初から死んでいる。ゼロの下の小さな傾きがあれば戻れる"
                ),
            )
        };
        Some(
            ABOUT
                .found(
                    severity,
                    belief(share / 0.5).max(0.6),
                    words!(
                        "{dead} of {units} units of `{layer}` are zero for every example",
                        "`{layer}` の {units} ユニット中 {dead} がどの例でもゼロ"
                    ),
                    evidence,
                )
                .at(&layer)
                .since(since)
                .not(words!(
                    "zeros are normal for ReLU; counted are units that are zero for all examples",
                    "ReLU にゼロは普通。数えたのは全例でゼロのユニットだけ"
                ))
                .cure(vec![cure.0], cure.1),
        )
    }
}
