// SPDX-License-Identifier: MIT
//! crossbeam's channels between threads.

use crossbeam_channel::select;

crate::channels_of_threads!(
    crossbeam_channel, send, recv, rendezvous: 0, "select" => select
);

/// One thread sends to one of three channels by turns, one receives from
/// whichever has something.
fn send_and_select(n: u64) -> u64 {
    let (txs, rxs): (Vec<_>, Vec<_>) = (0..3).map(|_| bounded(1024)).unzip();
    let (a, b, c) = (&rxs[0], &rxs[1], &rxs[2]);
    thread::scope(|scope| {
        // Borrows the senders: select would find the end of a closed channel.
        scope.spawn(|| {
            for i in (0..n).step_by(3) {
                for (turn, tx) in txs.iter().enumerate() {
                    tx.send(i + turn as u64).expect("the channel is open");
                }
            }
        });
        let one = |_| {
            select! {
                recv(a) -> i => i,
                recv(b) -> i => i,
                recv(c) -> i => i,
            }
            .expect("the channel is open")
        };
        (0..n).map(one).sum()
    })
}

fn select(asked: &Asked) {
    let n = 3 * asked.scaled(1_000_000 / 3, 1);
    asked.per_operation(n, || {
        let (took, sum) = ask::timed(|| send_and_select(n as u64));
        ask::expect("sum", sum, n as u64 * (n as u64 - 1) / 2);
        took
    });
}
