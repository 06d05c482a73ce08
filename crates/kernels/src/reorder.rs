//! Transposes of many small matrices: images between channels-last and planes.

use crate::gemm::Mat;
use crate::gemm::strips;
use crate::{Isa, Pool, Real};

/// Elements of a task, about.
const TASK: usize = 1 << 14;

/// For each of the `rows` × `cols` matrices of `from`: `to[j · rows + i]` =
/// `from[i · cols + j]`.
///
/// # Panics
/// If the lengths differ or are no whole number of matrices.
pub fn transpose<T: Real>(isa: Isa, pool: &Pool, (rows, cols): (usize, usize), from: &[T], to: &mut [T]) {
    assert_eq!(from.len(), to.len(), "the matrices have another length");
    let one = rows * cols;
    if one == 0 {
        return;
    }
    assert_eq!(from.len() % one, 0, "no whole number of {rows}x{cols} matrices");
    let count = TASK.div_ceil(one);
    pool.chunks_mut(to, count * one, |task, to| {
        let from = &from[task * count * one..][..to.len()];
        for (from, to) in from.chunks_exact(one).zip(to.chunks_exact_mut(one)) {
            if let (Some(from), Some(to)) = (T::as_f32(from), T::as_f32_mut(to)) {
                strips::transpose(isa, Mat::new(from, rows, cols), (0..rows, 0..cols), to, rows);
                continue;
            }
            for (i, row) in from.chunks_exact(cols).enumerate() {
                for (j, x) in row.iter().enumerate() {
                    to[j * rows + i] = *x;
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::transpose;
    use crate::checks::{bit_difference, values};
    use crate::{Isa, Pool};

    #[test]
    fn elements_move_where_they_belong() {
        let pool = Pool::new(3);
        for isa in Isa::available() {
            for (rows, cols) in [(1, 1), (1, 9), (7, 1), (4, 30), (144, 30), (49, 17), (16, 16), (33, 250)] {
                for n in [0, 1, 5] {
                    let x = values(n * rows * cols, 1.0, 1);
                    let mut got = vec![f32::NAN; x.len()];
                    transpose(isa, &pool, (rows, cols), &x, &mut got);
                    let of = |m: usize, at: usize| x[m * rows * cols + at % rows * cols + at / rows];
                    let want: Vec<f32> =
                        (0..x.len()).map(|k| of(k / (rows * cols), k % (rows * cols))).collect();
                    assert_eq!(bit_difference(&got, &want), None, "{isa}: {n} of {rows}x{cols}");
                }
            }
        }
    }
}
