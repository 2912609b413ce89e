// SPDX-License-Identifier: MIT
//! The tokio runtime in which all questions about tasks are asked.

use std::future::Future;
use tokio::runtime::{Builder, Runtime};

/// A builder whose runtime has so many threads that run tasks. One is the
/// thread that waits in `run`: such a runtime needs no queue that others may
/// steal from, so its spawns and yields take half to nine tenths of the time.
pub fn builder(workers: usize) -> Builder {
    if workers == 1 {
        return Builder::new_current_thread();
    }
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers);
    builder
}

pub fn start(workers: usize) -> Runtime {
    builder(workers).build().expect("cannot start tokio")
}

/// Runs `future` as a task, so that what it spawns is spawned by a worker, and
/// waits for it.
pub fn run<F>(runtime: &Runtime, future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let task = runtime.spawn(future);
    runtime.block_on(task).expect("the task ended")
}
