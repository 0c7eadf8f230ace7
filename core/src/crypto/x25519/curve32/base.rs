//! X25519 with the base point, for 32-bit machines: a comb on the curve's Edwards form (RFC 7748 §4.1).
//!
//! The 256 bits of a scalar are read as signs, in four rows of 64. A column of signs is a sum or difference of four
//! fixed points. A table has the eight whose first sign is plus; the others are their negatives. So 63 doublings and
//! additions replace the 255 steps of the ladder.
//!
//! As in the ladder, nothing branches on a secret or uses one as an index, and the coordinates of the point are
//! blinded. The coordinates in the table are not blinded. But no limb of the table is below 2^16: for such a limb the
//! multiplier of a Cortex-M3 would end early and reveal the choice.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::{DefaultIsZeroes, Zeroizing};

use super::clamp;
use super::field::Field;

/// The u-coordinate of `scalar` times the base point, whose u-coordinate is 9.
///
/// `blind` is a secret value. The result does not depend on it.
pub fn x25519_base(scalar: &[u8; 32], blind: &[u8; 32]) -> [u8; 32] {
    let rows = signs(&clamp(scalar));
    // Zero for one blind in 2^254. Then the result is zero: a key of low order, which every peer refuses.
    let one = Field::from_bytes(blind);
    let mut addend = Zeroizing::new(Addend::of(&rows, COLUMNS - 1));
    let mut point = Zeroizing::new(addend.blinded(&one));
    for index in (0..COLUMNS - 1).rev() {
        *addend = Addend::of(&rows, index);
        *point = point.double().add(&addend).point();
    }
    point.z.add(&point.y).mul(&point.z.sub(&point.y).invert()).to_bytes()
}

const COLUMNS: u32 = 64;

/// The signs, 1 for plus, with which `scalar` is the sum of ±2^i for i below 256, modulo the base point's order L.
///
/// Such a sum is odd. The scalar is even, but scalar + L is odd. The signs are the number (scalar + L + 2^256 - 1) / 2.
fn signs(scalar: &[u8; 32]) -> Zeroizing<[u64; 4]> {
    /// L - 1, least significant word first.
    const ORDER_LESS_ONE: [u64; 4] = [0x5812_631a_5cf5_d3ec, 0x14de_f9de_a2f7_9cd6, 0, 0x1000_0000_0000_0000];
    let mut sum = Zeroizing::new(ORDER_LESS_ONE);
    let mut carry = 0;
    for (word, bytes) in sum.iter_mut().zip(scalar.as_chunks().0) {
        carry += u128::from(*word) + u128::from(u64::from_le_bytes(*bytes));
        *word = carry as u64;
        carry >>= 64;
    }
    let [a, b, c, d] = *sum;
    Zeroizing::new([a >> 1 | b << 63, b >> 1 | c << 63, c >> 1 | d << 63, d >> 1 | 1 << 63])
}

/// A point x = X/Z, y = Y/Z of -x² + y² = 1 + d x² y², where d = -121665/121666. All tight.
#[derive(Clone, Copy, Default)]
struct Point {
    x: Field,
    y: Field,
    z: Field,
}

impl DefaultIsZeroes for Point {}

impl Point {
    fn double(&self) -> Factors {
        let (xx, yy, zz) = (self.x.square(), self.y.square(), self.z.square());
        let g = yy.sub(&xx);
        Factors {
            e: self.x.add(&self.y).square().sub(&xx).sub(&yy),
            f: zz.sub(&g).add(&zz),
            h: yy.add(&xx),
            g,
        }
    }
}

/// A point as the factors of its coordinates: X = EF, Y = GH, Z = FG, and T = XY/Z = EH. All loose.
struct Factors {
    e: Field,
    f: Field,
    g: Field,
    h: Field,
}

impl Factors {
    fn point(&self) -> Point {
        Point { x: self.e.mul(&self.f), y: self.g.mul(&self.h), z: self.f.mul(&self.g) }
    }

    fn add(&self, addend: &Addend) -> Self {
        let Point { x, y, z } = self.point();
        let a = y.sub(&x).mul(&addend.difference);
        let b = y.add(&x).mul(&addend.sum);
        let c = self.e.mul(&self.h).mul(&addend.product);
        Self { e: b.sub(&a), f: z.sub(&c), g: z.add(&c), h: b.add(&a) }
    }
}

/// A point in the form for additions: (y + x) / 2, (y - x) / 2 and d x y. All tight.
#[derive(Clone, Copy, Default)]
struct Addend {
    sum: Field,
    difference: Field,
    product: Field,
}

impl DefaultIsZeroes for Addend {}

impl Addend {
    /// The addend of the column at `index`. The whole table is read.
    fn of(rows: &[u64; 4], index: u32) -> Self {
        let [a, b, c, plus] = rows.map(|row| (row >> index) as u8 & 1);
        let minus = plus ^ 1;
        let wanted = (a | b << 1 | c << 2) ^ (minus * 7);
        let masks = [0, 1, 2, 3, 4, 5, 6, 7]
            .map(|number: u8| u32::conditional_select(&0, &u32::MAX, number.ct_eq(&wanted)));
        let [sum, difference, product] = TABLE.each_ref().map(|limbs| Field::masked(limbs, &masks));
        let minus = Choice::from(minus);
        Self {
            sum: Field::select(&sum, &difference, minus),
            difference: Field::select(&difference, &sum, minus),
            product: Field::select(&product, &Field::ZERO.sub(&product), minus),
        }
    }

    /// The addend as a point whose Z is `one`.
    fn blinded(&self, one: &Field) -> Point {
        let (x, y) = (self.sum.sub(&self.difference), self.sum.add(&self.difference));
        Point { x: x.mul(one), y: y.mul(one), z: *one }
    }
}

/// The eight addends 2^192 B ± 2^128 B ± 2^64 B ± B, where B is the base point: their sums, then their differences, then
/// their products, limb by limb. The lowest bit of an addend's number is the sign of B.
#[rustfmt::skip] // Eight a line.
const TABLE: [[[u32; 8]; 9]; 3] = [
    [
        [0x1239_9c1f, 0x171f_346a, 0x1602_23b7, 0x12af_c64e, 0x0c5f_863d, 0x1bfe_ec90, 0x0ab0_29d1, 0x03fd_dc21],
        [0x0ec2_8b20, 0x1b4a_d566, 0x0450_f816, 0x173f_39a8, 0x1e24_6c7f, 0x134b_f5a1, 0x15ec_bb20, 0x0dfb_ad9d],
        [0x1349_0a89, 0x08f5_97a2, 0x0e50_ca53, 0x0891_1dd5, 0x0175_d93e, 0x0eb3_c859, 0x1fb2_2520, 0x1023_5162],
        [0x13d9_1cd3, 0x0562_7358, 0x00fd_a6c6, 0x1877_41c9, 0x1227_8b9f, 0x176e_fe43, 0x0cb4_26f2, 0x1f5c_7560],
        [0x0c5a_8c5c, 0x0843_ab7e, 0x0de6_92ac, 0x02df_ec5e, 0x0f11_9d9a, 0x1e1b_a413, 0x06ee_a86d, 0x0644_d3ce],
        [0x10bb_aa91, 0x07d5_258a, 0x0136_4305, 0x0535_0111, 0x05ce_6b33, 0x1d27_f925, 0x0348_2f44, 0x09db_dc7e],
        [0x104e_c907, 0x14cd_7312, 0x0cae_7de9, 0x0914_1275, 0x10b8_104c, 0x1835_bd89, 0x065d_c61b, 0x1f84_b457],
        [0x0464_8086, 0x1cf6_ff38, 0x01e4_8ce2, 0x1f3f_ce91, 0x154f_2d9c, 0x1574_8248, 0x09d0_79bb, 0x0563_bc8f],
        [0x0025_e74a, 0x0061_d47e, 0x004e_cece, 0x003d_9288, 0x0077_3443, 0x006f_2234, 0x0013_dbcb, 0x0004_ca95],
    ],
    [
        [0x0dc4_684d, 0x0eb8_9a58, 0x0d06_eadb, 0x1f91_ad9f, 0x024a_250d, 0x17cd_38cc, 0x138d_08c5, 0x0e3f_7c1e],
        [0x0f8a_a04f, 0x077b_49d6, 0x1ccc_6d95, 0x0909_1bde, 0x098e_3e46, 0x0fe2_0310, 0x01f9_d2c0, 0x0aa3_2d2f],
        [0x1629_b83c, 0x0f61_41bd, 0x10c5_7a63, 0x1b0f_b962, 0x1046_0090, 0x0040_c74c, 0x01c3_e841, 0x1278_44d4],
        [0x00b1_3d5b, 0x1cb5_9354, 0x145f_61c9, 0x1e6e_541e, 0x14ae_ad97, 0x0b91_b091, 0x00e0_270b, 0x15c6_fa5f],
        [0x115e_937a, 0x1a27_df3d, 0x1bc1_985a, 0x02ac_9743, 0x0567_730a, 0x08de_8a28, 0x1b24_7b3e, 0x071d_2cb5],
        [0x1509_5547, 0x197c_009c, 0x026c_c55c, 0x1b0d_304e, 0x1277_cbf0, 0x1f20_b50a, 0x00e7_434a, 0x1ac6_c199],
        [0x12db_8ce2, 0x014e_bd78, 0x08b8_732f, 0x1e26_f0a5, 0x1380_f146, 0x16dc_8dd2, 0x1517_ddb9, 0x1e5f_a9d7],
        [0x1aec_4643, 0x18f8_9bc8, 0x1907_743d, 0x0886_5425, 0x1a44_7e05, 0x0b3f_8a8f, 0x096f_b9c8, 0x0dce_5c6c],
        [0x0060_02db, 0x0033_279a, 0x0049_a839, 0x003e_0c2d, 0x0048_d56e, 0x0061_e97f, 0x0075_7350, 0x0020_4da5],
    ],
    [
        [0x0df6_3c8e, 0x138a_f5da, 0x1ad6_8f4c, 0x0f6c_d7ee, 0x192a_67d3, 0x0b84_8fff, 0x0846_c137, 0x01a1_a862],
        [0x1203_8609, 0x1750_e591, 0x0f82_18bf, 0x1d3e_063a, 0x0d8c_cf67, 0x02f4_59d2, 0x1c90_f96a, 0x1354_f6e6],
        [0x0dae_c4b9, 0x1c94_7e27, 0x0e3a_2f42, 0x00cf_8332, 0x1df8_7b54, 0x0974_e105, 0x0a31_9a34, 0x1ea0_b688],
        [0x14a9_d0af, 0x0d92_f13b, 0x1a63_b990, 0x1339_016b, 0x183c_540d, 0x0995_d09d, 0x018c_da8f, 0x0993_05a5],
        [0x1974_c705, 0x060a_c88a, 0x1467_5ff7, 0x0f85_2819, 0x1e55_15f7, 0x076c_a381, 0x0ee5_6397, 0x0ff9_7c49],
        [0x0d5f_4bee, 0x02d9_d5f5, 0x19a4_fce0, 0x06b7_6859, 0x1e30_fd5b, 0x14c6_97c0, 0x1a0e_c7e3, 0x1ea8_9652],
        [0x07b4_c29a, 0x190b_c287, 0x0ab5_b06e, 0x0f6a_88f9, 0x1b77_1d2d, 0x0579_f66f, 0x1679_e5c7, 0x1ac9_f645],
        [0x1766_3a64, 0x09c7_cef6, 0x1b14_a5d0, 0x0a01_4185, 0x0234_b77a, 0x1ef9_f141, 0x1bab_d8f7, 0x0a70_4657],
        [0x000e_3bdd, 0x0028_dabe, 0x0045_2b73, 0x006c_b202, 0x0061_6659, 0x000a_a77d, 0x0078_689e, 0x0034_dcb4],
    ],
];

// Each limb has more than 16 bits, and so has its complement, the limb of the negative.
const _: () = {
    let mut limbs = TABLE.as_flattened().as_flattened();
    while let [limb, rest @ ..] = limbs {
        assert!(*limb >> 16 != 0 && *limb >> 16 != 0x1fff);
        limbs = rest;
    }
};
