//! What happens to an output in the pass that writes it: a sum with other values,
//! then an activation. A pass of its own would read and write all of it again.
//!
//! The operations are those of the passes that it replaces, in their order: the bits
//! are the same.

use crate::lanes::Lanes;
use crate::simd::{Arith, Kernel, VectorKernel, dispatch, dispatch_vectors};
use crate::{Isa, Pool, Real};

/// Elements of a task of a pass of its own.
const TASK: usize = 1 << 14;

/// An activation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    #[default]
    Nothing,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
}

/// What follows an operation: y ← after(y + `add`).
#[derive(Clone, Copy, Debug)]
pub struct Then<'a, T> {
    /// Values to be added, as many as the output has.
    pub add: Option<&'a [T]>,
    /// The activation of the sum.
    pub after: After,
}

impl<T> Default for Then<'_, T> {
    fn default() -> Self {
        Then { add: None, after: After::Nothing }
    }
}

impl<'a, T: Real> Then<'a, T> {
    /// Whether nothing happens.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.add.is_none() && self.after == After::Nothing
    }

    pub(crate) fn check(&self, len: usize) {
        assert!(self.add.is_none_or(|add| add.len() == len), "the values to be added have another length");
    }

    /// The same, if the elements are `f32`.
    #[must_use]
    pub fn as_f32(&self) -> Option<Then<'a, f32>> {
        let add = match self.add {
            Some(add) => Some(T::as_f32(add)?),
            None => None,
        };
        Some(Then { add, after: self.after })
    }

    /// In a pass of its own.
    pub(crate) fn apply(&self, isa: Isa, pool: &Pool, y: &mut [T]) {
        self.check(y.len());
        if !self.is_nothing() {
            pool.chunks_mut(y, TASK, |i, y| {
                let add = self.add.map(|add| &add[i * TASK..][..y.len()]);
                dispatch(isa, Whole { y, then: Then { add, after: self.after } });
            });
        }
    }
}

#[inline(always)]
fn activated<T: Real>(v: T, after: After) -> T {
    match after {
        After::Nothing => v,
        After::Relu => {
            if v <= T::ZERO {
                T::ZERO
            } else {
                v
            }
        }
        After::Relu6 => {
            let (six, v) = (T::from_f64(6.0), if v <= T::ZERO { T::ZERO } else { v });
            if v > six { six } else { v }
        }
    }
}

struct Whole<'a, T> {
    y: &'a mut [T],
    then: Then<'a, T>,
}

impl<T: Real> Kernel for Whole<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let Then { add, after } = self.then;
        if let Some(add) = add {
            self.y.iter_mut().zip(add).for_each(|(y, x)| *y += *x);
        }
        match after {
            After::Nothing => {}
            After::Relu => self.y.iter_mut().for_each(|y| *y = activated(*y, After::Relu)),
            After::Relu6 => self.y.iter_mut().for_each(|y| *y = activated(*y, After::Relu6)),
        }
    }
}

/// The activation of a vector.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
pub(crate) unsafe fn activate<V: Lanes>(v: V, after: After) -> V {
    // SAFETY: the caller's.
    unsafe {
        match after {
            After::Nothing => v,
            After::Relu => v.unless_at_most(v, V::splat(0.0)),
            After::Relu6 => v.unless_at_most(v, V::splat(0.0)).at_most(V::splat(6.0)),
        }
    }
}

/// Some rows and columns of an output that were just written.
struct Block {
    /// The block's first element, and that of the values to be added, or null.
    c: *mut f32,
    add: *const f32,
    /// Elements between rows, of both.
    row: usize,
    rows: usize,
    cols: usize,
    after: After,
}

impl VectorKernel for Block {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Block { c, add, row, rows, cols, after } = self;
        for i in 0..rows {
            for j in (0..cols).step_by(V::LANES) {
                let (at, left) = (i * row + j, cols - j);
                // SAFETY: the caller has the instruction set; `finish` answers for the
                // elements, of which the last vector touches `left`.
                unsafe {
                    let whole = left >= V::LANES;
                    let load =
                        |from: *const f32| if whole { V::load(from) } else { V::load_first(from, left) };
                    let mut v = load(c.add(at));
                    if !add.is_null() {
                        v = v.add(load(add.add(at)));
                    }
                    v = activate(v, after);
                    if whole { v.store(c.add(at)) } else { v.store_first(c.add(at), left) }
                }
            }
        }
    }
}

impl Then<'_, f32> {
    /// For a block of the output `c` that was just written and is still in the cache:
    /// elements `at + i · row + j` for i < `rows`, j < `cols`.
    ///
    /// # Safety
    /// These elements lie inside `c`, which has as many as were [`Then::check`]ed, and
    /// belong to the caller.
    #[inline]
    pub(crate) unsafe fn finish(
        &self,
        isa: Isa,
        c: *mut f32,
        (at, row): (usize, usize),
        (rows, cols): (usize, usize),
    ) {
        if self.is_nothing() {
            return;
        }
        let add = self.add.map_or(std::ptr::null(), |add| add[at..].as_ptr());
        let c = c.wrapping_add(at);
        dispatch_vectors(isa, Block { c, add, row, rows, cols, after: self.after });
    }

    /// Where the values to be added begin, or null.
    pub(crate) fn add_ptr(&self) -> *const f32 {
        self.add.map_or(std::ptr::null(), <[f32]>::as_ptr)
    }
}

#[cfg(test)]
mod tests {
    use super::{After, Then};
    use crate::checks::{bit_difference, values};
    use crate::{Isa, Pool};

    /// Blocks of every shape against the pass of its own, special values included.
    #[test]
    fn a_block_equals_the_pass() {
        let pool = Pool::serial();
        for isa in Isa::available() {
            for (rows, cols, row) in [(1, 1, 1), (3, 5, 9), (2, 16, 16), (4, 33, 40), (6, 48, 48)] {
                for after in [After::Nothing, After::Relu, After::Relu6] {
                    for sum in [false, true] {
                        let mut want = values(rows * row, 9.0, 1);
                        let special = [f32::NAN, -0.0, 6.0, f32::INFINITY];
                        for (to, x) in want.iter_mut().step_by(5).zip(special) {
                            *to = x;
                        }
                        let add = values(rows * row, 1.0, 2);
                        let then = Then { add: sum.then_some(add.as_slice()), after };
                        let before = want.clone();
                        let mut got = want.clone();
                        then.apply(Isa::SCALAR, &pool, &mut want);
                        // Elements between the columns and the row's end stay.
                        for i in 0..rows * row {
                            if i % row >= cols {
                                want[i] = before[i];
                            }
                        }
                        // SAFETY: the block lies inside the buffer.
                        unsafe { then.finish(isa, got.as_mut_ptr(), (0, row), (rows, cols)) };
                        assert_eq!(bit_difference(&got, &want), None, "{isa} {rows}x{cols} {after:?} {sum}");
                    }
                }
            }
        }
    }
}
