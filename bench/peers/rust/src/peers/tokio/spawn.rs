// SPDX-License-Identifier: MIT
//! Spawning and joining. All tasks are spawned by a task, so that they go into
//! its worker's own queue.

use crate::ask::{self, Asked};
use crate::{runtime, work};
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

async fn spawn_and_join(batches: usize) -> Duration {
    let start = Instant::now();
    let mut tasks = Vec::with_capacity(work::SPAWN_BATCH);
    let mut ran = 0;
    for _ in 0..batches {
        tasks.extend((0..work::SPAWN_BATCH).map(|_| tokio::spawn(async { 1 })));
        for task in tasks.drain(..) {
            ran += task.await.expect("the task ended");
        }
    }
    let took = start.elapsed();
    ask::expect("tasks", ran, batches * work::SPAWN_BATCH);
    took
}

pub fn cold(asked: &Asked) {
    let runtime = runtime::start(asked.workers);
    let (batches, n) = work::spawns(asked.scale);
    let took = runtime::run(&runtime, spawn_and_join(batches));
    ask::print("ns", took.as_nanos() as f64 / n as f64);
}

pub fn warm(asked: &Asked) {
    let runtime = runtime::start(asked.workers);
    let (batches, n) = work::spawns(asked.scale);
    asked.per_operation(n, || runtime::run(&runtime, spawn_and_join(batches)));
}

/// Spawns one side and walks the other: a boxed future, unless it is a leaf.
async fn fib_of(n: u32) -> u64 {
    if n < 2 {
        return n as u64;
    }
    let a = spawn_fib(n - 1);
    let b = if n - 2 < 2 { (n - 2) as u64 } else { boxed_fib(n - 2).await };
    a.await.expect("the task ended") + b
}

fn spawn_fib(n: u32) -> JoinHandle<u64> {
    tokio::spawn(fib_of(n))
}

fn boxed_fib(n: u32) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(fib_of(n))
}

pub fn fib(asked: &Asked) {
    let runtime = runtime::start(asked.workers);
    let n = work::fib_n(asked.scale);
    let (expected, calls) = work::fib_expected(n);
    asked.per_operation(calls, || {
        let (took, result) = runtime::run(&runtime, async move {
            let start = Instant::now();
            let result = fib_of(n).await;
            (start.elapsed(), result)
        });
        ask::expect("fib", result, expected);
        took
    });
}
