// SPDX-License-Identifier: MIT
//! The questions about channels between tasks, for libraries whose channels
//! have many senders and many receivers.

/// Makes `answer` of a channel's constructor and the methods that wait.
/// `rendezvous` is the capacity for ping-pong: 0 where the library has
/// channels without a buffer, else 1.
#[macro_export]
macro_rules! channels_of_tasks {
    ($library:ident, $send:ident, $recv:ident, rendezvous: $capacity:expr) => {
        use crate::ask::{self, Asked};
        use crate::runtime;
        use std::time::{Duration, Instant};
        use $library::{bounded, Receiver, Sender};

        async fn send(tx: Sender<u64>, n: u64) {
            for i in 0..n {
                tx.$send(i).await.expect("the channel is open");
            }
        }

        async fn receive(rx: Receiver<u64>) -> u64 {
            let mut sum = 0;
            while let Ok(i) = rx.$recv().await {
                sum += i;
            }
            sum
        }

        /// `ends` senders of n messages each, as many receivers.
        async fn pass(ends: u64, n: u64) -> Duration {
            let start = Instant::now();
            let (tx, rx) = bounded(1024);
            let receivers: Vec<_> =
                (0..ends).map(|_| tokio::spawn(receive(rx.clone()))).collect();
            for _ in 0..ends {
                tokio::spawn(send(tx.clone(), n));
            }
            drop(tx);
            let mut sum = 0;
            for receiver in receivers {
                sum += receiver.await.expect("received");
            }
            let took = start.elapsed();
            ask::expect("sum", sum, ends * (n * (n - 1) / 2));
            took
        }

        async fn pong(rx: Receiver<u64>, tx: Sender<u64>) {
            while let Ok(i) = rx.$recv().await {
                tx.$send(i + 1).await.expect("the channel is open");
            }
        }

        async fn ping(n: u64) -> Duration {
            let (tx, other_rx) = bounded($capacity);
            let (other_tx, rx) = bounded($capacity);
            tokio::spawn(pong(other_rx, other_tx));
            let start = Instant::now();
            let mut i = 0;
            for _ in 0..n {
                tx.$send(i).await.expect("the channel is open");
                i = rx.$recv().await.expect("the channel is open");
            }
            let took = start.elapsed();
            ask::expect("round trips", i, n);
            took
        }

        fn chan(asked: &Asked, ends: usize) {
            let runtime = runtime::start(asked.workers);
            let each = asked.scaled(4_000_000 / ends, 1);
            asked.per_operation(each * ends, || {
                runtime::run(&runtime, pass(ends as u64, each as u64))
            });
        }

        const BATCH: usize = 64;

        async fn send_batches(tx: Sender<[u64; BATCH]>, n: u64) {
            for first in (0..n).step_by(BATCH) {
                let batch = std::array::from_fn(|i| first + i as u64);
                tx.$send(batch).await.expect("the channel is open");
            }
        }

        async fn receive_batches(rx: Receiver<[u64; BATCH]>) -> u64 {
            let mut sum = 0;
            while let Ok(batch) = rx.$recv().await {
                sum += batch.iter().sum::<u64>();
            }
            sum
        }

        /// Messages of 64 numbers; as many numbers as `pass`'s fit in.
        async fn pass_batches(n: u64) -> Duration {
            let start = Instant::now();
            let (tx, rx) = bounded(1024 / BATCH);
            let receiver = tokio::spawn(receive_batches(rx));
            tokio::spawn(send_batches(tx, n));
            let sum = receiver.await.expect("received");
            let took = start.elapsed();
            ask::expect("sum", sum, n * (n - 1) / 2);
            took
        }

        fn batches(asked: &Asked) {
            let runtime = runtime::start(asked.workers);
            let n = BATCH * asked.scaled(4_000_000 / BATCH, 1);
            asked.per_operation(n, || {
                runtime::run(&runtime, pass_batches(n as u64))
            });
        }

        fn pingpong(asked: &Asked) {
            let runtime = runtime::start(asked.workers);
            let n = asked.scaled(1_000_000, 1);
            asked.per_operation(n, || runtime::run(&runtime, ping(n as u64)));
        }

        pub fn answer(asked: Asked) {
            match asked.question.as_str() {
                "chan" => chan(&asked, 1),
                "chan-44" => chan(&asked, 4),
                "chan-batch" => batches(&asked),
                "pingpong" => pingpong(&asked),
                _ => ask::none(),
            }
        }
    };
}
