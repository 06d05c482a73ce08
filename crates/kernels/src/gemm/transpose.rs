//! Copies that turn rows into columns.

use super::micro::Vector;
use crate::lanes::prefetch_near;
use std::arch::x86_64::*;

/// Rows and columns of the blocks of AVX-512.
const SIDE: usize = 16;
/// Rows that span so many elements are too many streams for the processor to see where
/// each goes on.
const FAR: usize = 1 << 17;

/// `to[j * to_row + i] = from[i * from_row + j]` for i below `rows`, j below `cols`.
/// Elements of `to` between `rows` and the next multiple of 8, but below `to_row`,
/// may be overwritten.
///
/// # Safety
/// Requires AVX2; all elements must lie inside both allocations, and
/// `(cols - 1) * to_row + to_row` elements of `to`.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn avx2(
    from: *const f32,
    from_row: usize,
    to: *mut f32,
    to_row: usize,
    rows: usize,
    cols: usize,
) {
    let (whole_rows, whole) = (rows / 8 * 8, cols / 4 * 4);
    // SAFETY: the caller answers for the elements on both sides.
    unsafe {
        // A cache line of each row at a time, all rows before the next line: reads
        // use whole lines, and the target is written from front to back.
        for line in (0..whole).step_by(16) {
            for i in (0..whole_rows).step_by(8) {
                for j in (line..whole.min(line + 16)).step_by(4) {
                    four_columns::<true>(
                        from.add(i * from_row + j),
                        from_row,
                        to.add(j * to_row + i),
                        to_row,
                        8,
                    );
                }
            }
            let (i, height) = (whole_rows, rows - whole_rows);
            if height == 0 {
                continue;
            }
            for j in (line..whole.min(line + 16)).step_by(4) {
                let (from, to) = (from.add(i * from_row + j), to.add(j * to_row + i));
                // What is stored beyond a short column, the next columns overwrite, as
                // long as there are any.
                if i + 8 <= to_row || (i == 0 && (j + 3) * to_row + 8 <= cols * to_row) {
                    four_columns::<true>(from, from_row, to, to_row, height);
                } else {
                    four_columns::<false>(from, from_row, to, to_row, height);
                }
            }
        }
        for j in whole..cols {
            for i in 0..rows {
                *to.add(j * to_row + i) = *from.add(i * from_row + j);
            }
        }
    }
}

/// The same in blocks of 16 rows and columns, each of which costs half the shuffles.
///
/// # Safety
/// As for [`avx2`], with AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub(super) unsafe fn avx512(
    from: *const f32,
    from_row: usize,
    to: *mut f32,
    to_row: usize,
    rows: usize,
    cols: usize,
) {
    let far = rows * from_row >= FAR;
    // SAFETY: the caller answers for the elements on both sides.
    unsafe {
        for j in (0..cols).step_by(SIDE) {
            for i in (0..rows).step_by(SIDE) {
                let (from, to) = (from.add(i * from_row + j), to.add(j * to_row + i));
                match (SIDE.min(rows - i), SIDE.min(cols - j)) {
                    (SIDE, SIDE) => {
                        if far {
                            for r in 0..SIDE {
                                prefetch_near(from.wrapping_add(r * from_row + SIDE), SIDE);
                            }
                        }
                        let columns = square(lines(from, from_row));
                        for (c, column) in columns.into_iter().enumerate() {
                            _mm512_storeu_ps(to.add(c * to_row), column);
                        }
                    }
                    (height @ ..=4, width) => few_rows(from, from_row, to, to_row, height, width),
                    (height, width) => some(from, from_row, to, to_row, height, width),
                }
            }
        }
    }
}

/// A block of fewer rows or columns than 16.
///
/// # Safety
/// As for [`avx512`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn some(from: *const f32, from_row: usize, to: *mut f32, to_row: usize, height: usize, width: usize) {
    // SAFETY: the caller answers for the elements; masks keep what is cut inside them, and a
    // row that is not there is the last one's double, of which nothing is stored.
    unsafe {
        let [wide, tall] = [width, height].map(|n: usize| ((1_u32 << n) - 1) as __mmask16);
        let mut rows = [_mm512_setzero_ps(); SIDE];
        for (i, row) in rows.iter_mut().enumerate() {
            *row = _mm512_maskz_loadu_ps(wide, from.add(i.min(height - 1) * from_row));
        }
        for (c, column) in square(rows).into_iter().enumerate() {
            if c < width {
                _mm512_mask_storeu_ps(to.add(c * to_row), tall, column);
            }
        }
    }
}

/// The same of at most four rows.
///
/// # Safety
/// As for [`avx512`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn few_rows(
    from: *const f32,
    from_row: usize,
    to: *mut f32,
    to_row: usize,
    height: usize,
    width: usize,
) {
    // SAFETY: as in `some`.
    unsafe {
        let (wide, tall) = (((1_u32 << width) - 1) as __mmask16, ((1_u32 << height) - 1) as __mmask8);
        let mut rows = [_mm512_setzero_ps(); 4];
        for (i, row) in rows.iter_mut().enumerate() {
            *row = _mm512_maskz_loadu_ps(wide, from.add(i.min(height - 1) * from_row));
        }
        // Vector c: the columns c, c + 4, c + 8 and c + 12.
        for (c, columns) in quarters(rows).into_iter().enumerate() {
            let quarters = [
                _mm512_castps512_ps128(columns),
                _mm512_extractf32x4_ps::<1>(columns),
                _mm512_extractf32x4_ps::<2>(columns),
                _mm512_extractf32x4_ps::<3>(columns),
            ];
            for (q, column) in quarters.into_iter().enumerate() {
                if c + 4 * q < width {
                    _mm_mask_storeu_ps(to.add((c + 4 * q) * to_row), tall, column);
                }
            }
        }
    }
}

/// The beginnings of 16 rows.
///
/// # Safety
/// AVX-512F; 16 readable elements in each row.
#[inline(always)]
unsafe fn lines(from: *const f32, stride: usize) -> [__m512; SIDE] {
    // SAFETY: the caller's.
    unsafe {
        let mut lines = [_mm512_setzero_ps(); SIDE];
        for (i, line) in lines.iter_mut().enumerate() {
            *line = _mm512_loadu_ps(from.add(i * stride));
        }
        lines
    }
}

/// Rows become columns: pairs, fours, then the quarters of the vectors.
///
/// # Safety
/// AVX-512F.
#[inline(always)]
unsafe fn square(rows: [__m512; SIDE]) -> [__m512; SIDE] {
    // SAFETY: the caller has the instruction set.
    unsafe {
        let zero = _mm512_setzero_ps();
        // Vector 4 i + c: rows 4 i to 4 i + 3 of the columns c, c + 4, c + 8, c + 12.
        let mut fours = [zero; SIDE];
        for (rows, fours) in rows.chunks_exact(4).zip(fours.chunks_exact_mut(4)) {
            fours.copy_from_slice(&quarters([rows[0], rows[1], rows[2], rows[3]]));
        }
        let mut columns = [zero; SIDE];
        for c in 0..4 {
            let (a, b) = (fours[c], fours[4 + c]);
            let first = [_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xDD>(a, b)];
            let (a, b) = (fours[8 + c], fours[12 + c]);
            let last = [_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xDD>(a, b)];
            columns[c] = _mm512_shuffle_f32x4::<0x88>(first[0], last[0]);
            columns[4 + c] = _mm512_shuffle_f32x4::<0x88>(first[1], last[1]);
            columns[8 + c] = _mm512_shuffle_f32x4::<0xDD>(first[0], last[0]);
            columns[12 + c] = _mm512_shuffle_f32x4::<0xDD>(first[1], last[1]);
        }
        columns
    }
}

/// Four times four elements in each quarter of the vectors, rows to columns.
///
/// # Safety
/// AVX-512F.
#[inline(always)]
pub(super) unsafe fn quarters(rows: [__m512; 4]) -> [__m512; 4] {
    // SAFETY: the caller has the instruction set.
    unsafe {
        let [a, b, c, d] = rows;
        let (low, high) = (
            [_mm512_castps_pd(_mm512_unpacklo_ps(a, b)), _mm512_castps_pd(_mm512_unpacklo_ps(c, d))],
            [_mm512_castps_pd(_mm512_unpackhi_ps(a, b)), _mm512_castps_pd(_mm512_unpackhi_ps(c, d))],
        );
        [
            _mm512_castpd_ps(_mm512_unpacklo_pd(low[0], low[1])),
            _mm512_castpd_ps(_mm512_unpackhi_pd(low[0], low[1])),
            _mm512_castpd_ps(_mm512_unpacklo_pd(high[0], high[1])),
            _mm512_castpd_ps(_mm512_unpackhi_pd(high[0], high[1])),
        ]
    }
}

/// Four columns of at most eight rows; `SPARE` if eight elements of each column
/// of the target may be written, in the order of columns.
///
/// # Safety
/// As for [`avx2`].
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn four_columns<const SPARE: bool>(
    from: *const f32,
    from_row: usize,
    to: *mut f32,
    to_row: usize,
    height: usize,
) {
    // SAFETY: the caller answers for the elements on both sides.
    unsafe {
        // A row that is not there is another one's double: its elements are
        // overwritten or never read.
        let at = |i: usize| _mm_loadu_ps(from.add(i.min(height - 1) * from_row));
        // Rows i and i + 4 share a vector: then two steps inside its halves do.
        let mut r = [_mm256_setzero_ps(); 4];
        for (i, r) in r.iter_mut().enumerate() {
            *r = _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(at(i)), at(i + 4));
        }
        let low = [_mm256_unpacklo_ps(r[0], r[1]), _mm256_unpacklo_ps(r[2], r[3])];
        let high = [_mm256_unpackhi_ps(r[0], r[1]), _mm256_unpackhi_ps(r[2], r[3])];
        let columns = [
            _mm256_shuffle_ps::<0x44>(low[0], low[1]),
            _mm256_shuffle_ps::<0xEE>(low[0], low[1]),
            _mm256_shuffle_ps::<0x44>(high[0], high[1]),
            _mm256_shuffle_ps::<0xEE>(high[0], high[1]),
        ];
        for (j, column) in columns.into_iter().enumerate() {
            let to = to.add(j * to_row);
            if SPARE {
                _mm256_storeu_ps(to, column);
            } else {
                Vector::store_masked(column, <__m256 as Vector>::mask(height), to);
            }
        }
    }
}
