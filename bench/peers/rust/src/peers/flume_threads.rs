// SPDX-License-Identifier: MIT
//! flume between threads.

crate::channels_of_threads!(flume, send, recv, rendezvous: 0);
