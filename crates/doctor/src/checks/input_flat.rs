//! Inputs are nearly constant (scaled twice?).

use super::prelude::*;

/// Inputs are nearly constant (scaled twice?).
pub(super) struct This;

const ABOUT: About = About {
    code: "D002",
    disease: "A2",
    name: ["inputs are nearly constant (scaled twice?)", "入力がほぼ一定（二重のスケーリング？）"],
    stage: Stage::Data,
    page: Page {
        measures: [
            "Largest absolute input (below 0.05) or spread of all inputs (below 0.02).",
            "入力の絶対値の最大（0.05 未満）、または全入力の標準偏差（0.02 未満）。",
        ],
        hurts: [
            "The first layer sees almost the same for all examples, so signal and gradient are tiny.",
            "第 1 層にはどの例もほぼ同じに見え、信号も勾配も極端に小さい。",
        ],
        example: "[data.prepare]\nscale = 0.004",
        cure: ["Remove the second scaling, or standardise.", "二重のスケーリングをやめるか、標準化する。"],
        source: "TheDeepChecker (Ben Braiek & Khomh 2023); limits after doctor.md A2",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let d = &r.data;
        if d.max_abs >= 0.05 && d.std >= 0.02 {
            return None;
        }
        let beyond = (0.05 / d.max_abs).max(0.02 / d.std);
        let severity =
            if r.points.is_empty() || r.not_converged() { Severity::Disease } else { Severity::Warning };
        let evidence = vec![
            Evidence::new(words!("largest absolute input", "入力の絶対値の最大"), d.max_abs, "≥ 0.05"),
            Evidence::new(words!("spread of the inputs", "入力の標準偏差"), d.std, "≥ 0.02"),
        ];
        let what = words!(
            "the inputs hardly differ from zero: they look scaled twice",
            "入力がほとんどゼロで、二度スケーリングされたように見える"
        );
        Some(ABOUT.found(severity, belief(beyond), what, evidence).cure(
            vec![Edit::Set { key: "data.prepare.standardize", to: Setting::Flag(true) }],
            words!(
                "standardised inputs have spread 1, whatever was done before",
                "標準化すれば、前に何をしても標準偏差は 1 になる"
            ),
        ))
    }
}
