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

        fn pingpong(asked: &Asked) {
            let runtime = runtime::start(asked.workers);
            let n = asked.scaled(1_000_000, 1);
            asked.per_operation(n, || runtime::run(&runtime, ping(n as u64)));
        }

        pub fn answer(asked: Asked) {
            match asked.question.as_str() {
                "chan" => chan(&asked, 1),
                "chan-44" => chan(&asked, 4),
                "pingpong" => pingpong(&asked),
                _ => ask::none(),
            }
        }
    };
}
