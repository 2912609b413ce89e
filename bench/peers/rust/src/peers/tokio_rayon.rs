// SPDX-License-Identifier: MIT
//! A program in two parts: what waits are tasks of tokio, what computes is
//! rayon's, each with as many threads as there are workers.

use crate::ask::{self, Asked};
use crate::{runtime, work};
use rayon::{Scope, ThreadPoolBuilder};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::time::sleep_until;

const WAITERS: usize = 16;
const BUSY_TASKS: usize = 4;
const PERIOD: Duration = Duration::from_millis(1);
const PIECE_LEAVES: usize = 50;

struct Mixed {
    turn: usize,
    forks: bool,
    over: Arc<AtomicBool>,
    pieces: AtomicUsize,
}

fn walk_tree(leaves: usize) -> u64 {
    if leaves == 1 {
        return work::burn(ask::opaque(1), work::STEPS_2000NS);
    }
    let left = leaves / 2;
    let (a, b) = rayon::join(|| walk_tree(left), || walk_tree(leaves - left));
    a.wrapping_add(b)
}

/// One turn; the next one is spawned, and so behind the others.
fn take_turn<'a>(mixed: &'a Mixed, scope: &Scope<'a>) {
    let mut done = 0;
    while done < mixed.turn && !mixed.over.load(Ordering::Relaxed) {
        let x = if mixed.forks {
            walk_tree(PIECE_LEAVES)
        } else {
            work::burn(ask::opaque(1), work::STEPS_100US)
        };
        ask::expect("computing", x != 0, true);
        done += 1;
    }
    mixed.pieces.fetch_add(done, Ordering::Relaxed);
    if !mixed.over.load(Ordering::Relaxed) {
        scope.spawn(move |scope| take_turn(mixed, scope));
    }
}

/// How late each of these sleeps ended.
async fn sleeps(over: Arc<AtomicBool>, most: usize) -> Vec<u64> {
    let mut late = Vec::with_capacity(most);
    loop {
        let due = Instant::now() + PERIOD;
        sleep_until(due.into()).await;
        late.push(due.elapsed().as_nanos() as u64);
        let x = work::burn(ask::opaque(1), work::STEPS_5US);
        ask::expect("work", x != 0, true);
        if late.len() >= most || over.load(Ordering::Relaxed) {
            return late;
        }
    }
}

async fn wait(over: Arc<AtomicBool>, most: usize) -> Vec<u64> {
    let tasks: Vec<_> = (0..WAITERS)
        .map(|_| tokio::spawn(sleeps(over.clone(), most)))
        .collect();
    let mut late = Vec::new();
    for task in tasks {
        late.extend(task.await.expect("the task ended"));
    }
    late
}

fn compute(mixed: &Mixed, workers: usize) {
    let pool = ThreadPoolBuilder::new()
        .num_threads(workers)
        .build()
        .expect("cannot start rayon");
    pool.scope(|scope| {
        for _ in 0..BUSY_TASKS * workers {
            scope.spawn(move |scope| take_turn(mixed, scope));
        }
    });
}

fn mix(asked: &Asked, turn: usize, forks: bool) {
    let long = Duration::from_secs(1).mul_f64(asked.scale);
    let most = long.as_millis() as usize + 2;
    let over = Arc::new(AtomicBool::new(false));
    let seen = over.clone();
    let runtime = runtime::builder(asked.workers)
        .enable_time()
        .build()
        .expect("cannot start tokio");
    let mixed = Mixed { turn, forks, over, pieces: AtomicUsize::new(0) };
    let start = Instant::now();
    let (ns, mut late) = thread::scope(|threads| {
        let waiting =
            threads.spawn(|| runtime::run(&runtime, wait(seen, most)));
        threads.spawn(|| compute(&mixed, asked.workers));
        thread::sleep(long);
        mixed.over.store(true, Ordering::Relaxed);
        let ns = start.elapsed().as_nanos() as f64;
        (ns, waiting.join().expect("the waiting half ended"))
    });
    let pieces = mixed.pieces.into_inner().max(1);
    ask::print("compute_ns", ns * asked.workers as f64 / pieces as f64);
    ask::print("wait_ns", ns * WAITERS as f64 / late.len() as f64);
    ask::print_percentile("p50_ns", &mut late, 0.5);
    ask::print_percentile("p99_ns", &mut late, 0.99);
}

pub fn answer(asked: Asked) {
    match asked.question.as_str() {
        "mixed-fork" => mix(&asked, 10, true),
        "mixed-1ms" => mix(&asked, 10, false),
        "mixed-10ms" => mix(&asked, 100, false),
        "mixed-100ms" => mix(&asked, 1000, false),
        _ => ask::none(),
    }
}
