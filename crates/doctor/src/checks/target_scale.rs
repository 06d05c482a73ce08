//! Regression targets are not scaled.

use super::prelude::*;

/// Regression targets are not scaled.
pub(super) struct This;

const ABOUT: About = About {
    code: "D003",
    disease: "A3",
    name: ["regression targets are not scaled", "回帰の目標値がスケーリングされていない"],
    stage: Stage::Data,
    page: Page {
        measures: [
            "Mean (|mean| above 3) and spread (above 3) of the targets of a regression.",
            "回帰の目標値の平均（絶対値 3 超）と標準偏差（3 超）。",
        ],
        hurts: [
            "The squared error and its gradient grow with the square of the scale; the output layer first has to travel there.",
            "二乗誤差とその勾配はスケールの 2 乗で大きくなり、出力層はまずそこまで動かなければならない。",
        ],
        example: "[data.prepare]\ntarget_scale = 10.0",
        cure: [
            "Standardise the targets, and turn predictions back after training.",
            "目標値を標準化し、予測は後で元に戻す。",
        ],
        source: "TheDeepChecker; Karpathy, A recipe for training neural networks (2019)",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        if r.classifies() {
            return None;
        }
        let std = r.data.target_variance.sqrt();
        let beyond = (r.data.target_mean.abs() / 3.0).max(std / 3.0);
        if beyond <= 1.0 {
            return None;
        }
        let evidence = vec![
            Evidence::new(words!("mean of the targets", "目標値の平均"), r.data.target_mean, "−3 … 3"),
            Evidence::new(words!("spread of the targets", "目標値の標準偏差"), std, "≤ 3"),
        ];
        let severity = if r.points.is_empty() || r.not_converged() || r.non_finite.is_some() {
            Severity::Disease
        } else {
            Severity::Warning
        };
        Some(
            ABOUT
                .found(
                    severity,
                    belief(beyond),
                    words!(
                        "the targets are far from the scale of an untrained output",
                        "目標値が、学習前の出力の大きさからかけ離れている"
                    ),
                    evidence,
                )
                .cure(
                    vec![Edit::Set { key: "data.prepare.standardize_targets", to: Setting::Flag(true) }],
                    words!(
                        "targets of mean 0 and spread 1 suit the initial weights",
                        "平均 0・標準偏差 1 の目標値は初期値に合う"
                    ),
                ),
        )
    }
}
