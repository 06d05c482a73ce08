//! Which instruction set the kernels use.
//!
//! Detection happens once per call of [`Isa::best`]; nothing here reads the
//! environment. An [`Isa`] value is a proof: it can only be obtained for an
//! instruction set that this processor has, so kernels may call the matching
//! `#[target_feature]` function without asking again.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Scalar,
    Avx2,
    Avx512,
    Avx512Bf16,
    Avx512Amx,
}

/// How the operands of matrix products are stored and multiplied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// As they are.
    #[default]
    F32,
    /// Rounded to bfloat16 when they are packed, multiplied in pairs and summed in
    /// `f32` (`gemm/bf16`). Everything that is no matrix product stays as it is.
    Bf16,
}

impl Precision {
    /// Every precision.
    pub const ALL: [Precision; 2] = [Precision::F32, Precision::Bf16];

    /// `f32` or `bf16`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
        }
    }

    /// The precision with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Precision> {
        Precision::ALL.into_iter().find(|p| p.name() == name)
    }
}

/// A supported instruction set, from the narrowest to the widest.
///
/// `avx2` and `avx512` give the same bits: every kernel is defined per output
/// element with fused multiply-add, or with a reduction over 16 virtual lanes.
/// `scalar` fuses too where the target has the instruction at compile time
/// (AArch64); on plain x86-64 it multiplies and adds separately, so its bits
/// differ there.
///
/// `avx512+bf16` and `avx512+amx` are `avx512` with matrix products of bfloat16
/// ([`Precision::Bf16`]), in pairs and in tiles of 32 inner indices. Only who asks for them
/// gets them ([`Isa::with`]): they are neither the best nor among the available.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Isa(Kind);

impl Isa {
    /// Portable code that the compiler vectorises for the target's baseline.
    pub const SCALAR: Isa = Isa(Kind::Scalar);

    /// AVX2 with FMA, if this processor has both.
    #[must_use]
    pub fn avx2() -> Option<Isa> {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            return Some(Isa(Kind::Avx2));
        }
        None
    }

    /// AVX-512 (F, BW, DQ, VL), if this processor has all of them and FMA.
    #[must_use]
    pub fn avx512() -> Option<Isa> {
        #[cfg(target_arch = "x86_64")]
        if Isa::avx2().is_some()
            && std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512dq")
            && std::is_x86_feature_detected!("avx512vl")
        {
            return Some(Isa(Kind::Avx512));
        }
        None
    }

    /// The widest instruction set of this processor.
    #[must_use]
    pub fn best() -> Isa {
        Isa::avx512().or_else(Isa::avx2).unwrap_or(Isa::SCALAR)
    }

    /// Every instruction set of this processor, narrowest first.
    #[must_use]
    pub fn available() -> Vec<Isa> {
        [Some(Isa::SCALAR), Isa::avx2(), Isa::avx512()].into_iter().flatten().collect()
    }

    /// Every instruction set of this processor whose matrix products are of bfloat16,
    /// slowest first. Both need AVX-512 and its extension BF16, the second one AMX too, and
    /// Linux's leave to use it.
    #[must_use]
    pub fn rounding() -> Vec<Isa> {
        #[cfg(target_arch = "x86_64")]
        if Isa::avx512().is_some() && std::is_x86_feature_detected!("avx512bf16") {
            let amx = crate::gemm::bf16::has_amx().then_some(Isa(Kind::Avx512Amx));
            return [Some(Isa(Kind::Avx512Bf16)), amx].into_iter().flatten().collect();
        }
        Vec::new()
    }

    /// The instruction set with this name, if there is one and the processor has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Isa> {
        Isa::available().into_iter().chain(Isa::rounding()).find(|isa| isa.name() == name)
    }

    /// The same instruction set with products of this precision, if the processor has it:
    /// bfloat16 needs AVX-512, and is the fastest of [`Isa::rounding`].
    #[must_use]
    pub fn with(self, precision: Precision) -> Option<Isa> {
        match precision {
            Precision::F32 => Some(self.in_f32()),
            Precision::Bf16 if self.is_bf16() => Some(self),
            Precision::Bf16 if self.is_avx512() => Isa::rounding().pop(),
            Precision::Bf16 => None,
        }
    }

    /// The precision of matrix products.
    #[must_use]
    pub fn precision(self) -> Precision {
        if self.is_bf16() { Precision::Bf16 } else { Precision::F32 }
    }

    /// Whether the operands of matrix products are rounded to bfloat16.
    #[must_use]
    pub fn is_bf16(self) -> bool {
        matches!(self.0, Kind::Avx512Bf16 | Kind::Avx512Amx)
    }

    /// Whether these products are those of AMX.
    #[must_use]
    pub fn is_amx(self) -> bool {
        self.0 == Kind::Avx512Amx
    }

    /// The same instruction set with products of `f32`.
    pub(crate) fn in_f32(self) -> Isa {
        if self.is_bf16() { Isa(Kind::Avx512) } else { self }
    }

    /// `scalar`, `avx2`, `avx512`, `avx512+bf16` or `avx512+amx`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            Kind::Avx2 => "avx2",
            Kind::Avx512 => "avx512",
            Kind::Avx512Bf16 => "avx512+bf16",
            Kind::Avx512Amx => "avx512+amx",
        }
    }

    /// Whether the AVX2+FMA path may run.
    #[must_use]
    pub fn is_avx2(self) -> bool {
        self.0 == Kind::Avx2
    }

    /// Whether the AVX-512 path may run.
    #[must_use]
    pub fn is_avx512(self) -> bool {
        matches!(self.0, Kind::Avx512 | Kind::Avx512Bf16 | Kind::Avx512Amx)
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
