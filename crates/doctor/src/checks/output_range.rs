//! Output cannot reach the targets.

use super::prelude::*;

/// Output cannot reach the targets.
pub(super) struct This;

const ABOUT: About = About {
    code: "D037",
    disease: "A4",
    name: ["output cannot reach the targets", "出力が目標値に届かない"],
    stage: Stage::Wiring,
    page: Page {
        measures: [
            "Range of the last activation beside the range of a regression's targets.",
            "最後の活性化の値域と、回帰の目標値の範囲。",
        ],
        hurts: [
            "What lies outside the range can never be predicted; the error has a floor.",
            "値域の外は決して予測できず、誤差に下限ができる。",
        ],
        example: "layers = [ …, { linear = \"outputs\" }, \"sigmoid\" ]\nloss = \"mean-squared-error\"",
        cure: ["A linear output layer.", "線形の出力層にする。"],
        source: "DeepDiagnosis; doctor.md A4",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let (node, activation) = r.head_activation().filter(|_| !r.classifies())?;
        let [low, high] = r.data.target_range;
        let (least, most) = match activation {
            Activation::Sigmoid(_) => (0.0, 1.0),
            Activation::Tanh => (-1.0, 1.0),
            Activation::Relu | Activation::Softplus => (0.0, f64::INFINITY),
            Activation::Relu6 => (0.0, 6.0),
            _ => return None,
        };
        let outside = (least - low).max(high - most).max(0.0) / (high - low);
        if outside <= 0.01 {
            return None;
        }
        let evidence = vec![
            Evidence::new(words!("smallest target", "目標値の最小"), low, format!("≥ {least}")),
            Evidence::new(words!("largest target", "目標値の最大"), high, format!("≤ {most}")),
        ];
        Some(
            ABOUT
                .found(
                    Severity::Disease,
                    belief(outside / 0.01).max(0.9),
                    words!(
                        "`{0}` cannot give the values that are asked for",
                        "`{0}` では求められた値が出せない",
                        node.name
                    ),
                    evidence,
                )
                .at(&node.name)
                .cure(
                    vec![Edit::RemoveLayer { layer: node.name.clone() }],
                    words!("a linear output reaches every value", "線形の出力はどの値にも届く"),
                ),
        )
    }
}
