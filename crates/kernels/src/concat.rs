//! Copies of channel ranges between images that lie channels-last.

use crate::{Pool, Real};

/// Elements of a task's output.
const TASK: usize = 1 << 14;

/// A range of the columns of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Columns of the whole matrix.
    pub of: usize,
    /// First column of the range.
    pub start: usize,
    /// Columns of the range.
    pub len: usize,
}

impl Columns {
    /// All columns.
    #[must_use]
    pub fn all(len: usize) -> Self {
        Columns { of: len, start: 0, len }
    }

    fn rows<T>(self, matrix: &[T]) -> usize {
        assert!(self.start + self.len <= self.of && self.of > 0, "columns outside the matrix");
        assert_eq!(matrix.len() % self.of, 0, "the matrix is not a whole number of rows");
        matrix.len() / self.of
    }
}

/// Copies the columns `from` of `source` to the columns `to` of `target`, two
/// matrices with as many rows. Other columns stay as they are.
pub fn copy_columns<T: Real>(pool: &Pool, source: &[T], from: Columns, target: &mut [T], to: Columns) {
    let rows = from.rows(source);
    assert_eq!(rows, to.rows(target), "source and target differ in their rows");
    assert_eq!(from.len, to.len, "source and target differ in their columns");
    let per_task = TASK.div_ceil(to.len.max(1));
    pool.chunks_mut(target, per_task * to.of, |i, target| {
        let source = source[i * per_task * from.of..].chunks_exact(from.of);
        for (source, target) in source.zip(target.chunks_exact_mut(to.of)) {
            target[to.start..][..to.len].copy_from_slice(&source[from.start..][..from.len]);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{Columns, copy_columns};
    use crate::Pool;
    use crate::checks::must_fail;

    #[test]
    fn ranges_of_columns() {
        for rows in [1, 2, 40_000] {
            let source: Vec<f32> = (0..rows * 3).map(|i| i as f32).collect();
            for threads in [1, 3] {
                let mut target = vec![-1.0f32; rows * 4];
                let (from, to) = (Columns { of: 3, start: 1, len: 2 }, Columns { of: 4, start: 0, len: 2 });
                copy_columns(&Pool::new(threads), &source, from, &mut target, to);
                for (i, t) in target.chunks_exact(4).enumerate() {
                    let at = (3 * i) as f32;
                    assert_eq!(t, [at + 1.0, at + 2.0, -1.0, -1.0], "row {i} of {rows}");
                }
            }
        }
    }

    #[test]
    fn wrong_sizes_are_rejected() {
        let copy = |from: Columns, to: Columns| {
            move || copy_columns(&Pool::serial(), &[0.0f32; 6], from, &mut [0.0; 6], to)
        };
        let all = Columns::all(3);
        copy(all, all)();
        must_fail("columns", copy(Columns { len: 2, ..all }, all));
        must_fail("a range", copy(Columns { start: 1, ..all }, Columns { start: 1, ..all }));
        must_fail("rows", copy(Columns { of: 2, start: 0, len: 2 }, Columns { of: 3, start: 0, len: 2 }));
        must_fail("a ragged matrix", copy(Columns { of: 4, ..all }, Columns { of: 4, ..all }));
    }
}
