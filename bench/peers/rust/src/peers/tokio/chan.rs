// SPDX-License-Identifier: MIT
//! tokio's own channels: mpsc, the one for many messages, has one receiver.

use crate::ask::{self, Asked};
use crate::runtime;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

async fn pass(n: u64) -> Duration {
    let start = Instant::now();
    let (tx, mut rx) = mpsc::channel(1024);
    let receiver = tokio::spawn(async move {
        let mut sum = 0;
        while let Some(i) = rx.recv().await {
            sum += i;
        }
        sum
    });
    tokio::spawn(async move {
        for i in 0..n {
            tx.send(i).await.expect("the channel is open");
        }
    });
    let sum = receiver.await.expect("received");
    let took = start.elapsed();
    ask::expect("sum", sum, n * (n - 1) / 2);
    took
}

pub fn chan(asked: &Asked) {
    let runtime = runtime::start(asked.workers);
    let n = asked.scaled(4_000_000, 1);
    asked.per_operation(n, || runtime::run(&runtime, pass(n as u64)));
}

const BATCH: usize = 64;

/// Messages of 64 numbers; as many numbers as `pass`'s fit in. tokio 1.24
/// receives one message at a time.
async fn pass_batches(n: u64) -> Duration {
    let start = Instant::now();
    let (tx, mut rx) = mpsc::channel::<[u64; BATCH]>(1024 / BATCH);
    let receiver = tokio::spawn(async move {
        let mut sum = 0;
        while let Some(batch) = rx.recv().await {
            sum += batch.iter().sum::<u64>();
        }
        sum
    });
    tokio::spawn(async move {
        for first in (0..n).step_by(BATCH) {
            let batch = std::array::from_fn(|i| first + i as u64);
            tx.send(batch).await.expect("the channel is open");
        }
    });
    let sum = receiver.await.expect("received");
    let took = start.elapsed();
    ask::expect("sum", sum, n * (n - 1) / 2);
    took
}

pub fn batches(asked: &Asked) {
    let runtime = runtime::start(asked.workers);
    let n = BATCH * asked.scaled(4_000_000 / BATCH, 1);
    asked.per_operation(n, || {
        runtime::run(&runtime, pass_batches(n as u64))
    });
}

/// There is no channel without a buffer. One message at most is under way, so
/// the sender needs no channel that may be full; the one without bound costs
/// less.
async fn ping(n: u64) -> Duration {
    let (tx, mut other_rx) = mpsc::unbounded_channel();
    let (other_tx, mut rx) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(i) = other_rx.recv().await {
            other_tx.send(i + 1).expect("the channel is open");
        }
    });
    let start = Instant::now();
    let mut i = 0u64;
    for _ in 0..n {
        tx.send(i).expect("the channel is open");
        i = rx.recv().await.expect("the channel is open");
    }
    let took = start.elapsed();
    ask::expect("round trips", i, n);
    took
}

pub fn pingpong(asked: &Asked) {
    let runtime = runtime::start(asked.workers);
    let n = asked.scaled(1_000_000, 1);
    asked.per_operation(n, || runtime::run(&runtime, ping(n as u64)));
}

/// One task sends to one of three channels by turns, one receives from
/// whichever has something. The first to be asked is drawn by lot, as the
/// macro does by itself; none is starved then.
async fn send_and_select(n: u64) -> Duration {
    let (tx0, mut a) = mpsc::channel(1024);
    let (tx1, mut b) = mpsc::channel(1024);
    let (tx2, mut c) = mpsc::channel(1024);
    let start = Instant::now();
    tokio::spawn(async move {
        for i in (0..n).step_by(3) {
            tx0.send(i).await.expect("the channel is open");
            tx1.send(i + 1).await.expect("the channel is open");
            tx2.send(i + 2).await.expect("the channel is open");
        }
    });
    let mut sum = 0;
    for _ in 0..n {
        sum += tokio::select! {
            Some(i) = a.recv() => i,
            Some(i) = b.recv() => i,
            Some(i) = c.recv() => i,
            else => 0,
        };
    }
    let took = start.elapsed();
    ask::expect("sum", sum, n * (n - 1) / 2);
    took
}

pub fn select(asked: &Asked) {
    let runtime = runtime::start(asked.workers);
    let n = 3 * asked.scaled(1_000_000 / 3, 1);
    asked
        .per_operation(n, || runtime::run(&runtime, send_and_select(n as u64)));
}
