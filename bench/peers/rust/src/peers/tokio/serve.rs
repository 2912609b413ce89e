// SPDX-License-Identifier: MIT
//! tokio's servers for load.c: a task for each connection.

use crate::ask::Asked;
use crate::runtime;
use std::future::Future;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

const ROOM: usize = 4096;
const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\
                      Content-Length: 13\r\n\r\nHello, world\n";

/// The runtime for one worker is that of the questions, or with TOKIO_THREADS
/// the one for several threads with one of them.
fn start(workers: usize) -> Runtime {
    let mut builder = runtime::builder(workers);
    if std::env::var_os("TOKIO_THREADS").is_some() {
        builder = Builder::new_multi_thread();
        builder.worker_threads(workers);
    }
    builder.enable_io().build().expect("cannot start tokio")
}

/// Prints its port, and serves each connection until it ends.
async fn accept<F, One>(one: One) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
    One: Fn(TcpStream) -> F,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("port {}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(one(stream));
    }
}

async fn echo_one(mut stream: TcpStream) -> Result<()> {
    let mut buffer = [0; ROOM];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n]).await?;
    }
}

async fn http_one(mut stream: TcpStream) -> Result<()> {
    let mut buffer = [0; ROOM];
    let mut got = 0;
    while got < ROOM {
        let n = stream.read(&mut buffer[got..]).await?;
        if n == 0 {
            return Ok(());
        }
        got += n;
        let found = |got| {
            buffer[..got].windows(4).position(|part| part == b"\r\n\r\n")
        };
        if let Some(end) = found(got) {
            stream.write_all(PAGE).await?;
            buffer.copy_within(end + 4..got, 0);
            got -= end + 4;
        }
    }
    Ok(())
}

pub fn echo(asked: &Asked) {
    let runtime = start(asked.workers);
    runtime::run(&runtime, accept(echo_one)).expect("cannot serve");
}

pub fn http(asked: &Asked) {
    let runtime = start(asked.workers);
    runtime::run(&runtime, accept(http_one)).expect("cannot serve");
}
