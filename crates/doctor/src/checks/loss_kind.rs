//! Loss and targets do not fit.

use super::prelude::*;

/// Loss and targets do not fit.
pub(super) struct This;

const ABOUT: About = About {
    code: "D011",
    disease: "B2",
    name: ["loss and targets do not fit", "損失と目標値の種類が合わない"],
    stage: Stage::Wiring,
    page: Page {
        measures: [
            "The kind of the targets (classes or values) beside the kind that the loss takes.",
            "目標値の種類（クラスか値か）と損失が受け取る種類。",
        ],
        hurts: ["Training cannot begin.", "学習を始められない。"],
        example: "[data]\nset = \"digits\"\n[model]\nloss = \"mean-squared-error\"",
        cure: [
            "Cross-entropy for classes, mean squared error for values.",
            "クラスには交差エントロピー、値には平均二乗誤差。",
        ],
        source: "doctor.md B2",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let classes = r.data.classes() > 0;
        if classes == r.classifies() {
            return None;
        }
        let to = if classes { "cross-entropy" } else { "mean-squared-error" };
        let evidence = vec![Evidence::new(
            words!("classes of the data", "データのクラス数"),
            r.data.classes() as f64,
            if classes { "0" } else { "> 0" },
        )];
        Some(
            ABOUT
                .found(
                    Severity::Disease,
                    0.99,
                    words!(
                        "the loss `{0}` does not take these targets",
                        "損失 `{0}` はこの目標値を受け取れない",
                        r.plan.loss.name()
                    ),
                    evidence,
                )
                .cure(
                    vec![Edit::Set { key: "model.loss", to: Setting::Word(to.into()) }],
                    words!("`{to}` takes these targets", "`{to}` ならこの目標値を受け取る"),
                ),
        )
    }
}
