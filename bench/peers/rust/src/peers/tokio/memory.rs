// SPDX-License-Identifier: MIT
//! Parked tasks: what they cost, and that they cost nothing while they wait.

use crate::ask::{self, Asked};
use crate::{runtime, work};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Resident memory and page tables of the process, in bytes.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("no /proc");
    let kib = |name: &str| -> usize {
        let line = status.lines().find(|line| line.starts_with(name));
        let text = line.and_then(|line| line.split_whitespace().nth(1));
        text.and_then(|text| text.parse().ok()).expect("a figure")
    };
    1024 * (kib("VmRSS:") + kib("VmPTE:"))
}

/// Where tasks park, all at one place, and are counted in and out.
struct Park {
    tasks: usize,
    wake: Notify,
    counted: AtomicUsize,
    all: Notify,
}

impl Park {
    fn new(tasks: usize) -> Arc<Park> {
        Arc::new(Park {
            tasks,
            wake: Notify::new(),
            counted: AtomicUsize::new(0),
            all: Notify::new(),
        })
    }

    fn count(&self) {
        let counted = self.counted.fetch_add(1, Ordering::AcqRel) + 1;
        if counted % self.tasks == 0 {
            self.all.notify_one();
        }
    }

    /// The wake-up reaches all that called `notified`, polled or not.
    async fn stay(self: Arc<Self>) {
        let notified = self.wake.notified();
        self.count();
        notified.await;
        self.count();
    }

    fn fill(self: &Arc<Self>) {
        for _ in 0..self.tasks {
            tokio::spawn(self.clone().stay());
        }
    }
}

async fn park(tasks: usize) -> (Duration, usize, Duration) {
    let park = Park::new(tasks);
    let before = memory();
    let start = Instant::now();
    park.fill();
    park.all.notified().await;
    let create = start.elapsed();
    let bytes = memory().saturating_sub(before);
    let start = Instant::now();
    park.wake.notify_waiters();
    park.all.notified().await;
    (create, bytes, start.elapsed())
}

/// One round only: memory that comes back from one before would not be seen.
pub fn parked(asked: &Asked) {
    let tasks = asked.scaled(1_000_000, 1);
    let runtime = runtime::start(asked.workers);
    let (create, bytes, wake) = runtime::run(&runtime, park(tasks));
    ask::print("create_ns", create.as_nanos() as f64 / tasks as f64);
    ask::print("bytes", bytes as f64 / tasks as f64);
    ask::print("wake_ns", wake.as_nanos() as f64 / tasks as f64);
}

/// Sleeping tasks: made before `due`, which is when the first one wakes.
async fn sleep_all(tasks: usize) -> (Duration, usize, i64) {
    let park = Park::new(tasks);
    let before = memory();
    let start = Instant::now();
    let due = start + Duration::from_micros(5 * tasks as u64);
    for i in 0..tasks {
        let late = Duration::from_nanos(work::sleep_after(i));
        let park = park.clone();
        tokio::spawn(async move {
            let sleep = tokio::time::sleep_until((due + late).into());
            park.count();
            sleep.await;
            park.count();
        });
    }
    park.all.notified().await;
    let create = start.elapsed();
    let bytes = memory().saturating_sub(before);
    let cpu = cpu_time();
    park.all.notified().await;
    (create, bytes, cpu_time() - cpu)
}

pub fn sleepers(asked: &Asked) {
    let tasks = asked.scaled(1_000_000, 1);
    let mut builder = runtime::builder(asked.workers);
    let runtime = builder.enable_time().build().expect("cannot start tokio");
    let (create, bytes, cpu) = runtime::run(&runtime, sleep_all(tasks));
    ask::print("create_ns", create.as_nanos() as f64 / tasks as f64);
    ask::print("bytes", bytes as f64 / tasks as f64);
    ask::print("fire_ns", cpu as f64 / tasks as f64);
}

/// Processor time of the process, in ns.
fn cpu_time() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // Safe: the clock exists, and `time` is there for it to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Another thread looks at the clock: with one worker, this one is it.
pub fn idle(asked: &Asked) {
    let runtime = runtime::start(asked.workers);
    let second = Duration::from_secs(1).mul_f64(asked.scale.min(1.0));
    let used = runtime::run(&runtime, async move {
        let park = Park::new(1000);
        park.fill();
        park.all.notified().await;
        let parked = park.clone();
        let watch = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            let before = cpu_time();
            thread::sleep(second);
            let used = cpu_time() - before;
            parked.wake.notify_waiters();
            used
        });
        park.all.notified().await;
        watch.join().expect("watched")
    });
    ask::print("cpu_us", used as f64 / 1000.0);
}
