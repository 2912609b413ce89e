// SPDX-License-Identifier: MIT
//! tokio: tasks, its own channels and its own mutex.

mod chan;
mod latency;
mod memory;
mod pipeline;
mod ring;
mod serve;
mod spawn;

use crate::ask::{self, Asked};
use crate::{mutex_of_tasks, runtime, work};
use tokio::sync::Mutex;

fn cpu(asked: &Asked) {
    let runtime = runtime::start(asked.workers);
    let steps = (work::STEPS_100MS as f64 * asked.scale) as u32;
    let expected = work::burn(1, steps);
    asked.per_operation(1, || {
        let (took, x) = runtime::run(&runtime, async move {
            ask::timed(|| work::burn(ask::opaque(1), steps))
        });
        ask::expect("burnt", x, expected);
        took
    });
}

fn start(asked: &Asked) {
    asked.per_operation(1, || {
        let (took, one) = ask::timed(|| {
            let runtime = runtime::start(asked.workers);
            runtime::run(&runtime, async { 1 })
        });
        ask::expect("tasks", one, 1);
        took
    });
}

mutex_of_tasks!(Mutex, |mutex| mutex.lock().await);

fn total(sum: Mutex<usize>) -> usize {
    sum.into_inner()
}

pub fn answer(asked: Asked) {
    let asked = &asked;
    match asked.question.as_str() {
        "spawn-cold" => spawn::cold(asked),
        "spawn-warm" => spawn::warm(asked),
        "fib" => spawn::fib(asked),
        "ring-2" => ring::ring(asked, 2),
        "ring-100" => ring::ring(asked, 100),
        "ring-10000" => ring::ring(asked, 10_000),
        "ring-100000" => ring::ring(asked, 100_000),
        "pingpong" => chan::pingpong(asked),
        "chan" => chan::chan(asked),
        "chan-batch" => chan::batches(asked),
        "pipeline" => pipeline::pipeline(asked, 1_000_000, 0),
        "pipeline-work" => {
            pipeline::pipeline(asked, 200_000, work::STEPS_100NS)
        }
        "select" => chan::select(asked),
        "mutex" => mutex(asked),
        "wake" => latency::wake(asked),
        "tail" => latency::tail(asked),
        "parked" => memory::parked(asked),
        "idle" => memory::idle(asked),
        "cpu" => cpu(asked),
        "start" => start(asked),
        "sleepers" => memory::sleepers(asked),
        "serve-echo" => serve::echo(asked),
        "serve-http" => serve::http(asked),
        _ => ask::none(),
    }
}
