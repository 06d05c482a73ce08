//! Layer that does not learn.

use super::prelude::*;

/// Layer that does not learn.
pub(super) struct This;

const ABOUT: About = About {
    code: "D036",
    disease: "B8",
    name: ["layer that does not learn", "学習しない層"],
    stage: Stage::Wiring,
    page: Page {
        measures: [
            "Layers whose weights never change although their gradient is not zero.",
            "勾配がゼロでないのに重みが一度も変わらない層。",
        ],
        hurts: [
            "A random layer stays random; what is behind it has to make do.",
            "乱数のままの層が残り、後ろの層はそれで何とかするしかない。",
        ],
        example: "[training]\nfreeze = [\"fc1.*\"]",
        cure: [
            "Take it out of `freeze`, unless that is meant.",
            "意図したものでなければ `freeze` から外す。",
        ],
        source: "DeepLocalize; DeepDiagnosis; doctor.md B8",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let first = r.looks.first()?;
        let still = |name: &str| {
            let mut of = r.looks.iter().filter_map(|l| l.layers.iter().find(|l| l.layer == name));
            // A gradient that single precision can add to a weight.
            let gradient = r.settings.frozen.iter().any(|f| f == name)
                || of.clone().any(|l| l.gradient_rms > 1e-7 * l.weight_rms.max(1e-7));
            gradient && of.all(|l| l.update_rms == 0.0)
        };
        let layers: Vec<&LayerStats> = first.layers.iter().filter(|l| still(&l.layer)).collect();
        let layer = *layers.first()?;
        let evidence = vec![
            Evidence::new(
                words!("change of `{0}` over the run", "学習を通じた `{0}` の変化", layer.layer),
                0.0,
                "> 0",
            ),
            Evidence::new(words!("RMS of its gradient", "勾配の RMS"), layer.gradient_rms, "–"),
        ];
        let severity = if r.not_converged() { Severity::Disease } else { Severity::Warning };
        Some(
            ABOUT
                .found(
                    severity,
                    0.9,
                    words!(
                        "`{0}` has a gradient and does not move",
                        "`{0}` は勾配があるのに動かない",
                        layer.layer
                    ),
                    evidence,
                )
                .at(&layer.layer)
                .cure(
                    vec![Edit::Remove { key: "training.freeze" }],
                    words!("lets every layer learn", "すべての層を学習させる"),
                ),
        )
    }
}
