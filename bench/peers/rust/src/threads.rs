// SPDX-License-Identifier: MIT
//! The questions about channels between threads.

/// Makes `answer`, to these questions and to those given besides, of a
/// library's constructor and of the methods that block the thread. There are
/// as many threads as ends, whatever the number of workers: the runner gives
/// them that many processors.
#[macro_export]
macro_rules! channels_of_threads {
    (
        $library:ident, $send:ident, $recv:ident, rendezvous: $capacity:expr
        $(, $question:literal => $answer:ident)*
    ) => {
        use crate::ask::{self, Asked};
        use std::thread;
        use std::time::Duration;
        use $library::{bounded, Receiver, Sender};

        fn send(tx: Sender<u64>, n: u64) {
            for i in 0..n {
                tx.$send(i).expect("the channel is open");
            }
        }

        fn receive(rx: Receiver<u64>) -> u64 {
            let mut sum = 0;
            while let Ok(i) = rx.$recv() {
                sum += i;
            }
            sum
        }

        /// `ends` senders of n messages each, as many receivers.
        fn pass(ends: u64, n: u64) -> u64 {
            let (tx, rx) = bounded(1024);
            thread::scope(|scope| {
                let receivers: Vec<_> = (0..ends)
                    .map(|_| {
                        let rx = rx.clone();
                        scope.spawn(move || receive(rx))
                    })
                    .collect();
                for _ in 0..ends {
                    let tx = tx.clone();
                    scope.spawn(move || send(tx, n));
                }
                drop(tx);
                receivers.into_iter().map(|r| r.join().unwrap()).sum()
            })
        }

        fn chan(asked: &Asked, ends: usize) {
            let each = asked.scaled(4_000_000 / ends, 1);
            let n = each as u64;
            asked.per_operation(each * ends, || {
                let (took, sum) = ask::timed(|| pass(ends as u64, n));
                ask::expect("sum", sum, ends as u64 * (n * (n - 1) / 2));
                took
            });
        }

        const BATCH: usize = 64;

        /// Messages of 64 numbers; as many numbers as `pass`'s fit in.
        fn pass_batches(n: u64) -> u64 {
            let (tx, rx) = bounded::<[u64; BATCH]>(1024 / BATCH);
            thread::scope(|scope| {
                scope.spawn(move || {
                    for first in (0..n).step_by(BATCH) {
                        let batch = std::array::from_fn(|i| first + i as u64);
                        tx.$send(batch).expect("the channel is open");
                    }
                });
                let mut sum = 0;
                while let Ok(batch) = rx.$recv() {
                    sum += batch.iter().sum::<u64>();
                }
                sum
            })
        }

        fn batches(asked: &Asked) {
            let n = BATCH * asked.scaled(4_000_000 / BATCH, 1);
            asked.per_operation(n, || {
                let (took, sum) = ask::timed(|| pass_batches(n as u64));
                ask::expect("sum", sum, n as u64 * (n as u64 - 1) / 2);
                took
            });
        }

        fn pong(rx: Receiver<u64>, tx: Sender<u64>) {
            while let Ok(i) = rx.$recv() {
                tx.$send(i + 1).expect("the channel is open");
            }
        }

        fn ping(n: u64) -> Duration {
            let (tx, other_rx) = bounded($capacity);
            let (other_tx, rx) = bounded($capacity);
            thread::scope(|scope| {
                scope.spawn(|| pong(other_rx, other_tx));
                let (took, last) = ask::timed(|| {
                    (0..n).fold(0, |i, _| {
                        tx.$send(i).expect("the channel is open");
                        rx.$recv().expect("the channel is open")
                    })
                });
                ask::expect("round trips", last, n);
                drop(tx);
                took
            })
        }

        fn pingpong(asked: &Asked) {
            let n = asked.scaled(100_000, 1);
            asked.per_operation(n, || ping(n as u64));
        }

        pub fn answer(asked: Asked) {
            match asked.question.as_str() {
                "chan" => chan(&asked, 1),
                "chan-44" => chan(&asked, 4),
                "chan-batch" => batches(&asked),
                "pingpong" => pingpong(&asked),
                $($question => $answer(&asked),)*
                _ => ask::none(),
            }
        }
    };
}
