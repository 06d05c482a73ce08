//! Random numbers without state: value `i` of a draw is a pure function of
//! (seed, stream, step, node, `i`).
//!
//! Nothing is consumed, so no order of execution, number of threads or number
//! of loader workers can change a draw, and a resumed run continues with the
//! bits that it would have had.

use kobai_kernels::philox::philox4x32;

/// What a draw is for. Different streams of one seed are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stream {
    /// Initial parameters.
    Init = 1,
    /// Which examples form a batch.
    Batch = 2,
    /// Dropout masks.
    Dropout = 3,
    /// Augmentation of examples.
    Augment = 4,
    /// Splitting a data set.
    Split = 5,
    /// Making procedural data.
    Data = 6,
    /// Anything in tests and benchmarks.
    Test = 7,
}

/// A seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rng {
    key: [u32; 2],
}

/// One draw: an endless, randomly accessible sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    key: [u32; 2],
    tail: [u32; 3],
}

impl Rng {
    /// The generator of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Rng { key: [seed as u32, (seed >> 32) as u32] }
    }

    /// The draw of a stream at a step for a node. `node` uses 24 bits.
    #[must_use]
    pub fn draw(self, stream: Stream, step: u64, node: u32) -> Draw {
        debug_assert!(node < 1 << 24, "node {node} does not fit into 24 bits");
        Draw { key: self.key, tail: [node << 8 | stream as u32, step as u32, (step >> 32) as u32] }
    }
}

impl Draw {
    /// Key and the upper three counter words, for kernels that fill slices.
    #[must_use]
    pub fn key_and_tail(self) -> ([u32; 2], [u32; 3]) {
        (self.key, self.tail)
    }

    /// 32 uniform bits.
    #[inline]
    #[must_use]
    pub fn bits(self, i: u64) -> u32 {
        self.block(i / 4)[(i % 4) as usize]
    }

    #[inline]
    fn block(self, block: u64) -> [u32; 4] {
        debug_assert!(block <= u64::from(u32::MAX), "draw is longer than 2^34 words");
        philox4x32([block as u32, self.tail[0], self.tail[1], self.tail[2]], self.key)
    }

    /// Uniform in the open interval (0, 1) with 53 bits.
    #[must_use]
    pub fn uniform(self, i: u64) -> f64 {
        let block = self.block(i / 2);
        let lane = (i % 2) as usize * 2;
        let word = u64::from(block[lane]) << 32 | u64::from(block[lane + 1]);
        ((word >> 11) as f64 + 0.5) * (1.0 / (1u64 << 53) as f64)
    }

    /// Standard normal: the inverse distribution function at [`Draw::uniform`].
    #[must_use]
    pub fn normal(self, i: u64) -> f64 {
        normal_quantile(self.uniform(i))
    }

    /// Uniform in `0..n`. The bias is below n / 2^32.
    #[must_use]
    pub fn below(self, n: u32, i: u64) -> u32 {
        ((u64::from(self.bits(i)) * u64::from(n)) >> 32) as u32
    }

    /// A uniformly drawn permutation of `0..n` (Fisher and Yates).
    #[must_use]
    pub fn permutation(self, n: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i as usize, self.below(i + 1, u64::from(i)) as usize);
        }
        order
    }
}

/// The standard normal's quantile for 0 < p < 1, to about 1e-16 relative.
///
/// Source: Wichura, *Algorithm AS 241* (Applied Statistics 37, 1988), PPND16.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 8] = [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ];
    const B: [f64; 8] = [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_545,
    ];
    const C: [f64; 8] = [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ];
    const D: [f64; 8] = [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ];
    const E: [f64; 8] = [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ];
    const F: [f64; 8] = [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ];
    let ratio = |num: &[f64; 8], den: &[f64; 8], x: f64| {
        let poly = |c: &[f64; 8]| c.iter().rev().fold(0.0, |acc, c| acc * x + c);
        poly(num) / poly(den)
    };
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(&A, &B, 0.180_625 - q * q);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-libm::log(tail)).sqrt();
    let x = if r <= 5.0 { ratio(&C, &D, r - 1.6) } else { ratio(&E, &F, r - 5.0) };
    if q < 0.0 { -x } else { x }
}

#[cfg(test)]
mod tests {
    use super::{Rng, Stream, normal_quantile};

    /// Checkpoints from the algorithm's paper.
    #[test]
    fn quantiles_of_the_paper() {
        for (p, x) in [
            (0.25, -0.674_489_750_196_081_7),
            (1e-3, -3.090_232_306_167_813_5),
            (1e-20, -9.262_340_089_798_408),
        ] {
            let got = normal_quantile(p);
            assert!((got - x).abs() <= 1e-15 * x.abs() * 2.0, "quantile({p}) = {got}, expected {x}");
        }
    }

    #[test]
    fn moments() {
        let draw = Rng::new(7).draw(Stream::Test, 3, 1);
        let n = 200_000;
        let (mut s1, mut s2, mut u1) = (0.0, 0.0, 0.0);
        for i in 0..n {
            let x = draw.normal(i);
            s1 += x;
            s2 += x * x;
            u1 += draw.uniform(i + n);
        }
        let n = n as f64;
        // Five standard errors of each mean.
        assert!((s1 / n).abs() < 5.0 / n.sqrt());
        assert!((s2 / n - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
        assert!((u1 / n - 0.5).abs() < 5.0 / (12.0 * n).sqrt());
    }

    #[test]
    fn permutation_is_one_and_streams_differ() {
        let rng = Rng::new(0);
        let mut order = rng.draw(Stream::Batch, 0, 0).permutation(1000);
        assert_ne!(order, rng.draw(Stream::Batch, 1, 0).permutation(1000));
        assert_ne!(rng.draw(Stream::Batch, 0, 0).bits(0), rng.draw(Stream::Init, 0, 0).bits(0));
        order.sort_unstable();
        assert!(order.iter().copied().eq(0..1000));
    }
}
