//! Procedural data sets: no file, no download, a picture that fits on a page.
//!
//! Every value is a pure function of (kind, parameters, seed): example `i`
//! reads its own numbers of stream `Data`, at step 0 for training and 1 for
//! testing, in a node of its kind. So a larger set begins with the smaller
//! one. Arithmetic is f64 with `libm`'s functions, rounded to f32 at the end:
//! the same bits on every machine.
//!
//! Classes take turns (0, 1, …, 0, 1, …), so every prefix is balanced;
//! [`crate::sampler`] shuffles.

mod curves;
mod plane;
pub mod shapes;

use kobai_engine::{Draw, Rng, Shape, Stream};
use kobai_kernels::Pool;

use crate::dataset::{Dataset, Inputs, Split, Targets};
use crate::error::DataError;

/// The rule that makes the examples.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Interleaved spirals, one per class, in the unit disc.
    Spirals {
        /// Number of spirals, 2 to 10.
        arms: u32,
        /// Turns of each, 0.1 to 5.
        turns: f64,
    },
    /// Two half circles that reach into each other.
    Moons,
    /// A circle within a circle.
    Circles {
        /// Radius of the inner one; the outer one's is 1. 0.05 to 0.95.
        inner: f64,
    },
    /// The sign of x·y: no line parts the classes.
    Xor,
    /// Round clouds around centres on a circle, one per class. The noise is
    /// the clouds' standard deviation.
    Blobs {
        /// Number of clouds, 2 to 10.
        classes: u32,
    },
    /// A board of squares in two colours.
    Checkerboard {
        /// Squares per side, 2 to 16.
        squares: u32,
    },
    /// Regression: a sine over x in (-1, 1).
    Sine {
        /// Periods in that interval, 0.1 to 20.
        periods: f64,
    },
    /// Regression: -1 left of zero, 1 right of it.
    Step,
    /// Regression: the Chebyshev polynomial of this degree over x in (-1, 1),
    /// which has as many bends as its degree allows.
    Polynomial {
        /// Degree, 1 to 12.
        degree: u32,
    },
    /// Regression: ten features in (0, 1), of which five decide
    /// 10 sin(πx₁x₂) + 20(x₃ − ½)² + 10x₄ + 5x₅ (Friedman 1991), here minus 14.4
    /// and over 4.9: mean 0 and standard deviation 1.
    Friedman,
    /// Pictures in colour: five shapes with two patterns, in front of clutter.
    Shapes,
}

/// A procedural data set, ready to be made from a seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Synthetic {
    /// The rule.
    pub kind: Kind,
    /// Examples to learn from.
    pub n_train: u32,
    /// Examples to test on.
    pub n_test: u32,
    /// Standard deviation of the normal noise that is added to both
    /// coordinates (classification) or to the value (regression); 0 to 10. For
    /// pictures: of what is added to every colour, which goes from 0 to 1.
    pub noise: f64,
}

/// The most examples in one part.
pub const MAX_EXAMPLES: u32 = 10_000_000;

impl Kind {
    /// Every kind with its default parameters.
    pub const ALL: [Kind; 11] = [
        Kind::Spirals { arms: 2, turns: 1.75 },
        Kind::Moons,
        Kind::Circles { inner: 0.5 },
        Kind::Xor,
        Kind::Blobs { classes: 3 },
        Kind::Checkerboard { squares: 4 },
        Kind::Sine { periods: 2.0 },
        Kind::Step,
        Kind::Polynomial { degree: 3 },
        Kind::Shapes,
        Kind::Friedman,
    ];

    /// The name of the set in the registry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Spirals { .. } => "spirals",
            Kind::Moons => "moons",
            Kind::Circles { .. } => "circles",
            Kind::Xor => "xor",
            Kind::Blobs { .. } => "blobs",
            Kind::Checkerboard { .. } => "checkerboard",
            Kind::Sine { .. } => "sine",
            Kind::Step => "step",
            Kind::Polynomial { .. } => "polynomial",
            Kind::Shapes => "shapes",
            Kind::Friedman => "friedman",
        }
    }

    /// The kind of a name, with default parameters.
    #[must_use]
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Number of classes; 0 for regression.
    #[must_use]
    pub const fn classes(self) -> usize {
        match self {
            Kind::Spirals { arms: n, .. } | Kind::Blobs { classes: n } => n as usize,
            Kind::Moons | Kind::Circles { .. } | Kind::Xor | Kind::Checkerboard { .. } => 2,
            Kind::Sine { .. } | Kind::Step | Kind::Polynomial { .. } | Kind::Friedman => 0,
            Kind::Shapes => shapes::CLASSES,
        }
    }

    /// Shape of one input: a point in the plane, one number for regression, or
    /// a picture.
    #[must_use]
    pub fn shape(self) -> Shape {
        Shape::new(self.dims())
    }

    /// Extents of [`Kind::shape`].
    pub(crate) const fn dims(self) -> &'static [usize] {
        match self {
            Kind::Sine { .. } | Kind::Step | Kind::Polynomial { .. } => &[1],
            Kind::Shapes => &[3, shapes::SIDE, shapes::SIDE],
            Kind::Friedman => &[curves::FEATURES],
            _ => &[2],
        }
    }

    /// Node of stream `Data`. Part of the numbers contract: never renumber.
    fn node(self) -> u32 {
        match self {
            Kind::Spirals { .. } => 1,
            Kind::Moons => 2,
            Kind::Circles { .. } => 3,
            Kind::Xor => 4,
            Kind::Blobs { .. } => 5,
            Kind::Checkerboard { .. } => 6,
            Kind::Sine { .. } => 7,
            Kind::Step => 8,
            Kind::Polynomial { .. } => 9,
            Kind::Shapes => 10,
            Kind::Friedman => 11,
        }
    }

    fn check(self) -> Result<(), DataError> {
        let in_range = |parameter, value: f64, least: f64, most: f64| {
            // A NaN is in no range.
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(DataError::Parameter { set: self.name(), parameter, value, least, most })
            }
        };
        match self {
            Kind::Spirals { arms, turns } => {
                in_range("arms", f64::from(arms), 2.0, 10.0)?;
                in_range("turns", turns, 0.1, 5.0)
            }
            Kind::Circles { inner } => in_range("inner", inner, 0.05, 0.95),
            Kind::Blobs { classes } => in_range("classes", f64::from(classes), 2.0, 10.0),
            Kind::Checkerboard { squares } => in_range("squares", f64::from(squares), 2.0, 16.0),
            Kind::Sine { periods } => in_range("periods", periods, 0.1, 20.0),
            Kind::Polynomial { degree } => in_range("degree", f64::from(degree), 1.0, 12.0),
            Kind::Moons | Kind::Xor | Kind::Step | Kind::Shapes | Kind::Friedman => Ok(()),
        }
    }
}

impl Synthetic {
    /// A kind with the number of examples and the noise that suit it.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        let (n_train, n_test, noise) = match kind {
            Kind::Spirals { .. } => (1000, 500, 0.02),
            Kind::Moons => (1000, 500, 0.1),
            Kind::Circles { .. } => (1000, 500, 0.08),
            Kind::Xor => (1000, 500, 0.05),
            Kind::Blobs { .. } => (1000, 500, 0.25),
            Kind::Checkerboard { .. } => (2000, 500, 0.0),
            Kind::Sine { .. } => (200, 200, 0.1),
            Kind::Step => (200, 200, 0.1),
            // Few points and much noise: made for over-fitting.
            Kind::Polynomial { .. } => (30, 200, 0.15),
            Kind::Shapes => (4000, 1000, 0.03),
            Kind::Friedman => (400, 200, 0.1),
        };
        Synthetic { kind, n_train, n_test, noise }
    }

    /// Makes the set of a seed.
    ///
    /// # Errors
    /// [`DataError::Parameter`] if a parameter is out of range.
    pub fn make(&self, seed: u64) -> Result<Split, DataError> {
        self.kind.check()?;
        let check = |parameter, value: f64, least: f64, most: f64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(DataError::Parameter { set: self.kind.name(), parameter, value, least, most })
        };
        check("noise", self.noise, 0.0, 10.0)?;
        for (parameter, n) in [("n_train", self.n_train), ("n_test", self.n_test)] {
            let most = if self.kind == Kind::Shapes { shapes::MAX_PICTURES } else { MAX_EXAMPLES };
            check(parameter, f64::from(n), 1.0, f64::from(most))?;
        }
        Ok(Split {
            train: self.part(seed, 0, "train", self.n_train)?,
            test: self.part(seed, 1, "test", self.n_test)?,
        })
    }

    fn part(&self, seed: u64, step: u64, part: &str, n: u32) -> Result<Dataset, DataError> {
        let draw = Rng::new(seed).draw(Stream::Data, step, self.kind.node());
        let name = format!("{}/{part}", self.kind.name());
        if self.kind == Kind::Shapes {
            return self.pictures(draw, name, n);
        }
        let (mut inputs, mut labels, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..u64::from(n) {
            let numbers = Numbers { draw, first: i * PER_EXAMPLE };
            if self.kind == Kind::Friedman {
                values.push(curves::friedman(draw, i, self.noise, &mut inputs) as f32);
            } else if self.kind.classes() == 0 {
                let (x, y) = curves::example(self.kind, self.noise, numbers);
                inputs.push(x as f32);
                values.push(y as f32);
            } else {
                let class = (i % self.kind.classes() as u64) as u32;
                let [x, y] = plane::example(self.kind, self.noise, class, numbers);
                inputs.extend([x as f32, y as f32]);
                labels.push(class);
            }
        }
        let targets = if self.kind.classes() == 0 {
            Targets::Values { width: 1, data: values }
        } else {
            Targets::Classes(labels)
        };
        Dataset::new(name, self.kind.shape(), self.kind.classes(), Inputs::F32(inputs), targets)
    }
}

impl Synthetic {
    /// Pictures, each drawn by one task into its own place.
    fn pictures(&self, draw: Draw, name: String, n: u32) -> Result<Dataset, DataError> {
        let mut data = vec![0; n as usize * shapes::VALUES];
        let class = |i: usize| (i % shapes::CLASSES) as u32;
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Pool::new(threads).chunks_mut(&mut data, shapes::VALUES, |i, out| {
            shapes::picture(draw, i as u64, class(i), self.noise, out);
        });
        let targets = Targets::Classes((0..n as usize).map(class).collect());
        let inputs = Inputs::U8 { data, divisor: 255 };
        Dataset::new(name, self.kind.shape(), shapes::CLASSES, inputs, targets)
    }
}

/// Random numbers that one example may read. Part of the numbers contract.
const PER_EXAMPLE: u64 = 4;

/// The random numbers of one example.
#[derive(Clone, Copy)]
struct Numbers {
    draw: Draw,
    first: u64,
}

impl Numbers {
    /// Uniform in (0, 1); `i` below 4.
    fn uniform(self, i: u64) -> f64 {
        debug_assert!(i < PER_EXAMPLE);
        self.draw.uniform(self.first + i)
    }

    /// Standard normal; `i` below 4.
    fn normal(self, i: u64) -> f64 {
        debug_assert!(i < PER_EXAMPLE);
        self.draw.normal(self.first + i)
    }
}

#[cfg(test)]
mod tests;
