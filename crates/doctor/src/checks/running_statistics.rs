//! Running statistics of batch normalisation wrong.

use super::prelude::*;

/// Running statistics of batch normalisation wrong.
pub(super) struct This;

const ABOUT: About = About {
    code: "D033",
    disease: "F1",
    name: ["running statistics of batch normalisation wrong", "バッチ正規化の移動統計の誤り"],
    stage: Stage::Fit,
    page: Page {
        measures: [
            "Loss of the same training examples in evaluation mode over that in training mode (above 1.5), after at least 50 steps, without dropout.",
            "同じ訓練例の、評価モードと学習モードの損失の比（1.5 超、50 ステップ以降、ドロップアウトなし）。",
        ],
        hurts: [
            "The network is good in training and bad in use: evaluation divides by a mean and spread that are not the data's.",
            "学習中は良く、使うと悪い。評価時に、データのものでない平均と標準偏差で割るためである。",
        ],
        example: "layers = [ { linear = 40 }, { batch-norm = \"pytorch\", momentum = 0.0001 }, … ]",
        cure: [
            "Momentum 0.1; more steps before the first evaluation.",
            "momentum を 0.1 にする。最初の評価までのステップを増やす。",
        ],
        source: "TheDeepChecker (50 %); doctor.md F1",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let (node, norm) = r
            .layers()
            .find_map(|(n, l)| if let LayerKind::BatchNorm(b) = l { Some((n, b)) } else { None })?;
        let end = r.end()?;
        let ratio = end.train_loss / end.noisy_loss;
        // Where both are tiny their ratio says nothing.
        let matters = end.train_loss - end.noisy_loss > 0.05 * r.trivial_loss();
        if r.done < 50 || !r.dropouts().is_empty() || ratio <= 1.5 || !matters {
            return None;
        }
        let evidence = vec![
            Evidence::new(
                words!(
                    "loss in evaluation over training mode, same examples",
                    "同じ例の損失: 評価モード / 学習モード"
                ),
                ratio,
                "≤ 1.5",
            ),
            Evidence::new(
                words!("momentum of the running statistics", "移動統計の momentum"),
                norm.momentum,
                "0.01 – 0.3",
            ),
            Evidence::new(
                words!("updates so far × momentum", "これまでの更新 × momentum"),
                r.done as f64 * norm.momentum,
                "≥ 3",
            ),
        ];
        let momentum_bad = !(0.01..=0.3).contains(&norm.momentum);
        let edits = r
            .layers()
            .filter(|(_, l)| matches!(l, LayerKind::BatchNorm(_)))
            .map(|(n, _)| Edit::SetLayer { layer: n.name.clone(), key: "momentum", to: Setting::Number(0.1) })
            .collect();
        let edits = if momentum_bad {
            edits
        } else {
            vec![Edit::Set { key: "training.batch", to: Setting::Whole(64.max(r.settings.batch as u64)) }]
        };
        Some(
            ABOUT
                .found(
                    Severity::Disease,
                    belief(ratio / 1.5).max(0.8),
                    words!(
                        "in evaluation mode the same examples have {ratio:.1} times the loss",
                        "評価モードでは同じ例の損失が {ratio:.1} 倍になる"
                    ),
                    evidence,
                )
                .at(&node.name)
                .cure(edits, words!("the averages follow the data", "移動統計がデータに追いつく")),
        )
    }
}
