// SPDX-License-Identifier: MIT
//! flume between tasks of tokio.

crate::channels_of_tasks!(flume, send_async, recv_async, rendezvous: 0);
