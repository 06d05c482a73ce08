//! No better than chance.

use super::prelude::*;

/// No better than chance.
pub(super) struct This;

const ABOUT: About = About {
    code: "D035",
    disease: "F7",
    name: ["no better than chance", "偶然と変わらない"],
    stage: Stage::Symptom,
    page: Page {
        measures: [
            "Training accuracy within two binomial standard errors of the most frequent class (regression: loss above 97 % of the targets' variance) after at least 100 steps; a warning while it is hardly better (15 % of the way to all right; regression: 85 %).",
            "100 ステップ以降の訓練正解率が、最多クラスの割合から二項標準誤差の 2 倍以内（回帰では、損失が目標値の分散の 97 % 超）。それよりわずかに良いだけ（全問正解までの 15 % 未満、回帰では 85 % 超）なら注意。",
        ],
        hurts: [
            "Nothing was learned. This names the symptom; the findings beside it name the cause.",
            "何も学習されていない。これは症状の名前で、原因は他の所見が示す。",
        ],
        example: "[model]\ninit = \"zeros\"",
        cure: [
            "Treat the cause. If none is named: train on sixteen examples alone; if even that fails, the wiring or the rate is at fault.",
            "原因を治す。原因が出ていなければ 16 例だけで学習する。それも失敗するなら配線か学習率が原因である。",
        ],
        source: "AutoTrainer; doctor.md F6, F7",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        if r.done < 100 && r.non_finite.is_none() {
            return None;
        }
        let end = r.end()?;
        let nothing = r.learned_nothing();
        // Hardly more than nothing is no health either.
        let hardly = r.not_converged()
            && if r.classifies() {
                end.train_accuracy < r.chance() + 0.15 * (1.0 - r.chance())
            } else {
                end.train_loss > 0.85 * r.trivial_loss()
            };
        if !(nothing || hardly) {
            return None;
        }
        let mut evidence = if r.classifies() {
            vec![Evidence::new(
                words!("training accuracy", "訓練正解率"),
                end.train_accuracy,
                format!("> {:.2}", r.chance()),
            )]
        } else {
            vec![Evidence::new(
                words!("training loss over the targets' variance", "訓練損失 / 目標値の分散"),
                end.train_loss / r.trivial_loss(),
                "< 0.97",
            )]
        };
        if let Some(look) = r.looks.last().filter(|_| r.classifies()) {
            evidence.push(Evidence::new(
                words!("share of predictions that are the commonest class", "最も多い予測クラスの割合"),
                look.top_class,
                "< 0.99",
            ));
        }
        let (severity, belief, what) = if nothing {
            let what = words!(
                "the network is no better than saying the most frequent answer",
                "最も多い答えを言うのと変わらない"
            );
            (Severity::Disease, 0.6, what)
        } else {
            let what = words!(
                "the network is hardly better than saying the most frequent answer",
                "最も多い答えを言うのとほとんど変わらない"
            );
            (Severity::Warning, 0.5, what)
        };
        let mut found = ABOUT.found(severity, belief, what, evidence);
        match r.tests.memorise {
            Some((before, after)) if after < 0.1 * before => {
                found = found.not(words!(
                    "wiring: sixteen examples alone are learned",
                    "配線の誤り: 16 例だけなら学習できる"
                ));
            }
            _ => {
                found = found.because(words!(
                    "not enough evidence for one cause; training on sixteen examples alone would tell",
                    "原因を一つに絞る証拠が足りない。16 例だけで学習すれば分かる"
                ))
            }
        }
        Some(found)
    }
}
