//! Initial values of parameters.
//!
//! Every rule scales the same underlying draw: two networks that differ only
//! in their rule start from proportional weights, so that a comparison of rules
//! compares nothing else.

use crate::rng::Draw;
use kobai_kernels::Real;

/// Which fan a scale is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fan {
    /// Inputs of a unit: the rule of most courses and of He et al.
    In,
    /// Outputs of a unit.
    Out,
    /// The mean of both: the rule of Glorot & Bengio's paper.
    Average,
}

/// Fans of a parameter. Biases have none and ignore scaled rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fans {
    /// Products that a unit sums up.
    pub fan_in: usize,
    /// Units that read an input.
    pub fan_out: usize,
}

impl Fans {
    fn of(self, fan: Fan) -> f64 {
        match fan {
            Fan::In => self.fan_in as f64,
            Fan::Out => self.fan_out as f64,
            Fan::Average => (self.fan_in + self.fan_out) as f64 / 2.0,
        }
    }
}

/// How a parameter begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All 0.
    Zeros,
    /// All the same value.
    Constant(f64),
    /// N(0, std²).
    Normal {
        /// Standard deviation.
        std: f64,
    },
    /// Uniform in (−bound, bound).
    Uniform {
        /// Largest absolute value.
        bound: f64,
    },
    /// N(0, 1/n), n a fan. `Fan::In` is the course's Xavier and LeCun's rule (LeCun et al. 1998);
    /// `Fan::Average` is Glorot & Bengio 2010.
    XavierNormal(Fan),
    /// Uniform with the variance of [`Init::XavierNormal`]: bound √(3/n).
    XavierUniform(Fan),
    /// N(0, 2/n): He et al. 2015.
    HeNormal(Fan),
    /// Uniform with the variance of [`Init::HeNormal`]: bound √(6/n).
    HeUniform(Fan),
    /// LeCun et al. 1998: N(0, 1/fan_in).
    LecunNormal,
    /// A matrix with orthonormal rows or columns (whichever are fewer), times
    /// `gain`: Saxe et al. 2014.
    Orthogonal {
        /// Factor.
        gain: f64,
    },
}

impl Init {
    /// Standard deviation of the values, where the rule has one before drawing.
    #[must_use]
    pub fn std(self, fans: Fans) -> f64 {
        match self {
            Init::Zeros | Init::Constant(_) => 0.0,
            Init::Normal { std } => std,
            Init::Uniform { bound } => bound / 3f64.sqrt(),
            Init::XavierNormal(fan) | Init::XavierUniform(fan) => (1.0 / fans.of(fan)).sqrt(),
            Init::HeNormal(fan) | Init::HeUniform(fan) => (2.0 / fans.of(fan)).sqrt(),
            Init::LecunNormal => (1.0 / fans.of(Fan::In)).sqrt(),
            Init::Orthogonal { gain } => gain / (fans.fan_in.max(fans.fan_out) as f64).sqrt(),
        }
    }

    /// Fills a parameter whose first axis has `rows` entries.
    pub fn fill<T: Real>(self, out: &mut [T], rows: usize, fans: Fans, draw: Draw) {
        let std = self.std(fans);
        match self {
            Init::Zeros => out.fill(T::ZERO),
            Init::Constant(value) => out.fill(T::from_f64(value)),
            Init::Normal { .. } | Init::XavierNormal(_) | Init::HeNormal(_) | Init::LecunNormal => {
                for (i, x) in (0..).zip(out) {
                    *x = T::from_f64(std * draw.normal(i));
                }
            }
            Init::Uniform { .. } | Init::XavierUniform(_) | Init::HeUniform(_) => {
                let bound = std * 3f64.sqrt();
                for (i, x) in (0..).zip(out) {
                    *x = T::from_f64(bound * (2.0 * draw.uniform(i) - 1.0));
                }
            }
            Init::Orthogonal { gain } => orthogonal(out, rows, gain, draw),
        }
    }
}

/// Gram–Schmidt (twice, for orthogonality to rounding) on the fewer of rows and columns.
fn orthogonal<T: Real>(out: &mut [T], rows: usize, gain: f64, draw: Draw) {
    let cols = out.len().checked_div(rows).unwrap_or(0);
    let (count, len, by_row) = if rows <= cols { (rows, cols, true) } else { (cols, rows, false) };
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    for i in 0..count {
        let mut v: Vec<f64> = (0..len).map(|j| draw.normal((i * len + j) as u64)).collect();
        for _ in 0..2 {
            for b in &basis {
                let dot: f64 = v.iter().zip(b).map(|(x, y)| x * y).sum();
                v.iter_mut().zip(b).for_each(|(x, y)| *x -= dot * y);
            }
        }
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        v.iter_mut().for_each(|x| *x /= norm);
        basis.push(v);
    }
    for (i, b) in basis.iter().enumerate() {
        for (j, x) in b.iter().enumerate() {
            out[if by_row { i * cols + j } else { j * cols + i }] = T::from_f64(gain * x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fan, Fans, Init};
    use crate::rng::{Rng, Stream};

    const FANS: Fans = Fans { fan_in: 300, fan_out: 200 };

    fn fill(init: Init) -> Vec<f64> {
        let mut w = vec![f64::NAN; 200 * 300];
        init.fill(&mut w, 200, FANS, Rng::new(1).draw(Stream::Init, 0, 0));
        w
    }

    #[test]
    fn variance_is_what_the_rule_says() {
        for init in [
            Init::Normal { std: 0.01 },
            Init::Uniform { bound: 0.3 },
            Init::XavierNormal(Fan::In),
            Init::XavierNormal(Fan::Average),
            Init::XavierUniform(Fan::Average),
            Init::HeNormal(Fan::In),
            Init::HeUniform(Fan::Out),
            Init::LecunNormal,
        ] {
            let w = fill(init);
            let variance = w.iter().map(|x| x * x).sum::<f64>() / w.len() as f64;
            let expected = init.std(FANS).powi(2);
            // Five standard errors of a variance from 60,000 normal draws.
            assert!((variance / expected - 1.0).abs() < 5.0 * (2.0 / w.len() as f64).sqrt(), "{init:?}");
        }
        assert!(fill(Init::Zeros).iter().all(|w| *w == 0.0));
        assert!(fill(Init::Constant(0.5)).iter().all(|w| *w == 0.5));
    }

    #[test]
    fn rules_share_their_draw() {
        let (a, b) = (fill(Init::Normal { std: 0.01 }), fill(Init::HeNormal(Fan::In)));
        let scale = (2.0f64 / 300.0).sqrt() / 0.01;
        assert!(a.iter().zip(&b).all(|(a, b)| (a * scale - b).abs() <= 1e-12));
    }

    #[test]
    fn orthogonal_rows() {
        let (rows, cols) = (200, 300);
        let w = fill(Init::Orthogonal { gain: 2.0 });
        for i in (0..rows).step_by(37) {
            for j in (0..rows).step_by(41) {
                let dot: f64 = (0..cols).map(|p| w[i * cols + p] * w[j * cols + p]).sum();
                assert!((dot - if i == j { 4.0 } else { 0.0 }).abs() < 1e-12);
            }
        }
    }
}
