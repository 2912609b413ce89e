// SPDX-License-Identifier: MIT
//! async-channel between tasks of tokio. It has no channel without a buffer.

crate::channels_of_tasks!(async_channel, send, recv, rendezvous: 1);
