//! Lines of equal value of a function of two numbers, by marching squares.

use std::collections::{BTreeMap, VecDeque};

/// Values on a grid: `columns` × `rows`, row by row, the lowest y first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Field {
    /// Points side by side.
    pub columns: usize,
    /// Points above each other.
    pub rows: usize,
    /// Their values.
    pub values: Vec<f64>,
}

impl Field {
    /// Samples a function over `x` and `y`, ends included.
    #[must_use]
    pub fn sample([columns, rows]: [usize; 2], [x, y]: [[f64; 2]; 2], f: impl Fn([f64; 2]) -> f64) -> Field {
        let at = |[lo, hi]: [f64; 2], i: usize, n: usize| lo + (hi - lo) * i as f64 / (n - 1).max(1) as f64;
        let point = |i: usize| [at(x, i % columns, columns), at(y, i / columns, rows)];
        Field { columns, rows, values: (0..columns * rows).map(|i| f(point(i))).collect() }
    }

    /// Levels at equal steps between the lowest and the highest value.
    #[must_use]
    pub fn levels(&self, count: usize) -> Vec<f64> {
        let Some([lo, hi]) = super::scale::extent(self.values.iter().copied()) else { return Vec::new() };
        (1..=count).map(|i| lo + (hi - lo) * i as f64 / (count + 1) as f64).collect()
    }

    /// The lines of one level: its segments, joined where they meet.
    #[must_use]
    pub fn lines(&self, level: f64) -> Vec<Vec<[f64; 2]>> {
        // Neighbouring cells compute a crossing from either end: equal but for rounding.
        let key = |p: [f64; 2]| p.map(|x| (x * 1e6).round() as i64);
        let mut segments = self.segments(level);
        // Where the level meets a point of the grid, a cell has a segment of no length.
        segments.retain(|[a, b]| key(*a) != key(*b));
        let mut ends: BTreeMap<[i64; 2], Vec<usize>> = BTreeMap::new();
        for (i, segment) in segments.iter().enumerate() {
            segment.iter().for_each(|p| ends.entry(key(*p)).or_default().push(i));
        }
        let mut used = vec![false; segments.len()];
        let mut next = |at: [f64; 2]| {
            let i = *ends.get(&key(at))?.iter().find(|i| !used[**i])?;
            used[i] = true;
            let [a, b] = segments[i];
            Some(if key(a) == key(at) { b } else { a })
        };
        let mut all = Vec::new();
        for segment in &segments {
            let Some(second) = next(segment[0]) else { continue };
            let mut line = VecDeque::from([segment[0], second]);
            while let Some(p) = next(line[line.len() - 1]) {
                line.push_back(p);
            }
            while let Some(p) = next(line[0]) {
                line.push_front(p);
            }
            all.push(line.into());
        }
        all
    }

    /// The segments of one level, in units of the grid: from 0 to `columns − 1`
    /// and from 0 to `rows − 1`.
    #[must_use]
    pub fn segments(&self, level: f64) -> Vec<[[f64; 2]; 2]> {
        let mut all = Vec::new();
        let value = |c: usize, r: usize| self.values[r * self.columns + c];
        for r in 0..self.rows.saturating_sub(1) {
            for c in 0..self.columns.saturating_sub(1) {
                let corners = [(c, r), (c + 1, r), (c + 1, r + 1), (c, r + 1)];
                let mut crossings = Vec::with_capacity(4);
                for i in 0..4 {
                    let (a, b) = (corners[i], corners[(i + 1) % 4]);
                    let (va, vb) = (value(a.0, a.1), value(b.0, b.1));
                    if (va < level) != (vb < level) {
                        let t = (level - va) / (vb - va);
                        let mix = |a: usize, b: usize| a as f64 + (b as f64 - a as f64) * t;
                        crossings.push([mix(a.0, b.0), mix(a.1, b.1)]);
                    }
                }
                // Two crossings, or four at a saddle of the grid.
                all.extend(crossings.chunks_exact(2).map(|p| [p[0], p[1]]));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::Field;

    /// The level lines of x² + y² are circles. Between grid points the line is
    /// linear, so it misses by at most h²/8 times the curvature 2 of the value,
    /// over a slope of 2r.
    #[test]
    fn circles_are_circles() {
        let n = 81;
        let field = Field::sample([n, n], [[-2.0, 2.0]; 2], |[x, y]| x * x + y * y);
        let h = 4.0 / (n - 1) as f64;
        let segments = field.segments(1.0);
        assert!(segments.len() > 100);
        for [a, b] in segments {
            for [c, r] in [a, b] {
                let (x, y) = (-2.0 + c * h, -2.0 + r * h);
                assert!(((x * x + y * y).sqrt() - 1.0).abs() < h * h / 4.0, "{x} {y}");
            }
        }
        // One closed line with all of the segments, at a level that meets no point of the grid.
        let lines = field.lines(1.031);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].len(), field.segments(1.031).len() + 1);
        assert!(field.segments(-1.0).is_empty() && field.lines(-1.0).is_empty());
        assert_eq!(field.levels(3).len(), 3);
    }
}
