//! Saturated units.

use super::prelude::*;

/// Saturated units.
pub(super) struct This;

const ABOUT: About = About {
    code: "D018",
    disease: "C6",
    name: ["saturated units", "飽和したユニット"],
    stage: Stage::Initial,
    page: Page {
        measures: [
            "Units with |z| above 5 (sigmoid) or 2.5 (tanh) on more than 90 % of the examples; share of a layer (above 50 %) while the network is not trained.",
            "90 % を超える例で |z| が 5（シグモイド）・2.5（tanh）を超えるユニットの、層の中の割合（50 % 超、未学習のとき）。",
        ],
        hurts: [
            "The derivative there is below 0.01: the unit passes no gradient and cannot leave.",
            "そこでの導関数は 0.01 未満で、勾配が流れず、抜け出せない。",
        ],
        example: "[model]\nactivation = \"tanh\"\ninit = \"normal(1.0)\"",
        cure: [
            "Smaller initial weights (Xavier), normalised inputs, ReLU.",
            "小さい初期値（Xavier）、入力の正規化、ReLU。",
        ],
        source: "Glorot & Bengio 2010; DeepDiagnosis; TheDeepChecker; doctor.md C6",
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
                .map(|u| (u.saturated as f64 / u.units as f64, u.layer.clone()))
                .max_by(|a, b| a.0.total_cmp(&b.0))
        };
        let looks: Vec<&Look> = r.looks.iter().filter(|l| !l.units.is_empty()).collect();
        let sick = |look: &&&Look| worst(look).is_some_and(|(share, _)| share > 0.5);
        if !r.not_converged() || 2 * looks.iter().filter(sick).count() < looks.len() {
            return None;
        }
        let first = looks.iter().find(sick)?;
        let (share, layer) = worst(first)?;
        let evidence = vec![
            Evidence::new(
                words!("saturated units of `{layer}`", "`{layer}` の飽和したユニット"),
                share,
                "≤ 0.5",
            ),
            Evidence::new(
                words!("largest initial weights over He's", "初期値 / He の値の最大"),
                super::init_ratios(r).map_or(0.0, |x| x.1),
                "0.3 – 2",
            ),
            Evidence::new(words!("largest absolute input", "入力の絶対値の最大"), r.data.max_abs, "≤ 10"),
        ];
        let edit = if r.data.max_abs > 10.0 {
            Edit::Set { key: "data.prepare.standardize", to: Setting::Flag(true) }
        } else {
            Edit::Set { key: "model.init", to: Setting::Word("xavier".into()) }
        };
        Some(
            ABOUT
                .found(
                    Severity::Disease,
                    belief(share / 0.5),
                    words!(
                        "most units of `{layer}` sit where their derivative is nearly zero",
                        "`{layer}` のほとんどのユニットが、導関数がほぼゼロの所にある"
                    ),
                    evidence,
                )
                .at(&layer)
                .since(first.step)
                .not(words!(
                    "a trained network may saturate too; this one is not trained",
                    "学習済みでも飽和はありうるが、これは未学習である"
                ))
                .cure(
                    vec![edit],
                    words!(
                        "smaller sums keep the units in their slope",
                        "和が小さければユニットは傾きのある所にとどまる"
                    ),
                ),
        )
    }
}
