//! AMX: tile registers of 16 × 16 sums, and of 16 rows of 16 pairs.
//!
//! One instruction multiplies 32 inner indices. Rust's own functions for it are not stable
//! yet, so the loop over them is assembler; all else is in vectors.

use super::vectors::{Pairs, TILES};
use crate::gemm::micro::{First, Tile, Vector};
use crate::gemm::tables::{MAX_ROWS, MAX_VECTORS, Table, Tiles};
use crate::then::After;
use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

/// Rows of a tile register, and elements (sums or pairs) of each.
const SIDE: usize = 16;
/// Rows and columns of a product in registers: four of sums.
const BLOCK: usize = 2 * SIDE;
const BYTES: usize = size_of::<f32>();

pub(in crate::gemm) static AMX_TILES: Tiles = Tiles {
    max_rows: [BLOCK, BLOCK, 0, 0],
    wide: 2,
    tables: [NO_TABLES; 2],
    half: 0,
    any: Some(entry),
    steps: SIDE,
    ..TILES
};

const NO_TABLES: [Table; 3] = [[[None; MAX_ROWS]; MAX_VECTORS]; 3];

/// Whether the processor has AMX with bfloat16 and the system lets this process use it.
/// Linux wants to be asked once, since a thread's state grows by 8 KB.
pub(crate) fn has_amx() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    /// Bits of the processor's seventh leaf.
    const AMX_BF16: u32 = 1 << 22;
    const AMX_TILE: u32 = 1 << 24;
    *HAS.get_or_init(|| {
        let both = AMX_BF16 | AMX_TILE;
        __cpuid_count(0, 0).eax >= 7 && __cpuid_count(7, 0).edx & both == both && ask_for_tiles()
    })
}

#[cfg(target_os = "linux")]
fn ask_for_tiles() -> bool {
    /// `ARCH_REQ_XCOMP_PERM`, and the number of the state that is asked for.
    const REQUEST: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    // SAFETY: the call takes two numbers and touches no memory of this process; systems that
    // do not know it answer with an error.
    unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST, TILE_DATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn ask_for_tiles() -> bool {
    false
}

/// What LDTILECFG reads: all eight registers have 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static CONFIG: Config = {
    let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
    let mut i = 0;
    while i < 8 {
        (row_bytes[i], rows[i]) = ((SIDE * BYTES) as u16, SIDE as u8);
        i += 1;
    }
    Config { palette: 1, start_row: 0, reserved: [0; 14], row_bytes, rows }
};

/// The tile registers of this thread, until they are dropped. Not for other threads.
pub(crate) struct Registers(PhantomData<*const ()>);

impl Registers {
    /// Sets them up; the processor has them, as the caller's `Isa` proves.
    pub(super) fn new() -> Self {
        // SAFETY: the processor has the instruction; it reads 64 bytes, which `CONFIG` has.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIG, options(nostack, preserves_flags)) };
        Registers(PhantomData)
    }
}

impl Drop for Registers {
    fn drop(&mut self) {
        // SAFETY: the processor has the instruction; nobody else uses these registers.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

/// Where the operands of a block lie, distances in bytes.
struct Operands {
    /// Blocks of 16 pairs.
    k: usize,
    a: *const f32,
    a_row: usize,
    b: *const f32,
    b_row: usize,
    c: *mut f32,
    c_row: usize,
    /// Whether C holds what the sums begin with; zeros otherwise.
    load: bool,
}

/// One function: sums in `tmm0` to `tmm3`, rows of A in `tmm4` and `tmm5`, of B in `tmm6`
/// and `tmm7`.
macro_rules! multiply {
    ($name:ident, $what:literal, zero: [$($zero:literal)*], load: [$($load:literal)*],
        step: [$($step:literal)*], store: [$($store:literal)*]) => {
        #[doc = $what]
        ///
        /// # Safety
        /// This thread has [`Registers`], `k` is at least 1, and all rows must lie inside
        /// their allocations.
        unsafe fn $name(t: &Operands) {
            // SAFETY: the caller answers for the registers and the rows.
            unsafe {
                asm!(
                    "/* the lower rows of C begin at {c_low} */",
                    "test {load:e}, {load:e}",
                    "jz 2f",
                    $($load,)*
                    "jmp 3f",
                    "2:",
                    $($zero,)*
                    "3:",
                    $($step,)*
                    "add {a}, 64",
                    "add {a_low}, 64",
                    "add {b}, {b_step}",
                    "dec {k}",
                    "jnz 3b",
                    $($store,)*
                    load = in(reg) u32::from(t.load),
                    k = inout(reg) t.k => _,
                    a = inout(reg) t.a => _,
                    a_low = inout(reg) t.a.wrapping_byte_add(SIDE * t.a_row) => _,
                    a_row = in(reg) t.a_row,
                    b = inout(reg) t.b => _,
                    b_row = in(reg) t.b_row,
                    b_step = in(reg) SIDE * t.b_row,
                    c = in(reg) t.c,
                    c_low = in(reg) t.c.wrapping_byte_add(SIDE * t.c_row),
                    c_row = in(reg) t.c_row,
                    options(nostack),
                );
            }
        }
    };
}

multiply!(multiply_one, "16 rows and columns.",
    zero: ["tilezero tmm0"],
    load: ["tileloadd tmm0, [{c} + 1*{c_row}]"],
    step: ["tileloadd tmm4, [{a} + 1*{a_row}]" "tileloadd tmm6, [{b} + 1*{b_row}]" "tdpbf16ps tmm0, tmm4, tmm6"],
    store: ["tilestored [{c} + 1*{c_row}], tmm0"]);

multiply!(multiply_wide, "16 rows, 32 columns.",
    zero: ["tilezero tmm0" "tilezero tmm1"],
    load: ["tileloadd tmm0, [{c} + 1*{c_row}]" "tileloadd tmm1, [{c} + 1*{c_row} + 64]"],
    step: ["tileloadd tmm4, [{a} + 1*{a_row}]" "tileloadd tmm6, [{b} + 1*{b_row}]" "tdpbf16ps tmm0, tmm4, tmm6"
        "tileloadd tmm7, [{b} + 1*{b_row} + 64]" "tdpbf16ps tmm1, tmm4, tmm7"],
    store: ["tilestored [{c} + 1*{c_row}], tmm0" "tilestored [{c} + 1*{c_row} + 64], tmm1"]);

multiply!(multiply_tall, "32 rows, 16 columns.",
    zero: ["tilezero tmm0" "tilezero tmm2"],
    load: ["tileloadd tmm0, [{c} + 1*{c_row}]" "tileloadd tmm2, [{c_low} + 1*{c_row}]"],
    step: ["tileloadd tmm4, [{a} + 1*{a_row}]" "tileloadd tmm6, [{b} + 1*{b_row}]" "tdpbf16ps tmm0, tmm4, tmm6"
        "tileloadd tmm5, [{a_low} + 1*{a_row}]" "tdpbf16ps tmm2, tmm5, tmm6"],
    store: ["tilestored [{c} + 1*{c_row}], tmm0" "tilestored [{c_low} + 1*{c_row}], tmm2"]);

multiply!(multiply_whole, "32 rows and columns.",
    zero: ["tilezero tmm0" "tilezero tmm1" "tilezero tmm2" "tilezero tmm3"],
    load: ["tileloadd tmm0, [{c} + 1*{c_row}]" "tileloadd tmm1, [{c} + 1*{c_row} + 64]"
        "tileloadd tmm2, [{c_low} + 1*{c_row}]" "tileloadd tmm3, [{c_low} + 1*{c_row} + 64]"],
    step: ["tileloadd tmm4, [{a} + 1*{a_row}]" "tileloadd tmm6, [{b} + 1*{b_row}]" "tdpbf16ps tmm0, tmm4, tmm6"
        "tileloadd tmm7, [{b} + 1*{b_row} + 64]" "tdpbf16ps tmm1, tmm4, tmm7"
        "tileloadd tmm5, [{a_low} + 1*{a_row}]" "tdpbf16ps tmm2, tmm5, tmm6" "tdpbf16ps tmm3, tmm5, tmm7"],
    store: ["tilestored [{c} + 1*{c_row}], tmm0" "tilestored [{c} + 1*{c_row} + 64], tmm1"
        "tilestored [{c_low} + 1*{c_row}], tmm2" "tilestored [{c_low} + 1*{c_row} + 64], tmm3"]);

/// Sums that do not fill their registers, or with something before or after them, take a
/// detour through memory.
#[repr(align(64))]
struct Detour([MaybeUninit<f32>; BLOCK * BLOCK]);

/// A tile of at most 32 rows and columns; `k` is a multiple of 16 steps.
///
/// # Safety
/// This thread has [`Registers`]. Rows of A are pairs in a row (`a_col` is 1), rows of B
/// reach to the next multiple of 16 columns, A to the next multiple of 16 rows, with any
/// numbers there; C's rows and columns, and what follows, must lie inside their allocations.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
unsafe fn entry(t: &Tile) {
    debug_assert!(t.a_col == 1 && t.k.is_multiple_of(SIDE) && t.k > 0);
    let (tall, wide) = (t.rows > SIDE, t.n > SIDE);
    let multiply: unsafe fn(&Operands) = match (tall, wide) {
        (false, false) => multiply_one,
        (false, true) => multiply_wide,
        (true, false) => multiply_tall,
        (true, true) => multiply_whole,
    };
    let product = |c, c_row, load| Operands {
        k: t.k / SIDE,
        a: t.a,
        a_row: t.a_row * BYTES,
        b: t.b,
        b_row: t.b_row * BYTES,
        c,
        c_row: c_row * BYTES,
        load,
    };
    let whole = t.rows.is_multiple_of(SIDE) && t.n.is_multiple_of(SIDE);
    let nothing = t.last.add.is_null() && matches!(t.last.after, After::Nothing);
    let load = matches!(t.first, First::Load);
    // SAFETY: the caller answers for the registers and the operands; the detour has room for
    // the largest tile. What it holds beyond the columns is never stored.
    unsafe {
        if whole && nothing && !matches!(t.first, First::Bias(_)) {
            return multiply(&product(t.c, t.c_row, load));
        }
        let mut detour = Detour([const { MaybeUninit::uninit() }; BLOCK * BLOCK]);
        let sums: *mut f32 = detour.0.as_mut_ptr().cast();
        let mask = Pairs::mask(t.n - usize::from(wide) * SIDE);
        let second = if wide { SIDE } else { 0 };
        if !matches!(t.first, First::Zero) {
            for i in 0..t.rows {
                let from = match t.first {
                    First::Bias(bias) => bias,
                    _ => t.c.add(i * t.c_row).cast_const(),
                };
                let to = sums.add(i * BLOCK);
                if wide {
                    Pairs::load(from).store(to);
                }
                Pairs::load_masked(mask, from.add(second)).store(to.add(second));
            }
        }
        multiply(&product(sums, BLOCK, !matches!(t.first, First::Zero)));
        for i in 0..t.rows {
            let (from, to) = (sums.add(i * BLOCK).cast_const(), t.c.add(i * t.c_row));
            let row = i * t.c_row;
            if wide {
                let mut sum = Pairs::load(from);
                if !t.last.add.is_null() {
                    sum = sum.ended(Some(Pairs::load(t.last.add.add(row))), After::Nothing);
                }
                sum.ended(None, t.last.after).store(to);
            }
            let mut sum = Pairs::load(from.add(second));
            if !t.last.add.is_null() {
                let add = Pairs::load_masked(mask, t.last.add.add(row + second));
                sum = sum.ended(Some(add), After::Nothing);
            }
            sum.ended(None, t.last.after).store_masked(mask, to.add(second));
        }
    }
}
