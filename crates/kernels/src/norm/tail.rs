//! [`After`] as types, so that each activation gets loops of its own.

use super::After;
use crate::Real;
use crate::lanes::Lanes;
use crate::then::activate;

/// [`After`] as a type, so that each gets loops of its own.
pub(super) trait Tail: Copy {
    /// Whether a gradient depends on the value.
    const MASKS: bool;
    const AFTER: After;
    fn value<T: Real>(v: T) -> T;
    /// `g` where the value before the activation lets it through.
    fn gradient<T: Real>(g: T, v: T) -> T;

    /// [`Tail::value`] of each lane.
    ///
    /// # Safety
    /// The processor has the instruction set of `V`.
    #[inline(always)]
    unsafe fn values<V: Lanes>(v: V) -> V {
        // SAFETY: the caller's.
        unsafe { activate(v, Self::AFTER) }
    }

    /// [`Tail::gradient`] of each lane.
    ///
    /// # Safety
    /// As for [`Tail::values`].
    #[inline(always)]
    unsafe fn gradients<V: Lanes>(g: V, v: V) -> V {
        // SAFETY: the caller's.
        unsafe {
            match Self::AFTER {
                After::Nothing => g,
                After::Relu => g.unless_at_most(v, V::splat(0.0)),
                After::Relu6 => g.unless_at_most(v, V::splat(0.0)).unless_at_least(v, V::splat(6.0)),
            }
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Nothing;
#[derive(Clone, Copy)]
pub(super) struct Relu;
#[derive(Clone, Copy)]
pub(super) struct Relu6;

impl Tail for Nothing {
    const MASKS: bool = false;
    const AFTER: After = After::Nothing;
    #[inline(always)]
    fn value<T: Real>(v: T) -> T {
        v
    }
    #[inline(always)]
    fn gradient<T: Real>(g: T, _: T) -> T {
        g
    }
}

impl Tail for Relu {
    const MASKS: bool = true;
    const AFTER: After = After::Relu;
    #[inline(always)]
    fn value<T: Real>(v: T) -> T {
        if v <= T::ZERO { T::ZERO } else { v }
    }
    #[inline(always)]
    fn gradient<T: Real>(g: T, v: T) -> T {
        if v <= T::ZERO { T::ZERO } else { g }
    }
}

impl Tail for Relu6 {
    const MASKS: bool = true;
    const AFTER: After = After::Relu6;
    #[inline(always)]
    fn value<T: Real>(v: T) -> T {
        let six = T::from_f64(6.0);
        let v = if v <= T::ZERO { T::ZERO } else { v };
        if v > six { six } else { v }
    }
    #[inline(always)]
    fn gradient<T: Real>(g: T, v: T) -> T {
        let g = if v <= T::ZERO { T::ZERO } else { g };
        if v >= T::from_f64(6.0) { T::ZERO } else { g }
    }
}

/// Runs a kernel that has a [`Tail`]: `with_tail!(after, F => expression)`.
macro_rules! with_tail {
    ($after:expr, $f:ident => $run:expr) => {
        match $after {
            After::Nothing => {
                let $f = Nothing;
                $run
            }
            After::Relu => {
                let $f = Relu;
                $run
            }
            After::Relu6 => {
                let $f = Relu6;
                $run
            }
        }
    };
}
pub(super) use with_tail;
