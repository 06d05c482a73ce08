//! Loss and targets do not fit.

use super::prelude::*;
use kobai_engine::Loss;

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
        let loss = r.plan.loss;
        let labels = !classes && loss.needs_classes();
        let [low, high] = r.data.target_range;
        let outside = !classes
            && matches!(loss, Loss::BinaryCrossEntropy | Loss::BinaryCrossEntropyOfProbabilities)
            && (low < -0.01 || high > 1.01);
        let values = classes && matches!(loss, Loss::MeanSquaredError | Loss::MeanAbsoluteError);
        if !(labels || outside || values) {
            return None;
        }
        let one = r.plan.output_shape().len() == 1;
        let to = match (classes, one) {
            (true, true) => "binary-cross-entropy",
            (true, false) => "cross-entropy",
            _ => "mean-squared-error",
        };
        // Squared errors of class scores learn, only slower.
        let learned = r.end().is_none_or(|e| e.train_accuracy >= 0.9);
        let mild = values && loss == Loss::MeanSquaredError && learned;
        let severity = match (r.points.is_empty() || r.not_converged() || r.non_finite.is_some(), mild) {
            (true, _) => Severity::Disease,
            (_, true) => Severity::Hint,
            _ => Severity::Warning,
        };
        let mut edits = vec![Edit::Set { key: "model.loss", to: Setting::Word(to.into()) }];
        if let Some((head, _)) = r.head_layer() {
            edits.insert(0, Edit::RemoveLayer { layer: head.name.clone() });
        }
        let evidence = vec![Evidence::new(
            words!("classes of the data", "データのクラス数"),
            r.data.classes() as f64,
            if classes { "0" } else { "> 0" },
        )];
        Some(
            ABOUT
                .found(
                    severity,
                    if values { 0.8 } else { 0.99 },
                    words!(
                        "the loss `{0}` does not take these targets",
                        "損失 `{0}` はこの目標値を受け取れない",
                        r.plan.loss.name()
                    ),
                    evidence,
                )
                .cure(
                    edits,
                    words!("`{to}` takes these targets", "`{to}` ならこの目標値を受け取る"),
                ),
        )
    }
}
