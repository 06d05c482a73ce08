//! Soft-max or exponential between layers.

use super::prelude::*;

/// Soft-max or exponential between layers.
pub(super) struct This;

const ABOUT: About = About {
    code: "D044",
    disease: "C7",
    name: ["unsuitable activation between layers", "層の間に合わない活性化"],
    stage: Stage::Wiring,
    page: Page {
        measures: [
            "A soft-max or an exponential between layers with weights. A disease while the network is not trained, a warning afterwards.",
            "重みのある層の間のソフトマックスまたは指数関数。未学習なら病気、学習済みなら注意。",
        ],
        hurts: [
            "A soft-max makes all units share a sum of 1: each is about 1/K, differs little between examples and passes little gradient. Exponentials on top of each other overflow.",
            "ソフトマックスは合計を 1 にするため各ユニットがほぼ 1/K になり、例による違いも勾配も小さくなる。指数関数を重ねると桁あふれする。",
        ],
        example: "layers = [ { linear = 40 }, \"softmax\", { linear = \"outputs\" } ]",
        cure: [
            "ReLU with He's weights.",
            "ReLU と He の初期値。",
        ],
        source: "NeuraLint; UMLAUT; AutoTrainer (exponential stacks); doctor.md C7",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let last = r.plan.nodes.iter().rposition(|n| !n.params.is_empty())?;
        let unfit = |l: &LayerKind| {
            matches!(l, LayerKind::Softmax(_) | LayerKind::Activation(Activation::Exp))
        };
        let all: Vec<(&NodePlan, &LayerKind)> =
            r.layers().filter(|(n, l)| n.index < last && unfit(l)).collect();
        let (node, kind) = *all.first()?;
        let units = node.plan.output.dims().first().copied().unwrap_or(1) as f64;
        let softmax = matches!(kind, LayerKind::Softmax(_));
        let mut evidence = vec![Evidence::new(
            words!("soft-max or exponential between layers", "層の間のソフトマックス・指数関数"),
            all.len() as f64,
            "0",
        )];
        if softmax {
            evidence.push(Evidence::new(
                words!("mean output of a unit of `{0}`", "`{0}` のユニットの平均出力", node.name),
                1.0 / units,
                "≈ 0.5",
            ));
        }
        let severity =
            if r.not_converged() || r.non_finite.is_some() { Severity::Disease } else { Severity::Warning };
        let what = if softmax {
            words!(
                "`{0}` makes {units} units share a sum of 1",
                "`{0}` が {units} ユニットの合計を 1 にしている",
                node.name
            )
        } else {
            words!("`{0}` grows without bound", "`{0}` は際限なく大きくなる", node.name)
        };
        Some(ABOUT.found(severity, 0.95, what, evidence).at(&node.name).cure(
            vec![Edit::Activations { to: "relu", init: "he" }],
            words!(
                "ReLU passes the gradient where it is active and does not grow faster than its input",
                "ReLU は活性な所で勾配を通し、入力より速く大きくならない"
            ),
        ))
    }
}
