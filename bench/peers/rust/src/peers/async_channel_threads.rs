// SPDX-License-Identifier: MIT
//! async-channel between threads. It has no channel without a buffer.

crate::channels_of_threads!(
    async_channel, send_blocking, recv_blocking, rendezvous: 1
);
