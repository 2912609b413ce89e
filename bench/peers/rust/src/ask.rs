// SPDX-License-Identifier: MIT
//! The contract of benchmark programs: `PROGRAM QUESTION WORKERS [SCALE]`, a
//! line `NAME VALUE` per metric, exit 77 without an answer.

use std::env;
use std::process::exit;
use std::time::{Duration, Instant};

/// What the program was asked.
pub struct Asked {
    pub question: String,
    pub workers: usize,
    pub scale: f64,
}

/// The program's arguments; ends it when they make no sense.
pub fn asked() -> Asked {
    let args: Vec<String> = env::args().collect();
    let workers = args.get(2).and_then(|text| text.parse().ok());
    let scale = match args.get(3) {
        None => Some(1.0),
        Some(text) => text.parse().ok().filter(|&scale: &f64| scale > 0.0),
    };
    match (args.len(), workers, scale) {
        (3..=4, Some(workers), Some(scale)) if workers > 0 => {
            Asked { question: args[1].clone(), workers, scale }
        }
        _ => {
            eprintln!("usage: {} QUESTION WORKERS [SCALE]", args[0]);
            exit(2)
        }
    }
}

/// Ends the program: it has no answer to this question.
pub fn none() -> ! {
    exit(77)
}

/// Ends the program unless a result is what it should be.
pub fn expect<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) {
    if is != should {
        eprintln!("{what}: {is:?}, should be {should:?}");
        exit(1);
    }
}

pub fn print(metric: &str, value: f64) {
    println!("{metric} {value:.3}");
}

impl Asked {
    /// `amount` at scale 1; at least `least`.
    pub fn scaled(&self, amount: usize, least: usize) -> usize {
        ((amount as f64 * self.scale + 0.5) as usize).max(least)
    }

    /// Prints the median over five rounds, in ns per operation, of a round
    /// that does `operations` and returns how long that took. One round before
    /// is not counted; each is repeated until it has taken 20 ms.
    pub fn per_operation(
        &self,
        operations: usize,
        mut round: impl FnMut() -> Duration,
    ) {
        let least = Duration::from_millis(20).mul_f64(self.scale.min(1.0));
        round();
        let mut rounds: Vec<f64> = (0..5)
            .map(|_| {
                let mut took = Duration::ZERO;
                let mut times = 0;
                while took < least {
                    took += round();
                    times += 1;
                }
                took.as_nanos() as f64 / times as f64
            })
            .collect();
        rounds.sort_by(f64::total_cmp);
        print("ns", rounds[rounds.len() / 2] / operations as f64);
    }
}

/// Prints what a share of `part` of the times is not above.
pub fn print_percentile(metric: &str, times: &mut [u64], part: f64) {
    times.sort_unstable();
    let last = times.len() - 1;
    print(metric, times[(last as f64 * part) as usize] as f64);
}

/// How long this takes, and what it gives.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

/// The same value, of which the compiler knows nothing.
pub fn opaque(x: u64) -> u64 {
    // Safe: reads a local variable.
    unsafe { std::ptr::read_volatile(&x) }
}
