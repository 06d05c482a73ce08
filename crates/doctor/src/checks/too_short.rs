//! Too few steps.

use super::prelude::*;

/// Too few steps.
pub(super) struct This;

const ABOUT: About = About {
    code: "D034",
    disease: "D6",
    name: ["too few steps", "ステップ数が足りない"],
    stage: Stage::Fit,
    page: Page {
        measures: [
            "The network not trained at the end, its loss still falling: by more than 2 % over the last quarter, with the best test loss in it.",
            "終わりでも未学習で、損失がまだ下がっている（最後の 1/4 で 2 % 超、テスト損失の最小もその中）。",
        ],
        hurts: ["Training stops while it still works.", "うまく進んでいる途中で学習が終わる。"],
        example: "[training]\nsteps = 50",
        cure: ["Three times as many steps.", "ステップ数を 3 倍にする。"],
        source: "Deep Learning Tuning Playbook; doctor.md D6",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        if !r.not_converged() || r.points.len() < 4 || r.done < r.settings.steps {
            return None;
        }
        let end = r.end()?;
        let quarter = r.points.len() * 3 / 4;
        let drop = 1.0 - end.train_loss / r.points[quarter - 1].train_loss;
        let least = r.points.iter().map(|p| p.test_loss).fold(f64::INFINITY, f64::min);
        let late = r.points[quarter..].iter().any(|p| p.test_loss <= least);
        if drop.is_nan() || drop <= 0.02 || !late {
            return None;
        }
        let evidence = vec![
            Evidence::new(
                words!("drop of the training loss over the last quarter", "最後の 1/4 での訓練損失の低下"),
                drop,
                "≤ 0.02",
            ),
            Evidence::new(
                words!("training loss", "訓練損失"),
                end.train_loss,
                format!("< {:.2}", 0.5 * r.trivial_loss()),
            ),
        ];
        let mut found = ABOUT.found(
            Severity::Warning,
            belief(drop / 0.02).min(0.8),
            words!("the loss still falls when training ends", "損失が下がっている途中で学習が終わる"),
            evidence,
        );
        found.cure = Prescription::new(
            vec![Edit::Scale { key: "training.steps", by: 3.0 }],
            words!("lets it finish", "最後まで学習させる"),
        )
        .over_the_whole_run();
        Some(found)
    }
}
