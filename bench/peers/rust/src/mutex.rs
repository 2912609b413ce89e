// SPDX-License-Identifier: MIT
//! The question about a mutex between tasks, for any mutex.

/// Makes `mutex` of the type and of how a task locks it. A guard is never held
/// while the task waits, so a mutex that blocks the thread serves as well.
#[macro_export]
macro_rules! mutex_of_tasks {
    ($Mutex:ident, |$mutex:ident| $lock:expr) => {
        fn mutex(asked: &crate::ask::Asked) {
            use std::sync::Arc;
            use std::time::Instant;
            const TASKS: usize = 8;

            let runtime = crate::runtime::start(asked.workers);
            let each = asked.scaled(500_000, 1);
            asked.per_operation(TASKS * each, || {
                let sum = Arc::new($Mutex::new(0usize));
                let tasks_sum = sum.clone();
                let took = crate::runtime::run(&runtime, async move {
                    let start = Instant::now();
                    let add = |$mutex: Arc<$Mutex<usize>>| async move {
                        for _ in 0..each {
                            *$lock += 1;
                        }
                    };
                    let tasks: Vec<_> = (0..TASKS)
                        .map(|_| tokio::spawn(add(tasks_sum.clone())))
                        .collect();
                    for task in tasks {
                        task.await.expect("the task ended");
                    }
                    start.elapsed()
                });
                let sum = Arc::try_unwrap(sum).expect("the tasks ended");
                crate::ask::expect("sum", total(sum), TASKS * each);
                took
            });
        }
    };
}
