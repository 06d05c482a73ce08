//! Functions of two numbers on which paths can be seen.

use crate::results::Text;
use std::sync::LazyLock;

/// A point of the plane.
pub type Point = [f64; 2];

/// A function of two params that optimisers descend.
///
/// | surface | f(x, y) | what it shows |
/// |---|---|---|
/// | `valley` | 0.01 x² + y² | a valley along an axis, 100 times as steep across as along |
/// | `rotated-valley` | the same, turned by 45° | rules that scale each param by itself lose their advantage |
/// | `saddle` | x²/2 − y²/2 + y⁴/4 | flat at the origin, lowest at (0, ±1) |
/// | `rotated-saddle` | the same, turned by 45° | as above |
/// | `two-minima` | (x² − 1)² + 0.3 x + y²/2 | a global minimum on the left, a local one on the right |
/// | `beale` | (1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)² | plateaus and steep walls; lowest at (3, 0.5) |
/// | `rosenbrock` | (1 − x)² + 100 (y − x²)² | a long curved valley; lowest at (1, 1) |
///
/// Sources: Beale 1958, Rosenbrock 1960.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the table above")]
pub enum Surface {
    Valley,
    RotatedValley,
    Saddle,
    RotatedSaddle,
    TwoMinima,
    Beale,
    Rosenbrock,
}

/// Weight of the term that makes one of two minima the lower one.
const TILT: f64 = 0.3;

/// Where the slope of two minima along x is 0, from left to right: minimum,
/// barrier, minimum. Newton's method from −1, 0 and 1.
static STATIONARY: LazyLock<[f64; 3]> = LazyLock::new(|| {
    let newton = |x: f64, _| x - (4.0 * x * (x * x - 1.0) + TILT) / (12.0 * x * x - 4.0);
    [-1.0, 0.0, 1.0].map(|start| (0..50).fold(start, newton))
});

/// The values at the two minima.
static FLOORS: LazyLock<[f64; 2]> =
    LazyLock::new(|| [STATIONARY[0], STATIONARY[2]].map(|x| Surface::TwoMinima.value([x, 0.0])));

/// Turned by 45°: the coordinates along the valley or saddle of a point.
fn turn([x, y]: Point) -> Point {
    const H: f64 = std::f64::consts::FRAC_1_SQRT_2;
    [H * (x + y), H * (y - x)]
}

fn turn_back([u, v]: Point) -> Point {
    const H: f64 = std::f64::consts::FRAC_1_SQRT_2;
    [H * (u - v), H * (u + v)]
}

impl Surface {
    /// Every surface.
    pub const ALL: [Surface; 7] = [
        Surface::Valley,
        Surface::RotatedValley,
        Surface::Saddle,
        Surface::RotatedSaddle,
        Surface::TwoMinima,
        Surface::Beale,
        Surface::Rosenbrock,
    ];

    /// Its name in files and claims.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Surface::Valley => "valley",
            Surface::RotatedValley => "rotated-valley",
            Surface::Saddle => "saddle",
            Surface::RotatedSaddle => "rotated-saddle",
            Surface::TwoMinima => "two-minima",
            Surface::Beale => "beale",
            Surface::Rosenbrock => "rosenbrock",
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn title(self) -> Text {
        let (en, ja) = match self {
            Surface::Valley => ("a long valley", "長い谷"),
            Surface::RotatedValley => ("a valley at 45°", "45° に傾いた谷"),
            Surface::Saddle => ("a saddle", "鞍点"),
            Surface::RotatedSaddle => ("a saddle at 45°", "45° に傾いた鞍点"),
            Surface::TwoMinima => ("two minima", "二つの極小"),
            Surface::Beale => ("Beale", "Beale 関数"),
            Surface::Rosenbrock => ("Rosenbrock", "Rosenbrock 関数"),
        };
        Text { en: en.into(), ja: ja.into() }
    }

    /// The value at a point.
    #[must_use]
    pub fn value(self, p: Point) -> f64 {
        let [x, y] = p;
        match self {
            Surface::Valley => 0.01 * x * x + y * y,
            Surface::RotatedValley => Surface::Valley.value(turn(p)),
            Surface::Saddle => 0.5 * x * x - 0.5 * y * y + 0.25 * y * y * y * y,
            Surface::RotatedSaddle => Surface::Saddle.value(turn(p)),
            Surface::TwoMinima => {
                let w = x * x - 1.0;
                w * w + TILT * x + 0.5 * y * y
            }
            Surface::Beale => Surface::beale(p).iter().map(|(r, ..)| r * r).sum(),
            Surface::Rosenbrock => {
                let (a, b) = (1.0 - x, y - x * x);
                a * a + 100.0 * b * b
            }
        }
    }

    /// The gradient at a point.
    #[must_use]
    pub fn gradient(self, p: Point) -> Point {
        let [x, y] = p;
        match self {
            Surface::Valley => [0.02 * x, 2.0 * y],
            Surface::RotatedValley => turn_back(Surface::Valley.gradient(turn(p))),
            Surface::Saddle => [x, y * y * y - y],
            Surface::RotatedSaddle => turn_back(Surface::Saddle.gradient(turn(p))),
            Surface::TwoMinima => [4.0 * x * (x * x - 1.0) + TILT, y],
            Surface::Beale => {
                let mut g = [0.0; 2];
                for (r, dx, dy) in Surface::beale(p) {
                    g[0] += 2.0 * r * dx;
                    g[1] += 2.0 * r * dy;
                }
                g
            }
            Surface::Rosenbrock => {
                let b = y - x * x;
                [-2.0 * (1.0 - x) - 400.0 * x * b, 200.0 * b]
            }
        }
    }

    /// Beale's three residuals with their derivatives by x and y.
    fn beale([x, y]: Point) -> [(f64, f64, f64); 3] {
        [
            (1.5 - x + x * y, y - 1.0, x),
            (2.25 - x + x * y * y, y * y - 1.0, 2.0 * x * y),
            (2.625 - x + x * y * y * y, y * y * y - 1.0, 3.0 * x * y * y),
        ]
    }

    /// The minima, the global one first. Both minima of a saddle are global.
    #[must_use]
    pub fn minima(self) -> Vec<Point> {
        match self {
            Surface::Valley | Surface::RotatedValley => vec![[0.0, 0.0]],
            Surface::Saddle => vec![[0.0, 1.0], [0.0, -1.0]],
            Surface::RotatedSaddle => vec![turn_back([0.0, 1.0]), turn_back([0.0, -1.0])],
            Surface::TwoMinima => {
                let [left, _, right] = *STATIONARY;
                vec![[left, 0.0], [right, 0.0]]
            }
            Surface::Beale => vec![[3.0, 0.5]],
            Surface::Rosenbrock => vec![[1.0, 1.0]],
        }
    }

    /// Which minimum's basin a point lies in: where infinitely small steps
    /// against the gradient would lead. Known where a line divides the basins.
    #[must_use]
    pub fn basin(self, p: Point) -> usize {
        match self {
            Surface::TwoMinima => usize::from(p[0] > STATIONARY[1]),
            Surface::Saddle => usize::from(p[1] < 0.0),
            Surface::RotatedSaddle => usize::from(turn(p)[1] < 0.0),
            _ => 0,
        }
    }

    /// How far a point lies above the lowest value of its basin.
    #[must_use]
    pub fn gap(self, p: Point) -> f64 {
        let floor = match self {
            Surface::Valley | Surface::RotatedValley | Surface::Beale | Surface::Rosenbrock => 0.0,
            Surface::Saddle | Surface::RotatedSaddle => -0.25,
            Surface::TwoMinima => FLOORS[self.basin(p)],
        };
        self.value(p) - floor
    }

    /// The direction in which the valley runs, or in which the saddle falls.
    #[must_use]
    pub fn flat(self) -> Option<Point> {
        match self {
            Surface::Valley => Some([1.0, 0.0]),
            Surface::RotatedValley => Some(turn_back([1.0, 0.0])),
            Surface::Saddle => Some([0.0, 1.0]),
            Surface::RotatedSaddle => Some(turn_back([0.0, 1.0])),
            _ => None,
        }
    }

    /// The saddle point, if it has one to escape from.
    #[must_use]
    pub fn has_saddle(self) -> bool {
        matches!(self, Surface::Saddle | Surface::RotatedSaddle)
    }

    /// A start from two uniform and one more number in 0..1.
    #[must_use]
    pub fn start(self, [a, b, c]: [f64; 3]) -> Point {
        let signed = |t: f64, low: f64, high: f64| {
            let s = 2.0 * t - 1.0;
            s.signum() * (low + (high - low) * s.abs())
        };
        match self {
            Surface::Valley => [signed(a, 6.0, 10.0), signed(b, 0.5, 2.0)],
            Surface::RotatedValley => turn_back(Surface::Valley.start([a, b, c])),
            // Beside the ridge, by a distance drawn evenly on a logarithmic scale.
            Surface::Saddle => [signed(a, 1.0, 2.0), (b - 0.5).signum() * libm::exp10(-4.0 + 3.0 * c)],
            Surface::RotatedSaddle => turn_back(Surface::Saddle.start([a, b, c])),
            Surface::TwoMinima => [4.0 * a - 2.0, 4.0 * b - 2.0],
            Surface::Beale => [4.0 * a, 1.5 * b - 1.0],
            Surface::Rosenbrock => [3.5 * a - 2.0, 3.5 * b - 1.0],
        }
    }

    /// The start of the pictures.
    #[must_use]
    pub fn shown_start(self) -> Point {
        match self {
            Surface::Valley => [-9.0, 1.6],
            Surface::RotatedValley => turn_back([-9.0, 1.6]),
            Surface::Saddle => [-1.8, 0.004],
            Surface::RotatedSaddle => turn_back([-1.8, 0.004]),
            Surface::TwoMinima => [1.9, 1.6],
            Surface::Beale => [0.8, -0.9],
            Surface::Rosenbrock => [-1.6, 2.2],
        }
    }

    /// The part of the plane that pictures show: x, then y.
    #[must_use]
    pub fn view(self) -> [[f64; 2]; 2] {
        match self {
            Surface::Valley => [[-11.0, 5.0], [-2.4, 2.4]],
            Surface::RotatedValley => [[-9.0, 4.0], [-9.0, 4.0]],
            Surface::Saddle => [[-2.2, 1.2], [-1.7, 1.7]],
            Surface::RotatedSaddle => [[-2.0, 1.4], [-2.0, 1.4]],
            Surface::TwoMinima => [[-2.1, 2.1], [-2.1, 2.1]],
            Surface::Beale => [[-0.5, 4.5], [-1.5, 1.3]],
            Surface::Rosenbrock => [[-2.1, 1.9], [-1.0, 3.2]],
        }
    }

    /// A value of the loss on a scale whose equal steps make legible contours.
    #[must_use]
    pub fn contour_scale(self, value: f64) -> f64 {
        match self {
            Surface::Beale | Surface::Rosenbrock => libm::log(1.0 + 40.0 * value.max(0.0)),
            Surface::Valley | Surface::RotatedValley => value.max(0.0).sqrt(),
            Surface::Saddle | Surface::RotatedSaddle => (value + 0.25).max(0.0).sqrt(),
            Surface::TwoMinima => (value + 0.4).max(0.0).sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Point, Surface};

    /// Central differences of the value. Their error is f''' h²/6 + ε|f|/h; with
    /// h = 1e-5, |f'''| below 1e5 and |f| below 1e4 in the range of the starts,
    /// that is below 2e-6.
    #[test]
    fn gradients_are_those_of_the_values() {
        for surface in Surface::ALL {
            for i in 0..50 {
                let t = |k: i32| f64::from((i * k + 7) % 101) / 101.0;
                let [x, y] = surface.start([t(13), t(29), t(41)]);
                let h = 1e-5;
                let f = |p: Point| surface.value(p);
                let numeric = [
                    (f([x + h, y]) - f([x - h, y])) / (2.0 * h),
                    (f([x, y + h]) - f([x, y - h])) / (2.0 * h),
                ];
                let exact = surface.gradient([x, y]);
                for (n, e) in numeric.into_iter().zip(exact) {
                    assert!((n - e).abs() < 2e-6, "{surface:?} at {x}, {y}: {n} and {e}");
                }
            }
        }
    }

    /// The gradient vanishes at every minimum and no neighbour lies lower; the
    /// first minimum is the lowest; a point of a basin is in it.
    #[test]
    fn minima_are_minima() {
        for surface in Surface::ALL {
            let minima = surface.minima();
            for (i, m) in minima.iter().enumerate() {
                let [gx, gy] = surface.gradient(*m);
                assert!(gx.abs() < 1e-12 && gy.abs() < 1e-12, "{surface:?} {m:?}: {gx} {gy}");
                for (dx, dy) in [(1e-3, 0.0), (-1e-3, 0.0), (0.0, 1e-3), (0.0, -1e-3)] {
                    assert!(surface.value([m[0] + dx, m[1] + dy]) > surface.value(*m));
                }
                assert!(surface.value(minima[0]) <= surface.value(*m));
                assert_eq!(surface.basin(*m), i, "{surface:?}");
                assert!(surface.gap(*m).abs() < 1e-15, "{surface:?}");
                let [[l, r], [b, t]] = surface.view();
                assert!((l..r).contains(&m[0]) && (b..t).contains(&m[1]), "{surface:?} shows its minima");
            }
        }
    }
}
