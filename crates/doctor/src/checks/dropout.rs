//! Dropout too strong.

use super::prelude::*;

/// Dropout too strong.
pub(super) struct This;

const ABOUT: About = About {
    code: "D027",
    disease: "E2",
    name: ["dropout too strong", "ドロップアウトが強すぎる"],
    stage: Stage::Fit,
    page: Page {
        measures: [
            "Largest p and the share of signals that survive all dropout layers (below 0.3), the network not trained, and a run without dropout that ends lower; or p above 0.5.",
            "p の最大と、全ドロップアウト層を生き残る信号の割合（0.3 未満）。未学習であること、ドロップアウトなしの学習が低く終わること。または p が 0.5 超。",
        ],
        hurts: [
            "Too little of the signal is left in each step for the gradient to mean anything.",
            "各ステップに残る信号が少なすぎて、勾配が意味を持たない。",
        ],
        example: "layers = [ …, { dropout = 0.9 }, … ]",
        cure: ["p = 0.2, or none until the network over-fits.", "p = 0.2。過学習するまでは使わない。"],
        source: "Srivastava et al. 2014; UMLAUT (0.5); doctor.md E2",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let all = r.dropouts();
        let (node, p) = *all.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        let survive: f64 = all.iter().map(|(_, p)| 1.0 - p).product();
        let end = r.end();
        let helped = r.tests.without_dropout.is_some_and(|(with, without)| without < 0.8 * with);
        let sick = r.not_converged() && helped;
        let weak = end.is_some_and(|e| e.noisy_loss > 2.0 * e.train_loss)
            && r.tests.neighbours.is_some_and(|n| end.is_some_and(|e| e.train_accuracy < 0.9 * n));
        if !(sick || p > 0.5 || weak) {
            return None;
        }
        let mut evidence = vec![
            Evidence::new(words!("largest p", "p の最大"), p, "≤ 0.5"),
            Evidence::new(
                words!("signals that survive all {0} layers", "全 {0} 層を生き残る信号", all.len()),
                survive,
                "≥ 0.3",
            ),
        ];
        if let Some((with, without)) = r.tests.without_dropout {
            evidence.push(Evidence::new(
                words!("training loss of a run without it", "ドロップアウトなしの学習の訓練損失"),
                without,
                format!("{with:.3} with it / あり"),
            ));
        } else if let Some(end) = end {
            evidence.push(Evidence::new(
                words!("loss with dropout over without, same weights", "同じ重みでの損失の比（あり / なし）"),
                end.noisy_loss / end.train_loss,
                "≤ 2",
            ));
        }
        let severity = if sick {
            Severity::Disease
        } else if weak || p > 0.5 {
            Severity::Warning
        } else {
            Severity::Hint
        };
        let belief_of =
            r.tests.without_dropout.map_or(p / 0.5, |(with, without)| (with / without).max(p / 0.5));
        let edits = all
            .iter()
            .map(|(n, p)| Edit::SetLayer {
                layer: n.name.clone(),
                key: "dropout",
                to: Setting::Number(if *p > 0.4 || survive < 0.3 {
                    (0.2f64).min(0.4 / all.len() as f64)
                } else {
                    p / 2.0
                }),
            })
            .collect();
        Some(
            ABOUT
                .found(
                    severity,
                    belief(belief_of).max(if sick { 0.85 } else { 0.6 }),
                    words!(
                        "dropout leaves {0:.0} % of the signal",
                        "ドロップアウトの後に残る信号は {0:.0} %",
                        survive * 100.0
                    ),
                    evidence,
                )
                .at(&node.name)
                .not(words!(
                    "with small p the same network would learn as slowly; the run without dropout does not",
                    "p が小さくても遅いはずだが、ドロップアウトなしの学習は速い"
                ))
                .cure(edits, words!("leaves the signal that the gradient needs", "勾配に必要な信号を残す")),
        )
    }
}
