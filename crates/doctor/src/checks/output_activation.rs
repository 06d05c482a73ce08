//! Activation in front of the soft-max.

use super::prelude::*;

/// Activation in front of the soft-max.
pub(super) struct This;

const ABOUT: About = About {
    code: "D010",
    disease: "B1",
    name: ["activation in front of the soft-max", "ソフトマックスの前の活性化"],
    stage: Stage::Wiring,
    page: Page {
        measures: [
            "An activation after the last layer with weights, in front of a cross-entropy that takes logits.",
            "ロジットを受け取る交差エントロピーの前、最後の重み層の後の活性化関数。",
        ],
        hurts: [
            "The loss expects any real number. Behind a sigmoid all logits lie in (0, 1) and the loss cannot fall below ln(1 + (K−1)/e), 1.46 for ten classes; behind ReLU wrong classes get no gradient.",
            "損失は任意の実数を期待する。シグモイドの後ではロジットが (0, 1) に収まり、損失は ln(1 + (K−1)/e)（10 クラスで 1.46）より下がらない。ReLU の後では負のロジットの勾配が消える。",
        ],
        example: "layers = [ { linear = 40 }, \"relu\", { linear = \"outputs\" }, \"sigmoid\" ]",
        cure: [
            "Remove it: the soft-max is part of the loss.",
            "取り除く。ソフトマックスは損失に含まれている。",
        ],
        source: "NeuraLint; UMLAUT; DeepDiagnosis; floor: doctor.md B1",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let (node, activation) = r.head_activation().filter(|_| r.classifies())?;
        let classes = r.data.classes().max(2) as f64;
        let floor = match activation {
            Activation::Sigmoid(_) => (1.0 + (classes - 1.0) / std::f64::consts::E).ln(),
            Activation::Tanh => (1.0 + (classes - 1.0) * (-2.0f64).exp()).ln(),
            _ => 0.0,
        };
        let mut evidence = vec![Evidence::new(
            words!("activations after the last weights", "最後の重みの後の活性化"),
            1.0,
            "0",
        )];
        if floor > 0.0 {
            evidence.push(Evidence::new(
                words!("lowest loss that can be reached", "到達できる最小の損失"),
                floor,
                "0",
            ));
        }
        if let Some(end) = r.end() {
            evidence.push(Evidence::new(words!("training loss", "訓練損失"), end.train_loss, "→ 0"));
        }
        let what = words!(
            "`{0}` bounds the logits that the cross-entropy takes",
            "`{0}` が交差エントロピーに渡すロジットを制限している",
            node.name
        );
        Some(ABOUT.found(Severity::Disease, 0.95, what, evidence).at(&node.name).cure(
            vec![Edit::RemoveLayer { layer: node.name.clone() }],
            words!(
                "the loss contains the soft-max and takes any number",
                "損失はソフトマックスを含み、任意の数を受け取る"
            ),
        ))
    }
}
