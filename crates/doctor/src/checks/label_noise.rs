//! Noisy labels.

use super::prelude::*;

/// Noisy labels.
pub(super) struct This;

const ABOUT: About = About {
    code: "D008",
    disease: "A7",
    name: ["noisy labels", "ラベルの誤り"],
    stage: Stage::Data,
    page: Page {
        measures: [
            "Share of training examples whose label is not the one that at least eight of their ten nearest neighbours have (above 3 %).",
            "10 近傍のうち 8 個以上が持つラベルと違うラベルの訓練例の割合（3 % 超）。",
        ],
        hurts: [
            "A large network learns the wrong labels by heart, late in training, and its test loss rises.",
            "大きなネットワークは学習の後半に誤ったラベルを丸暗記し、テスト損失が上がる。",
        ],
        example: "[data.prepare]\nlabel_noise = 0.2",
        cure: [
            "Review the listed examples; fewer epochs or a weight penalty meanwhile.",
            "疑わしい例を見直す。それまでは早めに止めるか、重みに罰則をつける。",
        ],
        source: "Northcutt et al. 2021 (confident learning); 3 % after doctor.md A7",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let odd = r.tests.odd_labels?;
        let neighbours = r.tests.neighbours?;
        // Where neighbours know nothing, they cannot contradict.
        if odd <= 0.03 || neighbours < 0.5 * (1.0 + r.chance()) {
            return None;
        }
        let evidence = vec![
            Evidence::new(
                words!("labels that contradict 8 of 10 neighbours", "10 近傍の 8 個以上と矛盾するラベル"),
                odd,
                "≤ 0.03",
            ),
            Evidence::new(
                words!("accuracy of ten nearest neighbours", "10 近傍の正解率"),
                neighbours,
                format!("> {:.2}", r.chance()),
            ),
        ];
        let what = words!(
            "about {0:.0} % of the labels contradict their neighbourhood",
            "約 {0:.0} % のラベルが近傍と矛盾する",
            odd * 100.0
        );
        let mut found = ABOUT.found(Severity::Warning, belief(odd / 0.03), what, evidence).not(words!(
            "overlapping classes disagree at their border, not where eight of ten neighbours agree",
            "クラスの重なりなら境界で食い違うが、近傍の 8 割が一致する所では食い違わない"
        ));
        found.cure = Prescription::new(
            vec![Edit::Set { key: "data.prepare.drop_odd_labels", to: Setting::Flag(true) }],
            words!(
                "leave out the training examples that contradict their neighbours",
                "近傍と矛盾する訓練例を除く"
            ),
        )
        .over_the_whole_run();
        Some(found)
    }
}
