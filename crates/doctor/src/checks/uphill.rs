//! Training goes uphill.

use super::prelude::*;

/// Training goes uphill.
pub(super) struct This;

const ABOUT: About = About {
    code: "D041",
    disease: "B6",
    name: ["training goes uphill", "損失を増やす向きの学習"],
    stage: Stage::Step,
    page: Page {
        measures: [
            "`maximize = true`: the update follows the gradient instead of going against it. The loss rises from the first steps.",
            "`maximize = true`。更新が勾配に逆らわず、勾配に沿っている。損失は最初から上がる。",
        ],
        hurts: [
            "Every step makes the loss larger.",
            "すべてのステップが損失を大きくする。",
        ],
        example: "[optimizer]
maximize = true",
        cure: [
            "Turn the sign.",
            "符号を直す。",
        ],
        source: "TheDeepChecker; UMLAUT (negative rate); doctor.md B6",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        if !r.settings.updates.maximize {
            return None;
        }
        let first = r.losses.first().copied().unwrap_or(f64::NAN);
        let above = r.losses.iter().filter(|l| **l > first || l.is_nan()).count() as f64;
        let evidence = vec![
            Evidence::new(words!("first loss", "最初の損失"), first, "–"),
            Evidence::new(
                words!("share of steps above the first loss", "最初の損失を上回るステップの割合"),
                above / r.losses.len().max(1) as f64,
                "≤ 0.2",
            ),
        ];
        let what = words!("the optimiser makes the loss large", "最適化が損失を大きくしている");
        Some(ABOUT.found(Severity::Disease, 0.99, what, evidence).since(0).cure(
            vec![Edit::Remove { key: "optimizer.maximize" }],
            words!("steps then go down the gradient", "勾配を下る向きになる"),
        ))
    }
}
