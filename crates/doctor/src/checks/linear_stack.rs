//! Linear layers without an activation between.

use super::prelude::*;

/// Linear layers without an activation between.
pub(super) struct This;

const ABOUT: About = About {
    code: "D019",
    disease: "C7",
    name: ["linear layers without an activation between", "間に活性化のない線形層"],
    stage: Stage::Wiring,
    page: Page {
        measures: [
            "Linear layers that follow each other with no activation between (read from the file).",
            "活性化をはさまずに続く線形層（ファイルから読む）。",
        ],
        hurts: [
            "Two linear maps after each other are one: the extra layer adds weights but nothing that it could learn.",
            "線形写像を二つ続けても一つの線形写像でしかない。重みだけ増え、表せるものは増えない。",
        ],
        example: "layers = [ { linear = 40 }, { linear = \"outputs\" } ]",
        cure: ["Put an activation between, or remove one of them.", "間に活性化を入れるか、片方を除く。"],
        source: "NeuraLint; UMLAUT; doctor.md C7",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let mut before: Option<&NodePlan> = None;
        let mut pairs = Vec::new();
        for (node, layer) in r.layers() {
            match layer {
                LayerKind::Linear(_) => {
                    if let Some(before) = before {
                        pairs.push((before, node));
                    }
                    before = Some(node);
                }
                LayerKind::BatchNorm(_) | LayerKind::Dropout(_) | LayerKind::Flatten(_) => {}
                _ => before = None,
            }
        }
        let (a, b) = *pairs.first()?;
        let evidence = vec![Evidence::new(
            words!("pairs of linear layers with nothing between", "間に何もない線形層の組"),
            pairs.len() as f64,
            "0",
        )];
        let severity = if r.not_converged() { Severity::Disease } else { Severity::Warning };
        Some(
            ABOUT
                .found(
                    severity,
                    0.9,
                    words!(
                        "`{0}` and `{1}` together are one linear map",
                        "`{0}` と `{1}` は合わせて一つの線形写像",
                        a.name,
                        b.name
                    ),
                    evidence,
                )
                .at(&a.name)
                .cure(
                    vec![Edit::Separate { with: "relu" }],
                    words!(
                        "an activation between makes the second layer count",
                        "間に活性化があれば 2 番目の層が意味を持つ"
                    ),
                ),
        )
    }
}
