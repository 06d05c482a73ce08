//! What runs leave behind: the data of tables, pictures, verdicts and reports.
//!
//! Plain values without behaviour. They are written as `results.json` in a run
//! folder and hold everything that the report draws, so a report can be made
//! again without training.

use kobai_engine::{Lang, say};
use serde::{Deserialize, Serialize};

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// English.
    pub en: String,
    /// Japanese.
    pub ja: String,
}

impl Text {
    /// The same word in both languages, such as an identifier.
    #[must_use]
    pub fn plain(word: &str) -> Text {
        Text { en: word.into(), ja: word.into() }
    }

    /// The text of one language.
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        lang.pick(&self.en, &self.ja)
    }
}

/// A finished experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Identifier of the experiment, such as `vanishing-gradient`.
    pub id: String,
    /// Section of the course.
    #[serde(default)]
    pub section: Text,
    /// Its title.
    pub title: Text,
    /// What it shows, a few sentences.
    pub summary: Text,
    /// Notes to the reader that depend on the options, such as what `--as-published` changes.
    pub notes: Vec<Text>,
    /// The command that makes these results.
    pub command: String,
    /// The data set's identifier (`digits`, `mnist`, …).
    pub data: String,
    /// One line about the data: name, number of examples, shape.
    pub data_line: Text,
    /// Training steps of each run.
    pub steps: u64,
    /// Examples of a batch.
    pub batch: usize,
    /// Seeds, the same for every row.
    pub seeds: Vec<u64>,
    /// The instruction set whose bits these are.
    pub isa: String,
    /// Version of the program.
    pub version: String,
    /// One row per network.
    pub rows: Vec<Row>,
    /// Optimisers on surfaces of two params, if the experiment has them.
    #[serde(default)]
    pub surfaces: Option<crate::surfaces::Surfaces>,
    /// One verdict per claim.
    pub claims: Vec<Claim>,
}

/// One setting of an experiment, run with several seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Identifier, such as `he_relu`.
    pub id: String,
    /// Short label for tables and legends.
    pub label: Text,
    /// Identifier of the published result, such as `vg2.he_relu`.
    pub reference: Option<String>,
    /// Published test accuracies, where the data set is the published one.
    pub published: Option<Published>,
    /// Its place in a grid, if the experiment has axes.
    #[serde(default)]
    pub place: Option<Place>,
    /// One run per seed, in the order of [`Results::seeds`].
    pub runs: Vec<Run>,
}

/// A row's place in the grid that an experiment's axes make.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Choice of the first axis, such as `sgd`: the group that claims refer to.
    pub group: String,
    /// Its label.
    pub group_label: Text,
    /// Label of its line in the matrix.
    pub row: Text,
    /// Label of its column.
    pub column: Text,
    /// What the columns are.
    pub columns: Text,
    /// Value on the numeric axis, for a grid of groups × values.
    pub x: Option<f64>,
}

/// A published result to compare with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Test accuracies printed in the course's notebooks and notes.
    pub notebooks: Vec<f64>,
    /// Mean test accuracy of the reference implementation.
    pub mean: f64,
    /// Its standard deviation over seeds.
    pub sd: f64,
    /// Its lowest and its highest seed.
    pub range: [f64; 2],
    /// Its number of seeds.
    pub n: u32,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All steps were done.
    Finished,
    /// The loss or a gradient became infinite or NaN.
    Diverged {
        /// The first step with a non-finite loss.
        step: u64,
    },
}

/// One network trained from one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Final accuracy on the training examples (which ones: see the experiment).
    pub train: f64,
    /// Final accuracy on all test examples.
    pub test: f64,
    /// Learning curve, by step.
    pub curve: Vec<CurvePoint>,
    /// Size of gradients, weights and updates by layer, by step. Empty without observers.
    pub flow: Vec<FlowPoint>,
    /// Distribution of activations by layer, by step. Empty without observers.
    pub activations: Vec<ActivationPoint>,
    /// Distribution of weights by layer, before and after. Empty without observers.
    #[serde(default)]
    pub weights: Vec<WeightStats>,
    /// Named measurements that claims refer to (`test`, `gradient_ratio`, …).
    pub measures: std::collections::BTreeMap<String, f64>,
    /// SHA-256 of the final parameters, in hexadecimal.
    pub weights_sha256: String,
}

/// One evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Updates done so far.
    pub step: u64,
    /// Training loss: of the batch while it is learned, or of all examples that
    /// are learned from where the accuracy is measured on all.
    pub train_loss: f64,
    /// Training accuracy.
    pub train_accuracy: f64,
    /// Test loss.
    pub test_loss: f64,
    /// Test accuracy.
    pub test_accuracy: f64,
}

/// Gradients, weights and updates at one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowPoint {
    /// The step, from 0.
    pub step: u64,
    /// Layers with weights, from input to output.
    pub layers: Vec<LayerFlow>,
}

/// One layer's weight at one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerFlow {
    /// Node, such as `fc1`.
    pub layer: String,
    /// Root mean square of the weight's gradient.
    pub gradient_rms: f64,
    /// Root mean square of the weight.
    pub weight_rms: f64,
    /// Root mean square of the update that this step made.
    pub update_rms: f64,
    /// Root mean square of the penalty's gradient; 0 where none applies.
    #[serde(default)]
    pub penalty_rms: f64,
    /// Largest difference between the incoming weights of two units of this layer.
    pub unit_spread: f64,
}

/// Activations at one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivationPoint {
    /// The step, from 0.
    pub step: u64,
    /// Activation layers, from input to output.
    pub layers: Vec<ActivationStats>,
}

/// The outputs of one activation layer over a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivationStats {
    /// Node, such as `sigmoid1`.
    pub layer: String,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
    /// Share of exact zeros.
    pub zeros: f64,
    /// Share of saturated values: where the activation's derivative is below 0.01.
    pub saturated: f64,
    /// Lower edge of the first bin.
    pub low: f64,
    /// Upper edge of the last bin.
    pub high: f64,
    /// Counts in equal bins from `low` to `high`; values outside fall into the end bins.
    pub histogram: Vec<u32>,
}

impl ActivationStats {
    /// Root mean square.
    #[must_use]
    pub fn rms(&self) -> f64 {
        (self.mean * self.mean + self.std * self.std).sqrt()
    }
}

/// One layer's weight before the first and after the last step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WeightStats {
    /// Node, such as `fc1`.
    pub layer: String,
    /// Root mean square before and after.
    pub rms: [f64; 2],
    /// Share of weights below 2 % of the initial root mean square, before and after.
    pub near_zeros: [f64; 2],
    /// Lower edge of the first bin.
    pub low: f64,
    /// Upper edge of the last bin.
    pub high: f64,
    /// Counts in equal bins, before; values outside fall into the end bins.
    pub first: Vec<u32>,
    /// Counts in the same bins, after.
    pub last: Vec<u32>,
}

/// What was decided about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The runs support it.
    #[serde(rename = "holds")]
    Holds,
    /// The runs contradict it.
    #[serde(rename = "does not hold")]
    DoesNotHold,
    /// The runs do not decide.
    #[serde(rename = "undecided")]
    Undecided,
}

/// What is claimed of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It is below this value.
    Below(f64),
    /// It is above this value.
    Above(f64),
    /// It is exactly this value for every seed.
    Equals(f64),
}

impl Condition {
    /// The condition in words, such as `below 0.01`.
    #[must_use]
    pub fn words(self, lang: Lang) -> String {
        let shown = |x| crate::chart::number::compact(x, 6);
        match self {
            Condition::Below(x) => say!(lang, "below {}", "{} 未満", shown(x)),
            Condition::Above(x) => say!(lang, "above {}", "{} 超", shown(x)),
            Condition::Equals(x) => say!(lang, "equal to {}", "{} に等しい", shown(x)),
        }
    }
}

/// A claim and its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Identifier, such as `sigmoid-gauss-vanishes`.
    pub id: String,
    /// Identifiers of the course notes' statements that it decides, such as `C1.01`.
    pub notes: Vec<String>,
    /// The claim in words.
    pub text: Text,
    /// What was decided.
    pub verdict: Verdict,
    /// One or two sentences that explain the verdict.
    pub because: Text,
    /// What was measured, such as `gauss_sigmoid.gradient_ratio`.
    pub measure: String,
    /// What is claimed of it.
    pub condition: Condition,
    /// The measure of every seed (one value if it is computed).
    pub values: Vec<f64>,
    /// Mean over seeds.
    pub mean: f64,
    /// Confidence interval of the mean over seeds, if there are at least two values.
    pub interval: Option<[f64; 2]>,
    /// Confidence of the interval, such as 0.99.
    pub confidence: f64,
    /// Number of values.
    pub n: usize,
    /// Distance of the mean from the threshold in standard deviations over
    /// seeds (Cohen's d), if the seeds differ.
    #[serde(default)]
    pub effect: Option<f64>,
    /// For an undecided claim, about how many seeds would decide.
    pub seeds_needed: Option<usize>,
}
