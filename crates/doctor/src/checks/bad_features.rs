//! Constant or non-finite features.

use super::prelude::*;

/// Constant or non-finite features.
pub(super) struct This;

const ABOUT: About = About {
    code: "D004",
    disease: "A10",
    name: ["constant or non-finite features", "一定または非有限の特徴"],
    stage: Stage::Data,
    page: Page {
        measures: [
            "Features with one value only (more than half of them, or any of fewer than 32), and inputs that are infinite or not a number.",
            "値が一つしかない特徴（半数超、または 32 未満の特徴のうち一つでも）と、無限大・非数の入力。",
        ],
        hurts: [
            "A constant feature carries nothing and is divided by 0 when standardised; one NaN spreads through all weights in one step.",
            "一定の特徴は情報を持たず、標準化では 0 除算になる。NaN が一つあれば 1 ステップで全重みに広がる。",
        ],
        example: "[data.prepare]\nconstant_features = 48",
        cure: [
            "Drop constant features; find and repair or drop the examples with non-finite values.",
            "一定の特徴を取り除く。非有限値を含む例は直すか除く。",
        ],
        source: "TheDeepChecker; doctor.md A10",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let d = &r.data;
        let share = d.constant as f64 / d.features.max(1) as f64;
        let evidence = vec![
            Evidence::new(words!("share of constant features", "一定の特徴の割合"), share, "≤ 0.5"),
            Evidence::new(words!("non-finite inputs", "非有限の入力"), d.non_finite as f64, "0"),
        ];
        if d.non_finite > 0 {
            let what = words!("some inputs are infinite or not a number", "無限大または非数の入力がある");
            return Some(
                ABOUT
                    .found(Severity::Disease, 0.99, what, evidence)
                    .cure(
                        vec![Edit::Set { key: "data.prepare.drop_non_finite", to: Setting::Flag(true) }],
                        words!("learns without these examples; better is to repair them", "その例を除いて学ぶ。直せるならその方がよい"),
                    ),
            );
        }
        let severity = match (share > 0.5, d.features < 32 && d.constant > 0) {
            (true, _) => Severity::Warning,
            (_, true) => Severity::Hint,
            _ => return None,
        };
        let what = words!(
            "{0} of {1} features never change",
            "{1} 個の特徴のうち {0} 個が一定",
            d.constant,
            d.features
        );
        Some(ABOUT.found(severity, belief(share / 0.25), what, evidence).because(words!(
            "check how the features are read; drop those that never change",
            "特徴の読み込みを確かめ、一定のものは除く"
        )))
    }
}
