//! Network too small.

use super::prelude::*;

/// Network too small.
pub(super) struct This;

const ABOUT: About = About {
    code: "D030",
    disease: "E4",
    name: ["network too small", "ネットワークが小さすぎる"],
    stage: Stage::Fit,
    page: Page {
        measures: [
            "Training accuracy below that of the ten nearest neighbours by 0.1, no longer rising, at a rate that no other beats, with a hidden layer narrower than the number of classes.",
            "訓練正解率が 10 近傍より 0.1 以上低く、もう上がらず、学習率を変えても良くならない。クラス数より狭い隠れ層がある。",
        ],
        hurts: [
            "The narrowest layer cannot carry what tells the classes apart.",
            "最も狭い層が、クラスを区別する情報を運べない。",
        ],
        example: "layers = [ { linear = 2 }, \"relu\", { linear = \"outputs\" } ]",
        cure: ["Twice as many units, then more layers.", "ユニットを倍にする。次に層を増やす。"],
        source: "doctor.md E4",
    },
};

impl Check for This {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn look(&self, r: &Record) -> Option<Finding> {
        let neighbours = r.tests.neighbours?;
        let end = r.end()?;
        let linear = r.linear();
        let narrow = linear[..linear.len().saturating_sub(1)]
            .iter()
            .map(|(n, _)| n)
            .min_by_key(|n| n.plan.output.len())?;
        let units = narrow.plan.output.len();
        if !r.classifies()
            || units >= r.data.classes().max(4)
            || end.train_accuracy > neighbours - 0.1
            || r.points.len() < 8
        {
            return None;
        }
        // A rate that learns faster is tried before a wider layer.
        let now = r.loss_at_rate(1.0).unwrap_or(f64::INFINITY);
        if r.best_rate().is_some_and(|(factor, best)| factor > 1.0 && best < 0.8 * now) {
            return None;
        }
        let tail = &r.points[r.points.len() * 3 / 4..];
        let drop = 1.0 - end.train_loss / tail[0].train_loss;
        if drop > 0.1 {
            return None;
        }
        let evidence = vec![
            Evidence::new(
                words!("training accuracy", "訓練正解率"),
                end.train_accuracy,
                format!("≈ {neighbours:.2}"),
            ),
            Evidence::new(
                words!("units of the narrowest layer", "最も狭い層のユニット"),
                units as f64,
                format!("≥ {}", r.data.classes()),
            ),
            Evidence::new(
                words!("drop of the loss over the last quarter", "最後の 1/4 での損失の低下"),
                drop,
                "→ 0",
            ),
        ];
        Some(
            ABOUT
                .found(
                    Severity::Warning,
                    belief((neighbours - end.train_accuracy) / 0.1),
                    words!(
                        "`{0}` with its {units} unit(s) is too narrow for the data",
                        "`{0}`（{units} ユニット）はデータに対して狭すぎる",
                        narrow.name
                    ),
                    evidence,
                )
                .at(&narrow.name)
                .cure(
                    vec![Edit::Widen { by: 8.0 }],
                    words!("more units carry more of the input", "ユニットが増えれば運べる情報も増える"),
                ),
        )
    }
}
