//! What inputs alone say about labels: votes of nearest neighbours.

use kobai_data::dataset::{Dataset, Targets};
use kobai_engine::{Rng, Stream};

/// Neighbours that vote.
const VOTERS: usize = 10;
/// Votes that contradict a label.
const AGAINST: usize = 8;
/// Node of stream `Data` that chooses examples.
const NODE: u32 = 900;
/// Most multiplications of one comparison of all with all: about a second.
const MOST_PRODUCTS: usize = 800_000_000;

/// The votes about some examples.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Votes {
    /// Indices of the examples.
    pub(crate) asked: Vec<u32>,
    /// Whether most of the neighbours have the example's class.
    pub(crate) right: Vec<bool>,
    /// Whether at least eight of ten neighbours have one and the same other class.
    pub(crate) odd: Vec<bool>,
}

impl Votes {
    fn share(flags: &[bool]) -> f64 {
        flags.iter().filter(|f| **f).count() as f64 / flags.len().max(1) as f64
    }

    /// Share of examples whose class is that of most neighbours.
    pub(crate) fn accuracy(&self) -> f64 {
        Votes::share(&self.right)
    }

    /// Share of examples whose label contradicts its neighbours.
    pub(crate) fn odd_share(&self) -> f64 {
        Votes::share(&self.odd)
    }
}

/// Asks neighbours about up to `most` training examples (all are asked about
/// that are compared). None for regression.
pub(crate) fn ask(train: &Dataset, most: usize) -> Option<Votes> {
    let width = train.shape().len();
    let affordable = ((MOST_PRODUCTS / width.max(1)) as f64).sqrt() as usize;
    let count = most.min(train.len()).min(affordable.max(64));
    let asked = choose(train.len(), count);
    votes(train, &asked, &asked)
}

/// Asks a sample of the examples about every example.
pub(crate) fn ask_about_all(train: &Dataset) -> Option<Votes> {
    let width = train.shape().len();
    let all: Vec<u32> = (0..train.len() as u32).collect();
    let affordable = 20 * MOST_PRODUCTS / width.max(1) / train.len().max(1);
    votes(train, &all, &choose(train.len(), affordable.clamp(100, 2000).min(train.len())))
}

/// A random choice that is the same on every call.
fn choose(len: usize, count: usize) -> Vec<u32> {
    if count >= len {
        return (0..len as u32).collect();
    }
    let mut order = Rng::new(0).draw(Stream::Data, 2, NODE).permutation(len as u32);
    order.truncate(count);
    order
}

fn votes(train: &Dataset, asked: &[u32], voters: &[u32]) -> Option<Votes> {
    let Targets::Classes(labels) = train.targets() else { return None };
    let width = train.shape().len();
    let gather = |indices: &[u32]| {
        let mut rows = vec![0.0f32; indices.len() * width];
        train.gather(indices, &mut rows);
        rows
    };
    let (questions, answers) = (gather(asked), gather(voters));
    let mut votes = Votes { asked: asked.to_vec(), ..Votes::default() };
    let mut tally = vec![0usize; train.classes()];
    let mut near: Vec<(f32, u32)> = Vec::new();
    for (row, &i) in questions.chunks_exact(width).zip(asked) {
        near.clear();
        let others = answers.chunks_exact(width).zip(voters).filter(|(_, j)| **j != i);
        near.extend(others.map(|(other, &j)| (distance(row, other), j)));
        let count = VOTERS.min(near.len());
        if count == 0 {
            continue;
        }
        near.select_nth_unstable_by(count - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        tally.fill(0);
        near[..count].iter().for_each(|(_, j)| tally[labels[*j as usize] as usize] += 1);
        let mine = labels[i as usize] as usize;
        let best = (0..tally.len()).max_by_key(|c| (tally[*c], usize::MAX - c)).unwrap_or(0);
        votes.right.push(best == mine);
        votes.odd.push(best != mine && tally[best] >= AGAINST);
    }
    Some(votes)
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    // Sixteen sums side by side: one chain would wait for every addition.
    let mut sums = [0.0f32; 16];
    let (a16, b16) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = a16.remainder().iter().zip(b16.remainder()).map(|(x, y)| (x - y) * (x - y)).sum();
    for (x, y) in a16.zip(b16) {
        for (s, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *s += (x - y) * (x - y);
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::{ask, ask_about_all};
    use kobai_data::dataset::{Dataset, Inputs, Targets};

    /// Two clouds far apart, 20 examples each, one label wrong.
    fn clouds(wrong: bool) -> Dataset {
        let at = |i: u32| if i < 20 { 0.0 } else { 100.0 } + f32::from(i as u16) / 100.0;
        let mut labels: Vec<u32> = (0..40).map(|i| u32::from(i >= 20)).collect();
        if wrong {
            labels[3] = 1;
        }
        let inputs = Inputs::F32((0..40).map(at).collect());
        Dataset::new("clouds", [1].into(), 2, inputs, Targets::Classes(labels)).unwrap()
    }

    #[test]
    fn a_wrong_label_contradicts_its_neighbours() {
        let clean = ask(&clouds(false), 100).unwrap();
        assert_eq!((clean.accuracy(), clean.odd_share()), (1.0, 0.0));
        let noisy = ask_about_all(&clouds(true)).unwrap();
        let odd: Vec<u32> =
            noisy.asked.iter().zip(&noisy.odd).filter(|(_, odd)| **odd).map(|(i, _)| *i).collect();
        assert_eq!(odd, [3]);
    }
}
