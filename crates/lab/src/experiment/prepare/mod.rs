//! `[data.prepare]`: what is done to the data before they are learned from.
//!
//! The first group spoils data on purpose: to teach, and to measure the doctor.
//! The second group mends them: it is what the doctor prescribes. Spoiling
//! comes first, so that a cure in the same file meets the disease.
//!
//! | key | what |
//! |---|---|
//! | `scale`, `shift` | inputs become `x · scale + shift`, training and test |
//! | `target_scale`, `target_shift` | the same for the values of a regression |
//! | `spread` | the last feature is multiplied by this, the first by 1, geometrically between |
//! | `noise` | normal noise of this standard deviation on the training inputs |
//! | `erase` | this share of the inputs of each training example becomes 0 |
//! | `constant_features` | so many features, the first, become 1 |
//! | `non_finite` | so many training examples get an input that is no number |
//! | `shuffle_labels` | the training labels are permuted |
//! | `label_noise` | this share of the training labels becomes another class |
//! | `drop_class` | no training example of this class |
//! | `rare` | of every class but 0 only this share of the training examples stays |
//! | `leak` | this share of the training examples is replaced by test examples |
//! | `seed` | what the random choices depend on |
//! | `remove_leak` | no training example is a test example |
//! | `drop_non_finite` | no training example has an input that is no number |
//! | `drop_odd_labels` | no training example contradicts eight of its ten neighbours |
//! | `balance` | rare classes are repeated until all are equally frequent |
//! | `standardize` | each feature gets mean 0 and deviation 1, measured on the training examples |
//! | `standardize_targets` | the same for the values of a regression |

mod part;

use super::error::ExperimentProblem;
use super::reader::{Read, Reader};
use kobai_data::DataError;
use kobai_data::dataset::{Dataset, Split};
use kobai_engine::{Rng, Stream};
use part::{Labels, Part};
use std::collections::HashSet;

/// Nodes of stream `Data`, one per random choice.
const SHUFFLE: u32 = 901;
const NOISE: u32 = 902;
const LEAK: u32 = 903;
const DISTURB: u32 = 904;
const ERASE: u32 = 905;

/// Changes of the data, see the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prepare {
    scale: Option<f64>,
    shift: Option<f64>,
    target_scale: Option<f64>,
    target_shift: Option<f64>,
    spread: Option<f64>,
    noise: f64,
    erase: f64,
    constant_features: usize,
    non_finite: usize,
    shuffle_labels: bool,
    label_noise: f64,
    drop_class: Option<usize>,
    rare: Option<f64>,
    leak: f64,
    seed: u64,
    remove_leak: bool,
    drop_non_finite: bool,
    drop_odd_labels: bool,
    balance: bool,
    standardize: bool,
    standardize_targets: bool,
}

fn share(at: &Reader<'_>, key: &str) -> Read<Option<f64>> {
    match at.float(key)? {
        Some(x) if !(0.0..=1.0).contains(&x) => {
            at.fail(key, |key| ExperimentProblem::Range { key, got: x, range: "0 <= x <= 1" })
        }
        other => Ok(other),
    }
}

impl Prepare {
    pub(super) fn read(table: Option<Reader<'_>>) -> Read<Prepare> {
        let Some(at) = table else { return Ok(Prepare::default()) };
        let made = Prepare {
            scale: at.float("scale")?,
            shift: at.float("shift")?,
            target_scale: at.float("target_scale")?,
            target_shift: at.float("target_shift")?,
            spread: at.float("spread")?,
            noise: at.float_or("noise", 0.0)?,
            erase: share(&at, "erase")?.unwrap_or(0.0),
            constant_features: at.whole("constant_features")?.unwrap_or(0),
            non_finite: at.whole("non_finite")?.unwrap_or(0),
            shuffle_labels: at.boolean_or("shuffle_labels", false)?,
            label_noise: share(&at, "label_noise")?.unwrap_or(0.0),
            drop_class: at.whole("drop_class")?,
            rare: share(&at, "rare")?,
            leak: share(&at, "leak")?.unwrap_or(0.0),
            seed: at.whole("seed")?.unwrap_or(0) as u64,
            remove_leak: at.boolean_or("remove_leak", false)?,
            drop_non_finite: at.boolean_or("drop_non_finite", false)?,
            drop_odd_labels: at.boolean_or("drop_odd_labels", false)?,
            balance: at.boolean_or("balance", false)?,
            standardize: at.boolean_or("standardize", false)?,
            standardize_targets: at.boolean_or("standardize_targets", false)?,
        };
        at.finish()?;
        Ok(made)
    }

    /// Whether the data stay as they are.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Prepare { seed: self.seed, ..Prepare::default() }
    }

    /// The data as they are learned from.
    ///
    /// # Errors
    /// If nothing is left to learn from.
    pub fn apply(&self, split: Split) -> Result<Split, DataError> {
        if self.is_none() {
            return Ok(split);
        }
        let (mut train, mut test) = (Part::of(&split.train), Part::of(&split.test));
        self.spoil(&mut train, &mut test);
        self.mend(&mut train, &mut test, &split.train)?;
        if train.inputs.is_empty() {
            return Err(DataError::TooFew { name: split.train.name().into(), asked: 1, available: 0 });
        }
        Ok(Split { train: train.like(&split.train)?, test: test.like(&split.test)? })
    }

    fn spoil(&self, train: &mut Part, test: &mut Part) {
        let draw = |node| Rng::new(self.seed).draw(Stream::Data, 3, node);
        if let Some(classes) = train.labels_mut()
            && let Some(drop) = self.drop_class
        {
            let keep: Vec<bool> = classes.iter().map(|c| *c as usize != drop).collect();
            train.keep(&keep);
        }
        if let (Some(share), Some(classes)) = (self.rare, train.labels_mut()) {
            // Every k-th of a class stays: what is kept does not depend on the order of draws.
            let mut seen = vec![0usize; classes.iter().max().map_or(0, |m| *m as usize + 1)];
            let keep: Vec<bool> = classes
                .iter()
                .map(|c| {
                    let n = &mut seen[*c as usize];
                    *n += 1;
                    *c == 0 || (*n as f64 * share).floor() > ((*n - 1) as f64 * share).floor()
                })
                .collect();
            train.keep(&keep);
        }
        if self.leak > 0.0 && test.len() > 0 {
            let count = (self.leak * train.len() as f64) as usize;
            let from = draw(LEAK).permutation(test.len() as u32);
            for i in 0..count {
                train.copy(i, test, from[i % from.len()] as usize);
            }
        }
        if let (true, Labels::Values(values)) = (self.shuffle_labels, &mut train.labels) {
            let width = train.values;
            let order = draw(SHUFFLE).permutation((values.len() / width) as u32);
            let old = values.clone();
            for (to, from) in values.chunks_exact_mut(width).zip(order) {
                to.copy_from_slice(&old[from as usize * width..][..width]);
            }
        }
        if let Some(classes) = train.labels_mut() {
            if self.shuffle_labels {
                let order = draw(SHUFFLE).permutation(classes.len() as u32);
                let old = classes.clone();
                classes.iter_mut().zip(order).for_each(|(c, i)| *c = old[i as usize]);
            }
            let count = classes.iter().max().map_or(0, |m| m + 1);
            let noise = draw(NOISE);
            for (i, c) in classes.iter_mut().enumerate() {
                if count > 1 && noise.uniform(2 * i as u64) < self.label_noise {
                    *c = (*c + 1 + noise.below(count - 1, 2 * i as u64 + 1)) % count;
                }
            }
        }
        for part in [&mut *train, test] {
            let width = part.width;
            for row in part.inputs.chunks_exact_mut(width) {
                row.iter_mut().take(self.constant_features).for_each(|x| *x = 1.0);
            }
            if let Some(spread) = self.spread {
                for row in part.inputs.chunks_exact_mut(width) {
                    for (j, x) in row.iter_mut().enumerate() {
                        let factor = spread.powf(j as f64 / (width.max(2) - 1) as f64);
                        *x = (f64::from(*x) * factor) as f32;
                    }
                }
            }
            affine(&mut part.inputs, self.scale, self.shift);
            if let Labels::Values(values) = &mut part.labels {
                affine(values, self.target_scale, self.target_shift);
            }
        }
        let (disturb, erase) = (draw(DISTURB), draw(ERASE));
        for (i, x) in (0..).zip(&mut train.inputs) {
            if self.noise > 0.0 {
                *x += (self.noise * disturb.normal(i)) as f32;
            }
            if self.erase > 0.0 && erase.uniform(i) < self.erase {
                *x = 0.0;
            }
        }
        let width = train.width;
        for row in train.inputs.chunks_exact_mut(width).take(self.non_finite) {
            row[0] = f32::NAN;
        }
    }

    fn mend(&self, train: &mut Part, test: &mut Part, like: &Dataset) -> Result<(), DataError> {
        if self.remove_leak {
            let known: HashSet<Vec<u32>> = test.rows().map(bits).collect();
            let keep: Vec<bool> = train.rows().map(|row| !known.contains(&bits(row))).collect();
            train.keep(&keep);
        }
        if self.drop_non_finite {
            let keep: Vec<bool> = train.rows().map(|row| row.iter().all(|x| x.is_finite())).collect();
            train.keep(&keep);
        }
        if self.drop_odd_labels
            && let Some(votes) = crate::neighbours::ask_about_all(&train.like(like)?)
        {
            let mut keep = vec![true; train.len()];
            votes.asked.iter().zip(&votes.odd).for_each(|(i, odd)| keep[*i as usize] = !odd);
            train.keep(&keep);
        }
        if self.balance {
            train.balance();
        }
        if self.standardize {
            for j in 0..train.width {
                let column = |part: &Part| part.rows().map(|r| f64::from(r[j])).collect::<Vec<_>>();
                let (mean, std) = moments(&column(train));
                for part in [&mut *train, test] {
                    let width = part.width;
                    part.inputs
                        .chunks_exact_mut(width)
                        .for_each(|r| r[j] = ((f64::from(r[j]) - mean) / std) as f32);
                }
            }
        }
        if let (true, Labels::Values(values)) = (self.standardize_targets, &train.labels) {
            let all: Vec<f64> = values.iter().map(|y| f64::from(*y)).collect();
            let (mean, std) = moments(&all);
            for part in [train, test] {
                if let Labels::Values(values) = &mut part.labels {
                    values.iter_mut().for_each(|y| *y = ((f64::from(*y) - mean) / std) as f32);
                }
            }
        }
        Ok(())
    }
}

fn bits(row: &[f32]) -> Vec<u32> {
    row.iter().map(|x| x.to_bits()).collect()
}

fn affine(values: &mut [f32], scale: Option<f64>, shift: Option<f64>) {
    if scale.is_some() || shift.is_some() {
        let (a, b) = (scale.unwrap_or(1.0), shift.unwrap_or(0.0));
        values.iter_mut().for_each(|x| *x = (f64::from(*x) * a + b) as f32);
    }
}

/// Mean and deviation; a feature that never changes is divided by 1.
fn moments(values: &[f64]) -> (f64, f64) {
    let finite: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
    let n = finite.len().max(1) as f64;
    let mean = finite.iter().sum::<f64>() / n;
    let std = (finite.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
    (mean, if std > 0.0 { std } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kobai_data::dataset::{Inputs, Targets};

    fn split() -> Split {
        let part = |name: &str, from: u32| {
            let inputs = (0..40).map(|i| (from + i) as f32).collect();
            let labels = (0..20).map(|i| i % 2).collect();
            Dataset::new(name, [2].into(), 2, Inputs::F32(inputs), Targets::Classes(labels)).unwrap()
        };
        Split { train: part("train", 0), test: part("test", 1000) }
    }

    fn classes(data: &Dataset) -> Vec<u32> {
        match data.targets() {
            Targets::Classes(c) => c.clone(),
            Targets::Values { .. } => unreachable!(),
        }
    }

    fn row(data: &Dataset, i: u32) -> Vec<f32> {
        let mut out = vec![0.0; 2];
        data.gather(&[i], &mut out);
        out
    }

    #[test]
    fn what_is_spoilt_is_spoilt() {
        let made = |p: Prepare| p.apply(split()).unwrap();
        assert_eq!(made(Prepare::default()), split());
        let scaled = made(Prepare { scale: Some(255.0), shift: Some(1.0), ..Prepare::default() });
        assert_eq!(
            (row(&scaled.train, 0), row(&scaled.test, 0)),
            (vec![1.0, 256.0], vec![255_001.0, 255_256.0])
        );
        let dropped = made(Prepare { drop_class: Some(1), ..Prepare::default() });
        assert_eq!((dropped.train.len(), dropped.test.len()), (10, 20));
        let rare = made(Prepare { rare: Some(0.2), ..Prepare::default() });
        assert_eq!(classes(&rare.train).iter().filter(|c| **c == 1).count(), 2);
        let noisy = made(Prepare { label_noise: 1.0, ..Prepare::default() });
        assert_eq!(classes(&noisy.train), classes(&split().train).iter().map(|c| 1 - c).collect::<Vec<_>>());
        let shuffled = made(Prepare { shuffle_labels: true, ..Prepare::default() });
        assert_ne!(classes(&shuffled.train), classes(&split().train));
        assert_eq!(classes(&shuffled.train).iter().sum::<u32>(), 10);
    }

    #[test]
    fn what_is_mended_is_mended() {
        let leaky = Prepare { leak: 0.25, ..Prepare::default() };
        let tests: Vec<Vec<f32>> = (0..20).map(|i| row(&split().test, i)).collect();
        let leaked =
            |s: &Split| (0..s.train.len() as u32).filter(|i| tests.contains(&row(&s.train, *i))).count();
        assert_eq!(leaked(&leaky.apply(split()).unwrap()), 5);
        let clean = Prepare { remove_leak: true, ..leaky }.apply(split()).unwrap();
        assert_eq!((leaked(&clean), clean.train.len()), (0, 15));
        let balanced =
            Prepare { rare: Some(0.2), balance: true, ..Prepare::default() }.apply(split()).unwrap();
        assert_eq!(classes(&balanced.train).iter().sum::<u32>(), 10);
        let standard =
            Prepare { scale: Some(9.0), standardize: true, ..Prepare::default() }.apply(split()).unwrap();
        let column: Vec<f64> = (0..20).map(|i| f64::from(row(&standard.train, i)[1])).collect();
        let (mean, std) = moments(&column);
        assert!(mean.abs() < 1e-6 && (std - 1.0).abs() < 1e-6, "{mean} {std}");
    }
}
