//! Everything that checks may look at.

use crate::data::DataFacts;
use kobai_engine::init::{Fans, Init};
use kobai_engine::layer::LayerKind;
use kobai_engine::layers::Activation;
use kobai_engine::optim::{Optimizer, Penalty, Updates};
use kobai_engine::{Loss, NodePlan, Plan};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// How the network is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Steps that the experiment asks for.
    pub steps: u64,
    /// Examples of a batch.
    pub batch: usize,
    /// Optimiser, penalty, clipping.
    pub updates: Updates,
    /// Layers that are frozen on purpose.
    pub frozen: Vec<String>,
}

impl Settings {
    /// The learning rate.
    #[must_use]
    pub fn lr(&self) -> f64 {
        let mut optimizer = self.updates.optimizer;
        *optimizer.lr_mut()
    }

    /// Whether the size of an update does not follow the size of the gradient.
    #[must_use]
    pub fn adaptive(&self) -> bool {
        !matches!(
            self.updates.optimizer,
            Optimizer::Sgd { .. }
                | Optimizer::Momentum { .. }
                | Optimizer::Nesterov { .. }
                | Optimizer::CourseMomentum { .. }
                | Optimizer::CourseNesterov { .. }
        )
    }

    /// Factor of the penalty's gradient: the L2 or L1 coefficient, or 0.
    #[must_use]
    pub fn penalty(&self) -> f64 {
        match self.updates.penalty {
            Penalty::None => 0.0,
            Penalty::L1(x) | Penalty::L2(x) => x,
        }
    }
}

/// Figures of one layer with weights at one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerStats {
    /// Its name.
    pub layer: String,
    /// RMS of the gradient with respect to its output, per example.
    pub delta_rms: f64,
    /// RMS of the gradient of the loss with respect to its weight, penalty apart.
    pub gradient_rms: f64,
    /// RMS of the penalty's gradient.
    pub penalty_rms: f64,
    /// RMS of its weight, before the update.
    pub weight_rms: f64,
    /// RMS of the change of its weight.
    pub update_rms: f64,
    /// Largest difference between the incoming weights of two units.
    pub unit_spread: f64,
    /// Standard deviation of its outputs over the examples, RMS over units: the
    /// part of the signal that tells examples apart.
    pub signal: f64,
}

impl LayerStats {
    /// Size of the update relative to the weight.
    #[must_use]
    pub fn update_ratio(&self) -> f64 {
        if self.weight_rms > 0.0 { self.update_rms / self.weight_rms } else { 0.0 }
    }
}

/// Figures of one activation at one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitStats {
    /// Its name.
    pub layer: String,
    /// Examples that were looked at.
    pub examples: usize,
    /// Units that were active (ReLU: above 0) on less than 1 % of them.
    pub dead: usize,
    /// Units that were saturated on more than 90 % of them.
    pub saturated: usize,
    /// Units.
    pub units: usize,
    /// Share of the values that were not active.
    pub zeros: f64,
    /// Share of the values that were saturated.
    pub outside: f64,
    /// RMS of the values.
    pub rms: f64,
    /// Largest absolute value.
    pub max: f64,
}

/// One step that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The step, from 0.
    pub step: u64,
    /// Layers with weights, from the input.
    pub layers: Vec<LayerStats>,
    /// Activations, from the input.
    pub units: Vec<UnitStats>,
    /// Standard deviation of the network's outputs.
    pub output_std: f64,
    /// Share of the class that is predicted most.
    pub top_class: f64,
}

/// An evaluation between steps, in evaluation mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Steps done.
    pub step: u64,
    /// Mean loss of a fixed sample of the training examples.
    pub train_loss: f64,
    /// Share of it that is right.
    pub train_accuracy: f64,
    /// The same of the test examples.
    pub test_loss: f64,
    /// The same of the test examples.
    pub test_accuracy: f64,
    /// Loss of the training sample in training mode.
    pub noisy_loss: f64,
}

/// The first value that was no number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NonFinite {
    /// The step.
    pub step: u64,
    /// The layer.
    pub layer: String,
    /// `forward`, `loss`, `backward` or `update`.
    pub phase: Cow<'static, str>,
}

/// Results of tests that train a little more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tests {
    /// Learning rates as factors of the experiment's, and the loss that a short
    /// run of each reaches (infinite if it diverges).
    pub rates: Vec<(f64, f64)>,
    /// Loss on 16 training examples at the start and after training on them alone.
    pub memorise: Option<(f64, f64)>,
    /// Share of training examples whose class is that of most of their ten
    /// nearest neighbours: what the inputs alone allow.
    pub neighbours: Option<f64>,
    /// Share of training examples of another class than the one that at least
    /// eight of their ten nearest neighbours have.
    pub odd_labels: Option<f64>,
    /// Loss (evaluation mode, training sample) of a run as it is and of one
    /// without dropout.
    pub without_dropout: Option<(f64, f64)>,
    /// The same without penalty.
    pub without_penalty: Option<(f64, f64)>,
    /// Loss of a short run as it is and of one whose inputs are all zero.
    pub blank_inputs: Option<(f64, f64)>,
    /// Norm of the gradient of a batch that holds every example twice over that
    /// of the batch with each once: 1 for a mean, 2 for a sum.
    pub batch_law: Option<f64>,
    /// Change of other examples' outputs when one example changes, relative to
    /// the change of its own, in evaluation mode.
    pub dependence: Option<f64>,
}

/// All that is known of a run.
#[derive(Clone, Debug)]
pub struct Record {
    /// The network.
    pub plan: Arc<Plan>,
    /// Its training.
    pub settings: Settings,
    /// Its data.
    pub data: DataFacts,
    /// Steps done.
    pub done: u64,
    /// Mean loss of each step's batch.
    pub losses: Vec<f64>,
    /// Steps that were looked at, in order.
    pub looks: Vec<Look>,
    /// Evaluations, in order; the first before the first step.
    pub points: Vec<Point>,
    /// The first value that was no number.
    pub non_finite: Option<NonFinite>,
    /// Active tests that were made.
    pub tests: Tests,
    /// Examples behind the training accuracy of an evaluation.
    pub scored: usize,
}

/// Examples behind an accuracy that tells chance from little.
pub const SCORED: usize = 500;

impl Record {
    /// What is known before the first step.
    #[must_use]
    pub fn new(plan: Arc<Plan>, settings: Settings, data: DataFacts) -> Self {
        let scored = data.examples.clamp(1, SCORED);
        Record {
            plan,
            settings,
            data,
            scored,
            done: 0,
            losses: Vec::new(),
            looks: Vec::new(),
            points: Vec::new(),
            non_finite: None,
            tests: Tests::default(),
        }
    }

    /// Nodes after the input.
    pub fn layers(&self) -> impl DoubleEndedIterator<Item = (&NodePlan, &LayerKind)> {
        self.plan.nodes.iter().filter_map(|n| Some((n, n.layer.as_ref()?)))
    }

    /// Linear layers: node and initial weights.
    #[must_use]
    pub fn linear(&self) -> Vec<(&NodePlan, Init)> {
        self.layers()
            .filter_map(|(n, l)| if let LayerKind::Linear(l) = l { Some((n, l.init)) } else { None })
            .collect()
    }

    /// Layers with weights: node, initial weights, inputs and readers of a unit.
    #[must_use]
    pub fn weighted(&self) -> Vec<(&NodePlan, Init, Fans)> {
        self.layers()
            .filter_map(|(n, l)| {
                let init = match l {
                    LayerKind::Linear(l) => l.init,
                    LayerKind::Conv2d(c) => c.init,
                    _ => return None,
                };
                Some((n, init, n.plan.params.first()?.fans))
            })
            .collect()
    }

    /// Activations that some layer with weights follows.
    #[must_use]
    pub fn hidden_activations(&self) -> Vec<(&NodePlan, Activation)> {
        let last = self.plan.nodes.iter().rposition(|n| !n.params.is_empty()).unwrap_or(0);
        let all = self.layers().filter(|(n, _)| n.index < last);
        all.filter_map(|(n, l)| if let LayerKind::Activation(a) = l { Some((n, *a)) } else { None }).collect()
    }

    /// The activation after the last layer with weights.
    #[must_use]
    pub fn head_activation(&self) -> Option<(&NodePlan, Activation)> {
        let last = self.plan.nodes.iter().rposition(|n| !n.params.is_empty())?;
        self.layers().filter(|(n, _)| n.index > last).find_map(|(n, l)| match l {
            LayerKind::Activation(a) => Some((n, *a)),
            _ => None,
        })
    }

    /// The activation or soft-max after the last layer with weights.
    #[must_use]
    pub fn head_layer(&self) -> Option<(&NodePlan, &LayerKind)> {
        let last = self.plan.nodes.iter().rposition(|n| !n.params.is_empty())?;
        self.layers()
            .filter(|(n, _)| n.index > last)
            .find(|(_, l)| matches!(l, LayerKind::Activation(_) | LayerKind::Softmax(_)))
    }

    /// Dropout layers and their p.
    #[must_use]
    pub fn dropouts(&self) -> Vec<(&NodePlan, f64)> {
        self.layers()
            .filter_map(|(n, l)| if let LayerKind::Dropout(d) = l { Some((n, d.p)) } else { None })
            .collect()
    }

    /// Whether there is batch normalisation.
    #[must_use]
    pub fn normalised(&self) -> bool {
        self.layers().any(|(_, l)| matches!(l, LayerKind::BatchNorm(_)))
    }

    /// Whether classes are predicted.
    #[must_use]
    pub fn classifies(&self) -> bool {
        self.data.classes() > 0
    }

    /// Accuracy of always saying the most frequent class; 0 for regression.
    #[must_use]
    pub fn chance(&self) -> f64 {
        self.data.largest_share()
    }

    /// Loss of a network that knows only how frequent each class is (or the
    /// mean of the values).
    #[must_use]
    pub fn trivial_loss(&self) -> f64 {
        if !self.classifies() {
            return self.data.target_variance;
        }
        let total = self.data.class_counts.iter().sum::<usize>().max(1) as f64;
        let shares: Vec<f64> = self.data.class_counts.iter().map(|c| *c as f64 / total).collect();
        let width = self.plan.output_shape().len();
        // One output tells the second of two classes.
        let wanted = if width == 1 { &shares[shares.len().min(2) - 1..] } else { &shares[..] };
        let mean = |f: fn(f64) -> f64| wanted.iter().map(|p| f(*p)).sum::<f64>() / wanted.len() as f64;
        match self.plan.loss {
            Loss::CrossEntropy | Loss::CrossEntropyOfProbabilities => self.data.label_entropy(),
            Loss::MeanSquaredError => mean(|p| p * (1.0 - p)),
            Loss::MeanAbsoluteError => mean(|p| p.min(1.0 - p)),
            Loss::BinaryCrossEntropy | Loss::BinaryCrossEntropyOfProbabilities => {
                mean(|p| if p > 0.0 && p < 1.0 { -p * p.ln() - (1.0 - p) * (1.0 - p).ln() } else { 0.0 })
            }
        }
    }

    /// The first evaluation.
    #[must_use]
    pub fn start(&self) -> Option<&Point> {
        self.points.first()
    }

    /// The last evaluation.
    #[must_use]
    pub fn end(&self) -> Option<&Point> {
        self.points.last()
    }

    /// Whether the training examples are still mostly wrong: above half the
    /// loss of a trivial network, and below half the way from chance to right.
    #[must_use]
    pub fn not_converged(&self) -> bool {
        let Some(end) = self.end() else { return false };
        let high = end.train_loss.is_nan() || end.train_loss > 0.5 * self.trivial_loss();
        let wrong = !self.classifies() || end.train_accuracy < 0.5 * (1.0 + self.chance());
        high && wrong
    }

    /// Whether nothing at all was learned: no better than a trivial network.
    #[must_use]
    pub fn learned_nothing(&self) -> bool {
        let Some(end) = self.end() else { return false };
        if self.classifies() {
            // Two binomial standard errors of the sample.
            let chance = self.chance();
            let most = |n: usize| chance + 2.0 * (chance * (1.0 - chance) / n.max(1) as f64).sqrt();
            if self.scored >= SCORED.min(self.data.examples) {
                return end.train_accuracy <= most(self.scored);
            }
            // Of few examples, such as the batch that was just learned, the last evaluations
            // together, and the word of loss and test examples.
            let last = &self.points[self.points.len() - self.points.len().div_ceil(4)..];
            let mean = |of: fn(&Point) -> f64| last.iter().map(of).sum::<f64>() / last.len() as f64;
            mean(|p| p.train_accuracy) <= most(last.len() * self.scored)
                || mean(|p| p.test_accuracy) <= most(SCORED)
                    && mean(|p| p.train_loss) > 0.95 * self.trivial_loss()
        } else {
            end.train_loss.is_nan() || end.train_loss > 0.97 * self.trivial_loss()
        }
    }

    /// The first look that is sick, if at least half of all looks from it on
    /// are, and at least three (or all, of a run that broke off before): one step
    /// alone alarms nobody.
    #[must_use]
    pub fn mostly(&self, sick: impl FnMut(&Look) -> bool) -> Option<&Look> {
        let flags: Vec<bool> = self.looks.iter().map(sick).collect();
        let first = flags.iter().position(|f| *f)?;
        let (count, all) = (flags[first..].iter().filter(|f| **f).count(), flags.len() - first);
        (count >= self.looks.len().min(3) && 2 * count >= all).then(|| &self.looks[first])
    }

    /// The loss that a short run at a multiple of the learning rate reaches.
    #[must_use]
    pub fn loss_at_rate(&self, factor: f64) -> Option<f64> {
        self.tests.rates.iter().find(|(f, _)| *f == factor).map(|(_, loss)| *loss)
    }

    /// The factor of the learning rate whose short run reached the lowest loss.
    #[must_use]
    pub fn best_rate(&self) -> Option<(f64, f64)> {
        let finite = self.tests.rates.iter().filter(|(_, loss)| loss.is_finite());
        finite.copied().min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Median over layers and looks of the update relative to the weight.
    #[must_use]
    pub fn median_update_ratio(&self) -> Option<f64> {
        let of = |l: &LayerStats| {
            (l.weight_rms > 0.0 && !self.settings.frozen.contains(&l.layer)).then(|| l.update_ratio())
        };
        crate::series::median(self.looks.iter().flat_map(|l| l.layers.iter().filter_map(of)).collect())
    }
}
