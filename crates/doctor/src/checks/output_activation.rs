//! Activation in front of the soft-max.

use super::prelude::*;
use kobai_engine::Loss;

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
        if let Some(found) = mismatch(r) {
            return Some(found);
        }
        let (node, kind) = r.head_layer().filter(|_| r.plan.loss == Loss::CrossEntropy)?;
        let classes = r.data.classes().max(2) as f64;
        let floor = match kind {
            LayerKind::Softmax(_) | LayerKind::Activation(Activation::Sigmoid(_)) => (1.0 + (classes - 1.0) / std::f64::consts::E).ln(),
            LayerKind::Activation(Activation::Tanh) => (1.0 + (classes - 1.0) * (-2.0f64).exp()).ln(),
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

/// Losses of probabilities behind an output that gives none, and a sigmoid in
/// front of the loss that contains one.
fn mismatch(r: &Record) -> Option<Finding> {
    let head = r.head_layer();
    let last = r.plan.nodes.iter().rfind(|n| !n.params.is_empty())?;
    let probabilities = |l: &LayerKind| {
        matches!(l, LayerKind::Softmax(_) | LayerKind::Activation(Activation::Sigmoid(_)))
    };
    let good = head.is_some_and(|(_, l)| probabilities(l));
    let sigmoid = head.is_some_and(|(_, l)| matches!(l, LayerKind::Activation(Activation::Sigmoid(_))));
    let name = head.map_or(&last.name, |(n, _)| &n.name);
    let remove = head.map(|(n, _)| Edit::RemoveLayer { layer: n.name.clone() });
    if r.plan.loss == Loss::BinaryCrossEntropy && sigmoid {
        let evidence = vec![Evidence::new(words!("sigmoids after the last weights", "最後の重みの後のシグモイド"), 2.0, "1")];
        return Some(
            ABOUT
                .found(
                    Severity::Disease,
                    0.95,
                    words!("`{name}` is a second sigmoid: the loss contains one", "`{name}` は二つ目のシグモイド（損失に含まれている）"),
                    evidence,
                )
                .at(name)
                .cure(remove.into_iter().collect(), words!("the loss takes any number", "損失は任意の数を受け取る")),
        );
    }
    if !r.plan.loss.takes_probabilities() || good || !r.classifies() {
        return None;
    }
    let logits = if r.plan.loss.needs_classes() { Loss::CrossEntropy } else { Loss::BinaryCrossEntropy };
    let mut edits: Vec<Edit> = remove.into_iter().collect();
    edits.push(Edit::Set { key: "model.loss", to: Setting::Word(logits.name().into()) });
    let mut evidence = vec![Evidence::new(
        words!("layers that make probabilities of the output", "出力を確率にする層"),
        0.0,
        "1",
    )];
    if let (Some(first), trivial) = (r.losses.first(), r.trivial_loss()) {
        evidence.push(Evidence::new(
            words!("first loss over that of knowing nothing", "最初の損失 / 無知の損失"),
            first / trivial,
            "≈ 1",
        ));
    }
    Some(
        ABOUT
            .found(
                Severity::Disease,
                0.97,
                words!(
                    "the loss takes probabilities, and `{name}` gives none",
                    "損失は確率を受け取るが、`{name}` の出力は確率ではない"
                ),
                evidence,
            )
            .at(name)
            .not(words!(
                "a network with logits is right if the loss contains the soft-max; this one does not",
                "損失がソフトマックスを含むならロジットでよいが、この損失は含まない"
            ))
            .cure(edits, words!("a loss that contains the soft-max takes logits", "ソフトマックスを含む損失ならロジットを受け取れる")),
    )
}
