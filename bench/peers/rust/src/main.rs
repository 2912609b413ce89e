// SPDX-License-Identifier: MIT
//! The benchmark questions, asked of Rust's libraries. One program for all of
//! them, which takes its name for whom to ask: build.sh links it to a name per
//! library. Optimising a program as a whole takes long; so it is done once.

mod ask;
mod channels;
mod mutex;
mod peers;
mod runtime;
mod threads;
mod work;

use std::env;
use std::path::Path;
use std::process::exit;

fn main() {
    let path = env::args().next().unwrap_or_default();
    let name = Path::new(&path).file_name().and_then(|name| name.to_str());
    let answer = match name {
        Some("async-channel") => peers::async_channel::answer,
        Some("async-channel-threads") => peers::async_channel_threads::answer,
        Some("crossbeam") => peers::crossbeam::answer,
        Some("flume") => peers::flume::answer,
        Some("flume-threads") => peers::flume_threads::answer,
        Some("rayon") => peers::rayon::answer,
        Some("tokio") => peers::tokio::answer,
        Some("tokio-parking-lot") => peers::tokio_parking_lot::answer,
        Some("tokio-rayon") => peers::tokio_rayon::answer,
        Some("tokio-std-mutex") => peers::tokio_std_mutex::answer,
        _ => {
            eprintln!("{path}: not the name of a library");
            exit(2)
        }
    };
    answer(ask::asked());
}
