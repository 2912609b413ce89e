// SPDX-License-Identifier: MIT
//! The work that all contestants share, as bench/support/work.h has it.

pub const STEPS_20NS: u32 = 12;
pub const STEPS_100NS: u32 = 60;
pub const STEPS_2000NS: u32 = 1200;
pub const STEPS_5US: u32 = 3000;
pub const STEPS_100US: u32 = 60_000;
pub const STEPS_100MS: u32 = 60_000_000;

/// Arithmetic that no compiler shortens; `x` is not 0.
#[inline]
pub fn burn(mut x: u64, steps: u32) -> u64 {
    for _ in 0..steps {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    x
}

#[inline]
pub fn hash(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// sleepers: how many ns after the first one is due.
pub fn sleep_after(i: usize) -> u64 {
    hash(i as u64) % 100_000_000
}

/// Tasks that are spawned into one scope or group and waited for.
pub const SPAWN_BATCH: usize = 10_000;

/// How many batches, and how many tasks they are.
pub fn spawns(scale: f64) -> (usize, usize) {
    let batches = (1e6 / SPAWN_BATCH as f64 * scale + 0.5) as usize;
    (batches.max(1), batches.max(1) * SPAWN_BATCH)
}

pub const UTS_SEED: u64 = 28;
pub const UTS_ROOT: usize = 2000;
pub const UTS_CHILDREN: u64 = 8;

#[inline]
pub fn uts_inner(hash: u64) -> bool {
    hash < 2_296_619_637_176_839_168
}

pub fn fib_n(mut scale: f64) -> u32 {
    let mut n = 34;
    while scale <= 1.0 / 1.618 && n > 5 {
        scale *= 1.618;
        n -= 1;
    }
    while scale >= 1.618 {
        scale /= 1.618;
        n += 1;
    }
    n
}

/// fib(n), and how many calls the naive way to it makes.
pub fn fib_expected(n: u32) -> (u64, usize) {
    let (mut this, mut next) = (0u64, 1u64);
    for _ in 0..n {
        (this, next) = (next, this + next);
    }
    (this, 2 * next as usize - 1)
}

/// Nodes of the search on a board of n by n, by n.
const QUEENS_NODES: [u64; 15] = [
    1, 2, 3, 6, 17, 54, 153, 552, 2057, 8394, 35539, 166926, 856189, 4674890,
    27358553,
];

/// The board and its nodes.
pub fn queens(scale: f64) -> (u32, u64) {
    let mut n = 6;
    while n < 14 && QUEENS_NODES[n + 1] as f64 <= scale * 856_189.0 {
        n += 1;
    }
    (n as u32, QUEENS_NODES[n])
}

#[inline]
pub fn skewed_left(n: u64) -> u64 {
    if n >= 16 {
        n / 16
    } else {
        1
    }
}

#[inline]
pub fn irregular_steps(i: u64) -> u32 {
    let long = hash(i) % 64 == 0;
    STEPS_20NS + if long { STEPS_2000NS } else { 0 }
}

#[inline]
pub fn sort_item(i: u64) -> u32 {
    (hash(i) >> 32) as u32
}
