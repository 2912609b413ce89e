// SPDX-License-Identifier: MIT
//! How long a task that has something to do waits for a worker.

use crate::ask::{self, Asked};
use crate::{runtime, work};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::yield_now;
use tokio::time::{interval, MissedTickBehavior};

/// Sends the time, so often, after 50 us in which the workers fall asleep. A
/// task that sent would keep its worker busy, which is whose queue the woken
/// task waits in; so it is a thread outside the runtime.
fn send_times(tx: UnboundedSender<Instant>, woken: &AtomicUsize, n: usize) {
    for i in 1..=n {
        let mut now = Instant::now();
        let end = now + Duration::from_micros(50);
        while now < end {
            now = Instant::now();
        }
        tx.send(now).expect("the channel is open");
        while woken.load(Ordering::Acquire) < i {
            std::hint::spin_loop();
        }
    }
}

pub fn wake(asked: &Asked) {
    let n = asked.scaled(2000, 20);
    let runtime = runtime::start(asked.workers);
    let (tx, mut rx) = mpsc::unbounded_channel::<Instant>();
    let woken = Arc::new(AtomicUsize::new(0));
    let seen = woken.clone();
    let sender = thread::spawn(move || send_times(tx, &seen, n));
    let mut times = runtime::run(&runtime, async move {
        let mut times = Vec::with_capacity(n);
        while let Some(sent) = rx.recv().await {
            times.push(sent.elapsed().as_nanos() as u64);
            woken.store(times.len(), Ordering::Release);
        }
        times
    });
    sender.join().expect("sent");
    ask::expect("messages", times.len(), n);
    ask::print_percentile("p50_ns", &mut times, 0.5);
    ask::print_percentile("p99_ns", &mut times, 0.99);
}

/// Tasks that compute, for each worker.
const BUSY_TASKS: usize = 4;

async fn compute(stop: Arc<AtomicBool>) {
    let mut x = 1;
    while !stop.load(Ordering::Relaxed) {
        x = ask::opaque(work::burn(x, work::STEPS_100US));
        yield_now().await;
    }
}

/// How late a tick of each ms comes.
async fn ticks(n: usize) -> Vec<u64> {
    let mut interval = interval(Duration::from_millis(1));
    interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut times = Vec::with_capacity(n);
    for _ in 0..n {
        let due = interval.tick().await;
        times.push(due.elapsed().as_nanos() as u64);
    }
    times
}

/// As tokio is by itself: those that yield wait until the others have had their
/// turn, and before they go on it looks at its timers. Looking after each task
/// (`event_interval(1)`) would put the task that yielded ahead of all others.
pub fn tail(asked: &Asked) {
    let n = asked.scaled(2000, 20);
    let runtime = runtime::builder(asked.workers)
        .enable_time()
        .build()
        .expect("cannot start tokio");
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..BUSY_TASKS * asked.workers {
        runtime.spawn(compute(stop.clone()));
    }
    let mut times = runtime::run(&runtime, ticks(n));
    stop.store(true, Ordering::Relaxed);
    ask::print_percentile("p50_ns", &mut times, 0.5);
    ask::print_percentile("p999_ns", &mut times, 0.999);
}
