//! Nothing gained any more.

use super::prelude::*;

/// Nothing gained any more.
pub(super) struct This;

const ABOUT: About = About {
    code: "D038",
    disease: "E5",
    name: ["nothing gained any more", "もう改善しない"],
    stage: Stage::Fit,
    page: Page {
        measures: [
            "Best test loss so far and how long ago it was (more than half of the steps), the network trained, the test loss not rising.",
            "テスト損失の最小とその時期（ステップの前半）。学習済みで、テスト損失は上がっていない。",
        ],
        hurts: ["Nothing is hurt but time.", "損なわれるのは時間だけである。"],
        example: "[training]\nsteps = 100000",
        cure: ["Stop earlier.", "もっと早く止める。"],
        source: "Prechelt 1998, Early stopping; doctor.md E5, D6",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        if r.not_converged() || r.points.len() < 8 || r.done < 200 {
            return None;
        }
        let end = r.end()?;
        let best = r.points.iter().min_by(|a, b| a.test_loss.total_cmp(&b.test_loss))?;
        if best.step * 2 > r.done || end.test_loss > 1.1 * best.test_loss {
            return None;
        }
        let evidence = vec![
            Evidence::new(
                words!("step of the best test loss", "テスト損失が最小のステップ"),
                best.step as f64,
                format!("> {}", r.done / 2),
            ),
            Evidence::new(
                words!("test loss now over the best", "今のテスト損失 / 最小"),
                end.test_loss / best.test_loss,
                "≈ 1",
            ),
        ];
        let mut found = ABOUT
            .found(
                Severity::Hint,
                0.6,
                words!("after step {0} nothing was gained", "ステップ {0} の後は改善がない", best.step),
                evidence,
            )
            .since(best.step);
        found.cure = Prescription::new(
            vec![Edit::Set { key: "training.steps", to: Setting::Whole(best.step.max(1)) }],
            words!("saves the rest of the time", "残りの時間を節約する"),
        )
        .over_the_whole_run();
        Some(found)
    }
}
