// SPDX-License-Identifier: MIT
//! Tasks that only yield.

use crate::ask::{self, Asked};
use crate::runtime;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::yield_now;

/// Where the tasks of a ring begin and end together: the last one to come
/// takes the time.
struct Ring {
    coming: AtomicUsize,
    staying: AtomicUsize,
    open: AtomicBool,
    start: Mutex<Instant>,
    took: Mutex<Duration>,
}

impl Ring {
    fn new(tasks: usize) -> Arc<Ring> {
        Arc::new(Ring {
            coming: AtomicUsize::new(tasks),
            staying: AtomicUsize::new(tasks),
            open: AtomicBool::new(false),
            start: Mutex::new(Instant::now()),
            took: Mutex::new(Duration::ZERO),
        })
    }

    /// Yields, uncounted, until all are there; then so many times.
    async fn go_round(self: Arc<Self>, yields: usize) {
        if self.coming.fetch_sub(1, Ordering::AcqRel) == 1 {
            *self.start.lock().unwrap() = Instant::now();
            self.open.store(true, Ordering::Release);
        }
        while !self.open.load(Ordering::Acquire) {
            yield_now().await;
        }
        for _ in 0..yields {
            yield_now().await;
        }
        if self.staying.fetch_sub(1, Ordering::AcqRel) == 1 {
            *self.took.lock().unwrap() = self.start.lock().unwrap().elapsed();
        }
    }
}

async fn round(tasks: usize, yields: usize) -> Duration {
    let ring = Ring::new(tasks);
    let handles: Vec<_> = (0..tasks)
        .map(|_| tokio::spawn(ring.clone().go_round(yields)))
        .collect();
    for handle in handles {
        handle.await.expect("the task ended");
    }
    ask::expect("tasks", ring.staying.load(Ordering::Relaxed), 0);
    let took = *ring.took.lock().unwrap();
    took
}

pub fn ring(asked: &Asked, tasks: usize) {
    let runtime = runtime::start(asked.workers);
    let yields = asked.scaled((2_000_000 / tasks).max(100), 2);
    asked.per_operation(tasks * yields, || {
        runtime::run(&runtime, round(tasks, yields))
    });
}
