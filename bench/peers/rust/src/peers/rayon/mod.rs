// SPDX-License-Identifier: MIT
//! rayon: fork and join, parallel loops.

mod arrays;
mod loops;
mod trees;

use crate::ask::{self, Asked};
use crate::work;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The question, and the pool in which its work runs.
pub struct Question {
    pub asked: Asked,
    pool: ThreadPool,
}

impl Question {
    /// Runs `work` on a worker: how long it takes there, and what it gives.
    pub fn timed<T: Send>(
        &self,
        work: impl FnOnce() -> T + Send,
    ) -> (Duration, T) {
        self.pool.install(|| ask::timed(work))
    }
}

fn spawn_empty(batches: usize) {
    for _ in 0..batches {
        rayon::scope(|scope| {
            for _ in 0..work::SPAWN_BATCH {
                scope.spawn(|_| ());
            }
        });
    }
}

/// The empty tasks cannot be counted, so others are, untimed.
fn check_spawn(question: &Question) {
    let ran = AtomicUsize::new(0);
    question.pool.install(|| {
        rayon::scope(|scope| {
            for _ in 0..1000 {
                scope.spawn(|_| {
                    ran.fetch_add(1, Ordering::Relaxed);
                });
            }
        })
    });
    ask::expect("tasks", ran.into_inner(), 1000);
}

fn spawn_cold(question: &Question) {
    let (batches, n) = work::spawns(question.asked.scale);
    let took = question.timed(|| spawn_empty(batches)).0;
    ask::print("ns", took.as_nanos() as f64 / n as f64);
    check_spawn(question);
}

fn spawn_warm(question: &Question) {
    let (batches, n) = work::spawns(question.asked.scale);
    check_spawn(question);
    question
        .asked
        .per_operation(n, || question.timed(|| spawn_empty(batches)).0);
}

const REGIONS: usize = 1000;

/// Every worker comes.
fn region(question: &Question) {
    question.asked.per_operation(REGIONS, || {
        let region = |_| {
            rayon::broadcast(|context| {
                ask::opaque(context.index() as u64);
            });
        };
        question.timed(|| (0..REGIONS).for_each(region)).0
    });
}

/// A loop with an iteration for each worker, of which one may do them all.
fn loop_empty(question: &Question) {
    let workers = question.asked.workers;
    question.asked.per_operation(REGIONS, || {
        let region = |_| {
            (0..workers).into_par_iter().with_max_len(1).for_each(|worker| {
                ask::opaque(worker as u64);
            })
        };
        question.timed(|| (0..REGIONS).for_each(region)).0
    });
}

fn cpu(question: &Question) {
    let steps = (work::STEPS_100MS as f64 * question.asked.scale) as u32;
    let expected = work::burn(1, steps);
    question.asked.per_operation(1, || {
        let (took, x) = question.timed(|| work::burn(ask::opaque(1), steps));
        ask::expect("burnt", x, expected);
        took
    });
}

/// What the work comes to, by this program's own definitions; not a question
/// of `moirai bench`, but what bench/peers/expected.txt has as well.
fn expected(question: &Question) {
    let scale = question.asked.scale;
    println!("fib {}", work::fib_n(scale));
    println!("nqueens {}", work::queens(scale).1);
    println!("uts {}", trees::uts_expected(question));
    println!("skewed {}", trees::skewed_expected(question));
    println!("nested {}", loops::nested_expected());
    println!("irregular {}", loops::irregular_expected(question));
}

pub fn answer(asked: Asked) {
    let pool = ThreadPoolBuilder::new()
        .num_threads(asked.workers)
        .build()
        .expect("cannot start rayon");
    let question = &Question { asked, pool };
    match question.asked.question.as_str() {
        "spawn-cold" => spawn_cold(question),
        "spawn-warm" => spawn_warm(question),
        "fib" => trees::fib(question),
        "nqueens" => trees::nqueens(question),
        "uts" => trees::uts(question),
        "skewed" => trees::skewed(question),
        "nested" => loops::nested(question),
        "region" => region(question),
        "loop-empty" => loop_empty(question),
        "irregular-static" => loops::irregular_static(question),
        "irregular-dynamic" => loops::irregular_dynamic(question),
        "irregular-guided" => loops::irregular_guided(question),
        "saxpy" => arrays::saxpy(question),
        "stencil" => arrays::stencil(question),
        "reduce" => arrays::reduce(question),
        "scan" => arrays::scan(question),
        "sort" => arrays::sort(question),
        "cpu" => cpu(question),
        "expected" => expected(question),
        _ => ask::none(),
    }
}
