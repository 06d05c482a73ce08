//! Active tests: a little more training that separates look-alikes.
//!
//! A test is run only when its answer can change the diagnosis, and its cost is
//! said before it runs.
//!
//! | test | when it pays | separates |
//! |---|---|---|
//! | neighbours | the network is not right about its examples | labels that say nothing, noise, capacity |
//! | learning-rate scan | not trained, or not a number | rate too high, too low, fine |
//! | memorise 16 | nothing was learned | wiring against labels |
//! | zeroed inputs | nothing was learned | inputs unused, labels unrelated |
//! | without dropout, without penalty | not trained, and there is one | regularisation against everything else |
//! | batch law | not trained | a sum for a mean |
//! | dependence | not trained | examples that mix |

use super::subject::Subject;
use super::trial::{Trial, Variation, sample};
use crate::neighbours;
use crate::results::Text;
use kobai_doctor::Record;
use kobai_engine::layer::LayerKind;
use kobai_engine::optim::Penalty;
use kobai_engine::{Lang, Unobserved, say};
use kobai_kernels::Pool;
use std::sync::Arc;
use std::time::Instant;

/// Factors of the learning-rate scan.
const RATES: [f64; 7] = [0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0];
/// Steps of each run of the scan, at most.
const SCAN: u64 = 100;
/// Training loss, over that of knowing nothing, from which regularisation is
/// suspected although something was learned.
const HELD_BACK: f64 = 0.15;
/// Steps of a run without what was meant to help, at most.
const COMPARED: u64 = 500;
/// Steps of memorising, at most.
const MEMORISE: u64 = 300;

/// A test that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// Its name, such as `learning-rate-scan`.
    pub id: &'static str,
    /// What it is and why it pays.
    pub what: Text,
    /// Training steps that it takes.
    pub steps: u64,
    /// What it took.
    pub seconds: f64,
}

/// Runs the tests that pay and writes their answers into the record.
pub(crate) struct Bench<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) seed: u64,
    pub(crate) pool: &'a Arc<Pool>,
    /// Steps that tests may take, together.
    pub(crate) allowance: u64,
    pub(crate) tell: &'a dyn Fn(&Text),
    pub(crate) made: Vec<Made>,
}

impl Bench<'_> {
    pub(crate) fn run(&mut self, record: &mut Record) {
        let broken = record.non_finite.is_some();
        let end = record.end().copied().unwrap_or_default();
        let wrong = record.classifies() && (end.train_accuracy.min(end.test_accuracy) < 0.95 || broken);
        if wrong {
            self.neighbours(record);
        }
        let sick = record.not_converged() || broken;
        if !sick {
            // What learned something may still be held back by what was meant to help.
            if end.train_loss > HELD_BACK * record.trivial_loss() {
                self.without(record);
            }
            return;
        }
        // Three fifths of what may be spent, so that the other tests can be made.
        let affordable = self.allowance * 3 / 5 / RATES.len() as u64;
        let steps = record.settings.steps.min(SCAN).min(affordable.max(20));
        self.rates(record, steps);
        if record.learned_nothing() || broken {
            self.memorise(record);
            self.blank(record, steps);
        }
        self.without(record);
        self.wiring(record);
    }

    /// Says what a test costs, runs it if it can be afforded, and takes its time.
    fn test(&mut self, id: &'static str, what: [&str; 2], steps: u64, run: impl FnOnce(&Self)) {
        if steps > self.allowance {
            return;
        }
        self.allowance -= steps;
        let line = |lang: Lang| {
            let name = lang.pick(what[0], what[1]);
            match steps {
                0 => say!(lang, "test: {name}", "検査: {name}"),
                _ => say!(lang, "test: {name} ({steps} steps)", "検査: {name}（{steps} ステップ）"),
            }
        };
        let text = Text { en: line(Lang::En), ja: line(Lang::Ja) };
        (self.tell)(&text);
        let start = Instant::now();
        run(self);
        let what = Text { en: what[0].into(), ja: what[1].into() };
        self.made.push(Made { id, what, steps, seconds: start.elapsed().as_secs_f64() });
    }

    fn neighbours(&mut self, record: &mut Record) {
        let what = ["what the nearest neighbours say about the labels", "近傍はラベルについて何と言うか"];
        let train = Arc::clone(&self.subject.split);
        self.test("neighbours", what, 0, |_| {
            if let Some(votes) = neighbours::ask(&train.train, 1000) {
                record.tests.neighbours = Some(votes.accuracy());
                record.tests.odd_labels = Some(votes.odd_share());
            }
        });
    }

    /// Loss of the training sample after a short run.
    fn short(&self, subject: &Subject, steps: u64, variation: Variation) -> f64 {
        let mut trial = Trial::new(subject, self.seed, self.pool, variation);
        for _ in 0..steps {
            if !trial.step(&mut Unobserved).loss_sum.is_finite() {
                return f64::INFINITY;
            }
        }
        let loss = trial.train_score().loss();
        if loss.is_finite() { loss } else { f64::INFINITY }
    }

    fn rates(&mut self, record: &mut Record, steps: u64) {
        let what = ["learning-rate scan: 0.01 to 100 times the rate", "学習率の走査: 0.01〜100 倍"];
        self.test("learning-rate-scan", what, steps * RATES.len() as u64, |bench| {
            let run = |rate: f64| {
                let loss = bench.short(bench.subject, steps, Variation { rate, ..Variation::NONE });
                (rate, loss)
            };
            record.tests.rates = RATES.iter().map(|r| run(*r)).collect();
        });
    }

    fn memorise(&mut self, record: &mut Record) {
        let n = 16.min(self.subject.spec().training.batch).min(self.subject.split.train.len());
        let only = sample(self.subject.split.train.len(), n);
        let what = ["can it memorise sixteen examples?", "16 例を覚えられるか"];
        let steps = MEMORISE;
        self.test("memorise", what, steps, |bench| {
            let variation = Variation { only: Some(only), ..Variation::NONE };
            let mut trial = Trial::new(bench.subject, bench.seed, bench.pool, variation);
            let before = trial.train_score().loss();
            let mut after = before;
            for step in 0..steps {
                let loss = trial.step(&mut Unobserved).loss();
                if !loss.is_finite() {
                    after = f64::INFINITY;
                    break;
                }
                if step % 25 == 24 {
                    after = trial.train_score().loss();
                    if after < 0.05 * before {
                        break;
                    }
                }
            }
            record.tests.memorise = Some((before, after));
        });
    }

    fn blank(&mut self, record: &mut Record, steps: u64) {
        let what = ["does it matter if all inputs are zero?", "入力をすべて 0 にして差が出るか"];
        let real = record.loss_at_rate(1.0);
        self.test("zeroed-inputs", what, steps, |bench| {
            let real = real.unwrap_or_else(|| bench.short(bench.subject, steps, Variation::NONE));
            let blank = bench.short(bench.subject, steps, Variation { blank: true, ..Variation::NONE });
            record.tests.blank_inputs = Some((real, blank));
        });
    }

    fn without(&mut self, record: &mut Record) {
        let (penalized, drops) = (record.settings.penalty() > 0.0, !record.dropouts().is_empty());
        // A point of the watched run to compare with, so early that the rest of the allowance reaches it.
        let reach = (self.allowance / (u64::from(penalized) + u64::from(drops)).max(1)).min(COMPARED);
        let Some(point) = record.points.iter().rfind(|p| p.step <= reach && p.step > 0).copied() else {
            return;
        };
        let steps = point.step;
        if penalized {
            let what = ["the same without the penalty", "罰則なしの学習"];
            self.test("without-penalty", what, steps, |bench| {
                let plain = bench.subject.replan(|row| row.training.updates.penalty = Penalty::None);
                if let Some(plain) = plain {
                    let loss = bench.short(&plain, steps, Variation::NONE);
                    record.tests.without_penalty = Some((point.train_loss, loss));
                }
            });
        }
        if drops {
            let what = ["the same without dropout", "ドロップアウトなしの学習"];
            self.test("without-dropout", what, steps, |bench| {
                let plain = bench.subject.replan(|row| {
                    row.model.body.without(&|layer| matches!(layer, LayerKind::Dropout(_)));
                });
                if let Some(plain) = plain {
                    let loss = bench.short(&plain, steps, Variation::NONE);
                    record.tests.without_dropout = Some((point.train_loss, loss));
                }
            });
        }
    }

    /// Two laws that every training obeys: the gradient of a mean does not grow
    /// with the batch, and an example's output depends on its own input alone.
    fn wiring(&mut self, record: &mut Record) {
        let what = ["batch-size law and dependence of examples", "バッチの法則と例の独立性"];
        let subject = self.subject;
        let half = (subject.spec().training.batch / 2).min(64).min(subject.split.train.len());
        if half == 0 {
            return;
        }
        self.test("batch-law", what, 0, |bench| {
            // Dropout draws by place in the batch: it would differ between the halves.
            if record.dropouts().is_empty() {
                let mut trial = Trial::new(subject, bench.seed, bench.pool, Variation::NONE);
                let once = sample(subject.split.train.len(), half);
                let twice: Vec<u32> = once.iter().chain(&once).copied().collect();
                let mut norm = |examples: &[u32]| {
                    trial.gradient(examples);
                    trial.exec.grads().iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>().sqrt()
                };
                let ratio = norm(&twice) / norm(&once);
                record.tests.batch_law = ratio.is_finite().then_some(ratio);
            }
            let mut trial = Trial::new(subject, bench.seed, bench.pool, Variation::NONE);
            let few = sample(subject.split.train.len(), half.min(8));
            let (plain, bumped) = (trial.outputs(&few, 0.0), trial.outputs(&few, 1.0));
            let width = plain.len() / few.len();
            let change = |range: std::ops::Range<usize>| {
                let pairs = plain[range.clone()].iter().zip(&bumped[range]);
                pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
            };
            let (own, others) = (change(0..width), change(width..plain.len()));
            record.tests.dependence = (own > 0.0).then(|| others / own);
        });
    }
}
