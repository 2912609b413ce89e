// SPDX-License-Identifier: MIT
//! The libraries; each answers the questions it has an answer to.

pub mod async_channel;
pub mod async_channel_threads;
pub mod crossbeam;
pub mod flume;
pub mod flume_threads;
pub mod rayon;
pub mod tokio;
pub mod tokio_parking_lot;
pub mod tokio_rayon;
pub mod tokio_std_mutex;
