//! Dropout and weight penalty at once.

use super::prelude::*;

/// Dropout and weight penalty at once.
pub(super) struct This;

const ABOUT: About = About {
    code: "D028",
    disease: "E2",
    name: ["dropout and weight penalty at once", "ドロップアウトと罰則の併用"],
    stage: Stage::Fit,
    page: Page {
        measures: [
            "Dropout and a penalty in one file, the network not trained, and neither alone to blame by the tests of their own.",
            "ドロップアウトと罰則の併用。未学習で、どちらか一方だけの責任ではないこと。",
        ],
        hurts: [
            "Both make the fit weaker; together they can be too much where each alone is fine.",
            "どちらも当てはまりを弱める。一つずつなら良くても、合わせると強すぎることがある。",
        ],
        example: "layers = [ …, { dropout = 0.3 }, … ]\n[optimizer]\nl2 = 0.01",
        cure: ["Keep one of them.", "どちらか一方にする。"],
        source: "doctor.md E1, E2",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        if r.settings.penalty() == 0.0 || r.dropouts().is_empty() || !r.not_converged() {
            return None;
        }
        let key = if matches!(r.settings.updates.penalty, kobai_engine::optim::Penalty::L1(_)) {
            "optimizer.l1"
        } else {
            "optimizer.l2"
        };
        let evidence = vec![
            Evidence::new(words!("penalty", "罰則"), r.settings.penalty(), "0"),
            Evidence::new(words!("dropout layers", "ドロップアウト層"), r.dropouts().len() as f64, "0"),
        ];
        Some(
            ABOUT
                .found(
                    Severity::Warning,
                    0.55,
                    words!(
                        "dropout and a penalty hold back a network that has not learned yet",
                        "まだ学習していないネットワークを、ドロップアウトと罰則が両方で抑えている"
                    ),
                    evidence,
                )
                .cure(vec![Edit::Remove { key }], words!("one of them at a time", "一度に一つだけ使う")),
        )
    }
}
