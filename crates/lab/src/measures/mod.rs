//! The named numbers of a run that claims refer to.
//!
//! Accuracies and curves:
//!
//! | measure | what |
//! |---|---|
//! | `test`, `train`, `test_loss` | final accuracies, final test loss |
//! | `gap` | final training minus final test accuracy |
//! | `steps_to_50`, `_80`, `_90` | first evaluated step with this test accuracy in percent; the run's length if it was never reached |
//! | `steps_to_train_90`, `steps_to_loss_50` | the same for 90 % training accuracy, and for a training loss below 0.5 |
//! | `gap_onset` | first evaluated step with a gap above 0.1; the run's length if there was none |
//! | `gap_at_train_90` | the gap where 90 % training accuracy is first reached |
//! | `best_test`, `test_late` | highest test accuracy, and its mean over the last quarter of the curve |
//! | `oscillation` | RMS of the change of the test accuracy from one evaluation to the next, second half of the run |
//! | `diverged` | 1 for a run that diverged, 0 otherwise |
//!
//! Of the network and its inputs:
//!
//! | measure | what |
//! |---|---|
//! | `params`, `macs` | learned values; multiply-adds for one example |
//! | `ms_per_step` | median time of a training step, with `training.time = true`: the one measure that two runs do not share |
//! | `test_shifted`, `shift_loss` | accuracy on test pictures moved at random by up to `input.test_shift` pixels; how much less that is |
//!
//! Params:
//!
//! | measure | what |
//! |---|---|
//! | `first_layer_moved`, `last_layer_moved` | RMS of the change of the first or last weight over the whole run, relative to its initial RMS |
//! | `weight_norm` | Euclidean norm of all weights at the end |
//! | `weight_growth` | RMS of all weights at the end, relative to the beginning |
//! | `near_zeros`, `exact_zeros` | share of the trained weights below 2 % of their layer's initial RMS, and of exact zeros |
//! | `penalty_loss`, `penalty_loss_root` | λ/2·Σ‖W‖² at the end, and the λ/2·Σ‖W‖ that a published notebook logs for it |
//!
//! Observers:
//!
//! | measure | what |
//! |---|---|
//! | `gradient_ratio` | RMS of the first layer's weight gradient over the last layer's, median over the observed steps |
//! | `gradient_ratio_start` | the same at the first step |
//! | `gradient_first_start`, `gradient_last_start` | RMS of the first and the last layer's weight gradient at the first step |
//! | `update_ratio_first`, `update_ratio_last` | RMS of update over RMS of weight of the first or last layer, median over the observed steps |
//! | `unit_spread` | largest difference between incoming weights of two units of one hidden layer, at any observed step |
//! | `zeros`, `saturated` | share of exact zeros and of saturated values among the activations, mean over layers, last observed step |
//! | `zeros_least` | the smallest share of exact zeros of any layer |
//! | `signal_left`, `signal_last_start` | RMS of the last hidden layer's activations at the first step, over the first layer's and as it is |
//! | `output_start` | RMS of the whole network's outputs before the first step: evaluation, nothing random |
//! | `input_change` | largest over smallest spread of what activations receive, over layers and observed steps |
//! | `input_bias` | \|mean\| over spread of what activations receive, mean over layers and observed steps |
//! | `penalty_ratio`, `penalty_ratio_first` | RMS of the penalty's gradient over that of the data's gradient at the first step: largest over the layers that decay, and in the first layer |
//! | `penalty_ratio_least` | the smallest over the layers that decay |
//! | `penalty_ratio_late` | the largest at the last observed step |
//! | `effective_step` | RMS of update over RMS of gradient, median over the observed steps, mean over layers |
//! | `effective_step_change` | RMS of update over RMS of gradient, median of the last quarter of the observed steps over that of the first, mean over layers |

mod curve;
mod flow;
mod params;

use crate::experiment::Training;
use crate::results::{Outcome, Run};
use crate::watch::InputPoint;
use kobai_engine::Plan;
use std::collections::BTreeMap;

pub(crate) use params::{histograms as weights, rms};

/// What is left of a run besides its record.
pub(crate) struct Ended<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) training: &'a Training,
    pub(crate) first: &'a [f32],
    pub(crate) last: &'a [f32],
    pub(crate) inputs: &'a [InputPoint],
    /// RMS of the whole network's outputs before the first step.
    pub(crate) output_start: Option<f64>,
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|v| v.is_finite());
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// All measures of a run.
pub(crate) fn of(run: &Run, ended: &Ended<'_>) -> BTreeMap<String, f64> {
    let mut all = Measures(BTreeMap::new());
    all.put("diverged", Some(f64::from(run.outcome != Outcome::Finished)));
    all.put("params", Some(ended.plan.param_len() as f64));
    all.put("macs", Some(ended.plan.macs() as f64));
    if run.outcome == Outcome::Finished {
        curve::put(&mut all, run, ended.training);
    }
    params::put(&mut all, ended);
    flow::put(&mut all, run);
    flow::signal(&mut all, run, ended);
    all.0
}

/// The median of the times of steps, in milliseconds, if any were taken.
pub(crate) fn put_time(all: &mut BTreeMap<String, f64>, seconds: Vec<f64>) {
    if let Some(middle) = median(seconds) {
        all.insert("ms_per_step".into(), 1e3 * middle);
    }
}

struct Measures(BTreeMap<String, f64>);

impl Measures {
    fn put(&mut self, name: &str, value: Option<f64>) {
        if let Some(value) = value.filter(|v| v.is_finite()) {
            self.0.insert(name.to_string(), value);
        }
    }
}
