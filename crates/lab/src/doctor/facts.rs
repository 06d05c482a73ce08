//! Figures about the data of a subject.

use super::trial::{sample, shown};
use crate::experiment::RowSpec;
use kobai_data::dataset::{Dataset, Split, Targets};
use kobai_doctor::DataFacts;
use kobai_kernels::Pool;
use std::collections::HashSet;

/// Most examples whose inputs are measured.
const MOST: usize = 2000;

pub(crate) fn of(row: &RowSpec, split: &Split) -> DataFacts {
    let (train, test) = (&split.train, &split.test);
    let learned = row.training.examples.unwrap_or(train.len()).min(train.len());
    let mut facts = DataFacts { examples: learned, test_examples: test.len(), ..DataFacts::default() };
    // As the network sees them: normalised if the file says so.
    let loader = row.feed.loader(train).ok().flatten();
    let chosen = sample(learned, MOST);
    let mut rows = vec![0.0; chosen.len() * train.shape().len()];
    shown(loader.as_ref(), train, &chosen, &Pool::serial(), &mut rows);
    facts.inputs(&rows, train.shape().len());
    let chosen = sample(test.len(), MOST);
    rows.resize(chosen.len() * test.shape().len(), 0.0);
    shown(loader.as_ref(), test, &chosen, &Pool::serial(), &mut rows);
    facts.test_inputs(&rows);
    match train.targets() {
        Targets::Classes(classes) => {
            facts.class_counts = counts(&classes[..learned], train.classes());
            if let Targets::Classes(classes) = test.targets() {
                facts.test_counts = counts(classes, test.classes());
            }
        }
        Targets::Values { width, data } => facts.values(&data[..learned * width]),
    }
    (facts.leaked, facts.duplicates) = copies(train, learned, test);
    facts
}

fn counts(classes: &[u32], count: usize) -> Vec<usize> {
    let mut counts = vec![0; count];
    classes.iter().for_each(|c| counts[*c as usize] += 1);
    counts
}

/// Test examples that are training examples, and training examples that are
/// there already, bit for bit. In hashes: 64 bits of FNV-1a over the values.
fn copies(train: &Dataset, learned: usize, test: &Dataset) -> (usize, usize) {
    let hashes = |data: &Dataset, n: usize| {
        let mut row = vec![0.0f32; data.shape().len()];
        (0..n as u32)
            .map(|i| {
                data.gather(&[i], &mut row);
                row.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, x| {
                    (h ^ u64::from(x.to_bits())).wrapping_mul(0x0100_0000_01b3)
                })
            })
            .collect::<Vec<u64>>()
    };
    let known: HashSet<u64> = hashes(train, learned).into_iter().collect();
    let leaked = hashes(test, test.len()).iter().filter(|h| known.contains(h)).count();
    (leaked, learned - known.len())
}
