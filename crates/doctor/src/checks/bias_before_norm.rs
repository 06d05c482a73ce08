//! Bias or dropout in front of batch normalisation.

use super::prelude::*;

/// Bias or dropout in front of batch normalisation.
pub(super) struct This;

const ABOUT: About = About {
    code: "D032",
    disease: "F3",
    name: ["bias or dropout in front of batch normalisation", "バッチ正規化の前のバイアス・ドロップアウト"],
    stage: Stage::Fit,
    page: Page {
        measures: [
            "A layer with a bias, or dropout, right in front of batch normalisation (read from the file).",
            "バッチ正規化の直前の、バイアスつきの層またはドロップアウト（ファイルから読む）。",
        ],
        hurts: [
            "Batch normalisation subtracts the mean and with it the bias: the bias learns nothing. Dropout in front changes the spread between training and evaluation.",
            "バッチ正規化は平均を引くのでバイアスも消え、何も学習しない。直前のドロップアウトは学習時と評価時の標準偏差を変えてしまう。",
        ],
        example: "layers = [ { linear = 40 }, \"batch-norm\", \"relu\", … ]",
        cure: [
            "bias = false in that layer; dropout after the activation.",
            "その層を bias = false にする。ドロップアウトは活性化の後に置く。",
        ],
        source: "Ioffe & Szegedy 2015; Li et al. 2019; NeuraLint; doctor.md F3",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let mut before: Option<(&NodePlan, &LayerKind)> = None;
        for (node, layer) in r.layers() {
            if let (LayerKind::BatchNorm(_), Some((n, kind))) = (layer, before) {
                let biased = matches!(kind, LayerKind::Linear(l) if l.bias);
                if biased || matches!(kind, LayerKind::Dropout(_)) {
                    let evidence = vec![Evidence::new(
                        words!("`{0}` in front of `{1}`", "`{1}` の前の `{0}`", n.name, node.name),
                        1.0,
                        "0",
                    )];
                    let edit = if biased {
                        Edit::SetLayer { layer: n.name.clone(), key: "bias", to: Setting::Flag(false) }
                    } else {
                        Edit::RemoveLayer { layer: n.name.clone() }
                    };
                    let what = if biased {
                        words!(
                            "the bias of `{0}` is subtracted again by `{1}`",
                            "`{0}` のバイアスは `{1}` で引かれて消える",
                            n.name,
                            node.name
                        )
                    } else {
                        words!(
                            "`{0}` changes the spread that `{1}` measures",
                            "`{0}` が `{1}` の測る標準偏差を変える",
                            n.name,
                            node.name
                        )
                    };
                    return Some(ABOUT.found(Severity::Hint, 0.9, what, evidence).at(&n.name).cure(
                        vec![edit],
                        words!("does without what has no effect", "効果のないものを省く"),
                    ));
                }
            }
            before = Some((node, layer));
        }
        None
    }
}
