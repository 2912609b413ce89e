// SPDX-License-Identifier: MIT
//! Numbers through four tasks, with a buffer of 256 between any two.

use crate::ask::{self, Asked};
use crate::{runtime, work};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, Receiver};

/// A task that makes the numbers from 1 to n.
fn make(n: u64, steps: u32) -> Receiver<u64> {
    let (tx, rx) = mpsc::channel(256);
    tokio::spawn(async move {
        for i in 1..=n {
            let value = work::burn(i, steps);
            tx.send(value).await.expect("the channel is open");
        }
    });
    rx
}

/// A task in between.
fn change(mut from: Receiver<u64>, steps: u32) -> Receiver<u64> {
    let (tx, rx) = mpsc::channel(256);
    tokio::spawn(async move {
        while let Some(value) = from.recv().await {
            let value = work::burn(value, steps);
            tx.send(value).await.expect("the channel is open");
        }
    });
    rx
}

async fn pass(n: u64, steps: u32, expected: u64) -> Duration {
    let start = Instant::now();
    let mut last = change(change(make(n, steps), steps), steps);
    let mut sum = 0u64;
    while let Some(value) = last.recv().await {
        sum = sum.wrapping_add(work::burn(value, steps));
    }
    let took = start.elapsed();
    ask::expect("sum", sum, expected);
    took
}

/// Each task computes for so many steps.
pub fn pipeline(asked: &Asked, amount: usize, steps: u32) {
    let runtime = runtime::start(asked.workers);
    let n = asked.scaled(amount, 1) as u64;
    let expected =
        (1..=n).fold(0u64, |sum, i| sum.wrapping_add(work::burn(i, 4 * steps)));
    asked.per_operation(n as usize, || {
        runtime::run(&runtime, pass(n, steps, expected))
    });
}
