//! Vanishing gradient.

use super::prelude::*;

/// Vanishing gradient.
pub(super) struct This;

const ABOUT: About = About {
    code: "D015",
    disease: "C3",
    name: ["vanishing gradient", "勾配消失"],
    stage: Stage::Initial,
    page: Page {
        measures: [
            "Decades by which the gradient with respect to the layers' outputs shrinks per layer towards the input (above 0.3) and in all (above 3; above 2 where sigmoids or tanh have let nothing through), at most looks, while the network is not trained; or weight gradients of first over last layer below 0.001.",
            "層の出力に関する勾配が、入力に向かって 1 層ごとに縮む桁数（0.3 超）と全体（3 超。シグモイドや tanh が何も通さなかった場合は 2 超）。未学習のまま、見たステップの半数以上で。または第 1 層と最終層の重みの勾配の比が 0.001 未満。",
        ],
        hurts: [
            "The layers near the input hardly move, and what they pass on stays noise.",
            "入力に近い層がほとんど動かず、後ろの層に渡るものは雑音のままになる。",
        ],
        example: "[model]\nactivation = \"sigmoid\"\ninit = \"normal(0.01)\"",
        cure: [
            "ReLU with He weights; batch normalisation; fewer layers.",
            "ReLU と He の初期値。バッチ正規化。層を減らす。",
        ],
        source: "Hochreiter 1991; Glorot & Bengio 2010; AutoTrainer, TheDeepChecker; slope after doctor.md C3",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        if !r.not_converged() {
            return None;
        }
        let fall = |look: &Look| {
            let deltas: Vec<f64> = look.layers.iter().map(|l| l.delta_rms.log10()).collect();
            // Exact zeros are dead or symmetric units, another disease.
            let finite = deltas.len() > 1 && deltas.iter().all(|d| d.is_finite());
            finite.then(|| {
                (
                    slope(&deltas),
                    deltas.iter().copied().fold(f64::MIN, f64::max)
                        - deltas.iter().copied().fold(f64::MAX, f64::min),
                )
            })
        };
        let ratio = |look: &Look| match (look.layers.first(), look.layers.last()) {
            (Some(a), Some(b)) if look.layers.len() > 1 && a.gradient_rms > 0.0 => {
                a.gradient_rms / b.gradient_rms
            }
            _ => 1.0,
        };
        let squashing = r
            .hidden_activations()
            .iter()
            .any(|(_, a)| matches!(a, Activation::Sigmoid(_) | Activation::Tanh));
        // Where squashing units have let nothing through at all, two decades will do.
        let most = if squashing && r.learned_nothing() { 2.0 } else { 3.0 };
        let sick =
            |look: &Look| fall(look).is_some_and(|(s, range)| s > 0.3 && (range > most || ratio(look) < 1e-3));
        let first = r.mostly(sick)?;
        let (s, range) = r.looks.iter().rfind(|l| sick(l)).and_then(fall)?;
        let layer = first.layers.first()?;
        let evidence = vec![
            Evidence::new(
                words!("decades that the gradient shrinks per layer", "1 層ごとに勾配が縮む桁数"),
                s,
                "≤ 0.3",
            ),
            Evidence::new(words!("decades in all", "全体の桁数"), range, format!("≤ {most}")),
            Evidence::new(
                words!(
                    "weight gradient of `{0}` over the last layer's",
                    "`{0}` の重みの勾配 / 最終層",
                    layer.layer
                ),
                ratio(first),
                "≥ 0.001",
            ),
            Evidence::new(
                words!("update over weight in `{0}`", "`{0}` の更新 / 重み", layer.layer),
                layer.update_ratio(),
                "1e-4 – 1e-1",
            ),
        ];
        let edit = if squashing {
            Edit::Activations { to: "relu", init: "he" }
        } else {
            Edit::Set { key: "model.init", to: Setting::Word("he".into()) }
        };
        let mut found = ABOUT
            .found(Severity::Disease, belief((s / 0.3).max(range / most)), words!("on its way back to `{0}` the gradient shrinks by {range:.1} decades", "`{0}` に戻るまでに勾配が {range:.1} 桁縮む", layer.layer), evidence)
            .at(&layer.layer)
            .since(first.step)
            .not(words!("a trained network has small gradients in all layers alike; this one is not trained", "学習済みなら全層の勾配が一様に小さいが、これは未学習である"))
            .not(words!("dead units would give gradients of exactly zero", "死んだユニットなら勾配はちょうど 0 になる"))
            .cure(vec![edit], words!("ReLU's derivative is 1 where it is active, and He's weights make up for the inactive half", "ReLU の導関数は活性な所で 1 であり、He の重みが不活性な半分を補う"));
        if r.settings.adaptive() {
            found = found.not(words!(
                "the optimiser rescales gradients, so updates may look normal",
                "最適化手法が勾配を割り直すため、更新の大きさは正常に見えることがある"
            ));
        }
        Some(found)
    }
}
