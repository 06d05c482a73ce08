//! Soft-max on a single unit.

use super::prelude::*;

/// Soft-max on a single unit.
pub(super) struct This;

const ABOUT: About = About {
    code: "D039",
    disease: "B3",
    name: ["soft-max on a single unit", "一つのユニットへのソフトマックス"],
    stage: Stage::Wiring,
    page: Page {
        measures: [
            "A soft-max over one output. Certain before the first step.",
            "出力が一つだけのソフトマックス。学習前に確実に分かる。",
        ],
        hurts: [
            "The soft-max of one number is 1 whatever the number is: the output is constant and every gradient is exactly 0.",
            "一つの数のソフトマックスは常に 1 になる。出力は一定で、すべての勾配がちょうど 0 になる。",
        ],
        example: "layers = [ { linear = 16 }, \"relu\", { linear = 1 }, \"softmax\" ]",
        cure: [
            "One output for two classes takes a sigmoid, which the loss `binary-cross-entropy` contains; a value takes nothing.",
            "2 クラスを一つの出力で表すならシグモイドで、損失 `binary-cross-entropy` に含まれている。値の予測には何も付けない。",
        ],
        source: "NeuraLint; DeepLocalize's posts; doctor.md B3",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let (node, _) = r.layers().find(|(n, l)| {
            matches!(l, LayerKind::Softmax(_)) && n.plan.output.dims().first() == Some(&1)
        })?;
        let mut evidence =
            vec![Evidence::new(words!("units of the soft-max", "ソフトマックスのユニット数"), 1.0, "≥ 2")];
        if let Some(look) = r.looks.last() {
            evidence.push(Evidence::new(
                words!("spread of the outputs", "出力の標準偏差"),
                look.output_std,
                "> 0",
            ));
        }
        let mut edits = vec![Edit::RemoveLayer { layer: node.name.clone() }];
        if r.classifies() {
            edits.push(Edit::Set { key: "model.loss", to: Setting::Word("binary-cross-entropy".into()) });
        }
        Some(
            ABOUT
                .found(
                    Severity::Disease,
                    0.99,
                    words!(
                        "`{0}` gives 1 for every example: no gradient passes it",
                        "`{0}` はどの例でも 1 を出し、勾配が通らない",
                        node.name
                    ),
                    evidence,
                )
                .at(&node.name)
                .cure(
                    edits,
                    words!("the output can then differ between examples", "例ごとに違う出力が出せるようになる"),
                ),
        )
    }
}
