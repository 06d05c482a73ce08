//! The lines of a file of events, as they are read. What each key means is in the
//! table of [`super`].

use serde::{Deserialize, Deserializer};

/// `null` is a number that is none.
fn nan<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN))
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Line {
    Start(Start),
    Data(Data),
    Loss {
        #[serde(deserialize_with = "nan")]
        loss: f64,
    },
    Look(LookLine),
    Point(PointLine),
    NonFinite {
        step: u64,
        layer: String,
        phase: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
pub(super) struct Start {
    pub(super) schema: String,
    #[serde(default)]
    pub(super) source: String,
    pub(super) batch: usize,
    #[serde(default)]
    pub(super) steps: u64,
    #[serde(default)]
    pub(super) loss: String,
    #[serde(default)]
    pub(super) optimizer: OptimizerLine,
    pub(super) layers: Vec<LayerLine>,
    #[serde(default)]
    pub(super) frozen: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct OptimizerLine {
    pub(super) name: String,
    pub(super) lr: f64,
    pub(super) momentum: f64,
    pub(super) beta1: Option<f64>,
    pub(super) beta2: Option<f64>,
    pub(super) eps: Option<f64>,
    pub(super) l1: f64,
    pub(super) l2: f64,
    pub(super) weight_decay: f64,
}

#[derive(Clone, Deserialize)]
pub(super) struct LayerLine {
    pub(super) name: String,
    pub(super) kind: String,
    #[serde(default)]
    pub(super) units: usize,
    #[serde(default)]
    pub(super) fan_in: usize,
    #[serde(default)]
    pub(super) bias: bool,
    pub(super) p: Option<f64>,
    pub(super) momentum: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Data {
    pub(super) examples: usize,
    pub(super) test_examples: usize,
    pub(super) features: usize,
    #[serde(deserialize_with = "nan")]
    pub(super) mean: f64,
    #[serde(deserialize_with = "nan")]
    pub(super) std: f64,
    #[serde(deserialize_with = "nan")]
    pub(super) max_abs: f64,
    pub(super) constant: usize,
    #[serde(deserialize_with = "nan")]
    pub(super) std_ratio: f64,
    #[serde(deserialize_with = "nan")]
    pub(super) offset: f64,
    pub(super) non_finite: usize,
    pub(super) class_counts: Vec<usize>,
    #[serde(deserialize_with = "nan")]
    pub(super) target_mean: f64,
    #[serde(deserialize_with = "nan")]
    pub(super) target_variance: f64,
    pub(super) target_range: [f64; 2],
}

#[derive(Deserialize)]
pub(super) struct LookLine {
    pub(super) step: u64,
    pub(super) layers: Vec<LayerFigures>,
    #[serde(default)]
    pub(super) units: Vec<UnitFigures>,
    #[serde(default, deserialize_with = "nan")]
    pub(super) output_std: f64,
    #[serde(default, deserialize_with = "nan")]
    pub(super) top_class: f64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LayerFigures {
    pub(super) layer: String,
    #[serde(deserialize_with = "nan")]
    pub(super) signal: f64,
    #[serde(deserialize_with = "nan")]
    pub(super) delta_rms: f64,
    #[serde(deserialize_with = "nan")]
    pub(super) gradient_rms: f64,
    #[serde(deserialize_with = "nan")]
    pub(super) penalty_rms: f64,
    #[serde(deserialize_with = "nan")]
    pub(super) weight_rms: f64,
    #[serde(deserialize_with = "nan")]
    pub(super) update_rms: f64,
    #[serde(deserialize_with = "nan")]
    pub(super) unit_spread: f64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct UnitFigures {
    pub(super) layer: String,
    pub(super) examples: usize,
    pub(super) dead: usize,
    pub(super) saturated: usize,
    pub(super) units: usize,
    #[serde(deserialize_with = "nan")]
    pub(super) rms: f64,
    #[serde(deserialize_with = "nan")]
    pub(super) max: f64,
}

#[derive(Deserialize)]
pub(super) struct PointLine {
    pub(super) step: u64,
    #[serde(deserialize_with = "nan")]
    pub(super) train_loss: f64,
    #[serde(default, deserialize_with = "nan")]
    pub(super) train_accuracy: f64,
    #[serde(default, deserialize_with = "nan")]
    pub(super) test_loss: f64,
    #[serde(default, deserialize_with = "nan")]
    pub(super) test_accuracy: f64,
    #[serde(default, deserialize_with = "nan")]
    pub(super) noisy_loss: f64,
}
