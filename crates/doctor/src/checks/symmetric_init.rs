//! Zero or symmetric initial weights.

use super::prelude::*;

/// Zero or symmetric initial weights.
pub(super) struct This;

const ABOUT: About = About {
    code: "D012",
    disease: "C1",
    name: ["zero or symmetric initial weights", "ゼロまたは対称な初期値"],
    stage: Stage::Initial,
    page: Page {
        measures: [
            "Largest difference between the incoming weights of two units of a hidden layer, at the first step and ever after (0).",
            "隠れ層の二つのユニットの入力重みの差の最大。最初のステップから後までずっと 0。",
        ],
        hurts: [
            "Equal units compute equal outputs and receive equal gradients: a layer of a hundred is one unit. With zeros and ReLU no gradient passes at all.",
            "同じユニットは同じ出力を計算し、同じ勾配を受ける。100 ユニットの層も 1 ユニットと同じになる。ゼロと ReLU では勾配がまったく流れない。",
        ],
        example: "[model]\ninit = \"zeros\"",
        cure: [
            "Draw random weights: He for the ReLU family, Xavier for sigmoid and tanh. Biases may be zero, and so may the output layer alone.",
            "乱数で初期化する。ReLU 系は He、シグモイド・tanh は Xavier。バイアスや出力層だけはゼロでもよい。",
        ],
        source: "Goodfellow et al., Deep Learning, 8.4; DeepDiagnosis; doctor.md C1",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let linear = r.weighted();
        let hidden = &linear[..linear.len().saturating_sub(1)];
        let constant = |init: &Init| matches!(init, Init::Zeros | Init::Constant(_));
        let same = |name: &str| {
            let of = |look: &Look| look.layers.iter().find(|l| l.layer == name).map(|l| l.unit_spread);
            r.looks.iter().all(|look| of(look) == Some(0.0))
        };
        let sick =
            |(n, init, _): &&(&NodePlan, Init, Fans)| n.plan.output.dims()[0] > 1 && constant(init) && same(&n.name);
        let (node, ..) = hidden.iter().find(sick)?;
        let layers = hidden.iter().filter(sick).count();
        let units = node.plan.output.dims()[0];
        let mut evidence = vec![Evidence::new(
            words!("largest difference between two of {units} units", "{units} ユニットのうち二つの差の最大"),
            0.0,
            "> 0",
        )];
        if let Some(layer) = r.looks.last().and_then(|l| l.layers.iter().find(|l| l.layer == node.name)) {
            evidence.push(Evidence::new(
                words!("RMS of its weights at the last look", "最後に見た重みの RMS"),
                layer.weight_rms,
                "> 0",
            ));
            evidence.push(Evidence::new(
                words!("RMS of its gradient", "勾配の RMS"),
                layer.gradient_rms,
                "> 0",
            ));
        }
        let init = super::fitting_init(r);
        let what = words!(
            "all {units} units of `{0}` are one and the same, and stay so ({layers} layer(s))",
            "`{0}` の {units} ユニットがすべて同じで、同じままである（{layers} 層）",
            node.name
        );
        Some(
            ABOUT
                .found(Severity::Disease, 0.99, what, evidence)
                .at(&node.name)
                .not(words!(
                    "vanishing gradients would leave the units different",
                    "勾配消失ならユニットは互いに違うままである"
                ))
                .cure(
                    vec![Edit::Set { key: "model.init", to: Setting::Word(init.into()) }],
                    words!("random weights tell the units apart", "乱数の重みがユニットを区別する"),
                ),
        )
    }
}
