//! What happens to an output in the pass that writes it: a sum with other values,
//! then an activation. A pass of its own would read and write all of it again.
//!
//! The operations are those of the passes that it replaces, in their order: the bits
//! are the same.

use crate::lanes::Lanes;
use crate::simd::{Arith, Kernel, dispatch};
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

impl Then<'_, f32> {
    /// Where the values to be added begin, or null.
    pub(crate) fn add_ptr(&self) -> *const f32 {
        self.add.map_or(std::ptr::null(), <[f32]>::as_ptr)
    }
}
