// SPDX-License-Identifier: MIT
//! A program in two parts: what waits are tasks of tokio, what computes is
//! rayon's, each with as many threads as there are workers.

use crate::ask::{self, Asked};
use crate::{runtime, work};
use rayon::{Scope, ThreadPoolBuilder};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep_until;

const WAITERS: usize = 16;
const BUSY_TASKS: usize = 4;
const PERIOD: Duration = Duration::from_millis(1);
const PIECE_LEAVES: usize = 50;
const REQUEST: usize = 64;

struct Mixed {
    turn: usize,
    forks: bool,
    over: Arc<AtomicBool>,
    pieces: AtomicUsize,
}

fn walk_tree(leaves: usize) -> u64 {
    if leaves == 1 {
        return work::burn(ask::opaque(1), work::STEPS_2000NS);
    }
    let left = leaves / 2;
    let (a, b) = rayon::join(|| walk_tree(left), || walk_tree(leaves - left));
    a.wrapping_add(b)
}

/// One turn; the next one is spawned, and so behind the others.
fn take_turn<'a>(mixed: &'a Mixed, scope: &Scope<'a>) {
    let mut done = 0;
    while done < mixed.turn && !mixed.over.load(Ordering::Relaxed) {
        let x = if mixed.forks {
            walk_tree(PIECE_LEAVES)
        } else {
            work::burn(ask::opaque(1), work::STEPS_100US)
        };
        ask::expect("computing", x != 0, true);
        done += 1;
    }
    mixed.pieces.fetch_add(done, Ordering::Relaxed);
    if !mixed.over.load(Ordering::Relaxed) {
        scope.spawn(move |scope| take_turn(mixed, scope));
    }
}

/// How late each of these sleeps ended.
async fn sleeps(over: Arc<AtomicBool>, most: usize) -> Vec<u64> {
    let mut late = Vec::with_capacity(most);
    loop {
        let due = Instant::now() + PERIOD;
        sleep_until(due.into()).await;
        late.push(due.elapsed().as_nanos() as u64);
        let x = work::burn(ask::opaque(1), work::STEPS_5US);
        ask::expect("work", x != 0, true);
        if late.len() >= most || over.load(Ordering::Relaxed) {
            return late;
        }
    }
}

/// Computes for 5 us for each request.
async fn serve(listener: Arc<TcpListener>) -> Result<()> {
    let (mut stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let mut request = [0; REQUEST];
    while stream.read_exact(&mut request).await.is_ok() {
        let x = work::burn(ask::opaque(1), work::STEPS_5US);
        ask::expect("work", x != 0, true);
        stream.write_all(&request).await?;
    }
    Ok(())
}

/// How late something went on, and of answers, how long they took.
#[derive(Default)]
struct Seen {
    late: Vec<u64>,
    took: Vec<u64>,
}

async fn asks(
    address: SocketAddr,
    over: Arc<AtomicBool>,
    most: usize,
) -> Result<Seen> {
    let mut seen = Seen::default();
    let mut request = [0; REQUEST];
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    loop {
        let due = Instant::now() + PERIOD;
        sleep_until(due.into()).await;
        let start = Instant::now();
        stream.write_all(&request).await?;
        stream.read_exact(&mut request).await?;
        seen.took.push(start.elapsed().as_nanos() as u64);
        seen.late.push(due.elapsed().as_nanos() as u64);
        if seen.late.len() >= most || over.load(Ordering::Relaxed) {
            return Ok(seen);
        }
    }
}

/// A waiting half of clients and servers.
async fn talk(over: Arc<AtomicBool>, most: usize) -> Result<Seen> {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await?);
    let address = listener.local_addr()?;
    let mut tasks = Vec::new();
    for _ in 0..WAITERS {
        tokio::spawn(serve(listener.clone()));
        tasks.push(tokio::spawn(asks(address, over.clone(), most)));
    }
    let mut seen = Seen::default();
    for task in tasks {
        let one = task.await.expect("the task ended")?;
        seen.late.extend(one.late);
        seen.took.extend(one.took);
    }
    Ok(seen)
}

async fn wait(over: Arc<AtomicBool>, most: usize, sockets: bool) -> Seen {
    if sockets {
        return talk(over, most).await.expect("sockets");
    }
    let tasks: Vec<_> = (0..WAITERS)
        .map(|_| tokio::spawn(sleeps(over.clone(), most)))
        .collect();
    let mut seen = Seen::default();
    for task in tasks {
        seen.late.extend(task.await.expect("the task ended"));
    }
    seen
}

fn compute(mixed: &Mixed, workers: usize) {
    let pool = ThreadPoolBuilder::new()
        .num_threads(workers)
        .build()
        .expect("cannot start rayon");
    pool.scope(|scope| {
        for _ in 0..BUSY_TASKS * workers {
            scope.spawn(move |scope| take_turn(mixed, scope));
        }
    });
}

fn mix(asked: &Asked, turn: usize, forks: bool, sockets: bool) {
    let long = Duration::from_secs(1).mul_f64(asked.scale);
    let most = long.as_millis() as usize + 2;
    let over = Arc::new(AtomicBool::new(false));
    let ended = over.clone();
    let runtime = runtime::builder(asked.workers)
        .enable_all()
        .build()
        .expect("cannot start tokio");
    let mixed = Mixed { turn, forks, over, pieces: AtomicUsize::new(0) };
    let start = Instant::now();
    let (ns, mut seen) = thread::scope(|threads| {
        let waiting = threads
            .spawn(|| runtime::run(&runtime, wait(ended, most, sockets)));
        threads.spawn(|| compute(&mixed, asked.workers));
        thread::sleep(long);
        mixed.over.store(true, Ordering::Relaxed);
        let ns = start.elapsed().as_nanos() as f64;
        (ns, waiting.join().expect("the waiting half ended"))
    });
    let pieces = mixed.pieces.into_inner().max(1);
    ask::print("compute_ns", ns * asked.workers as f64 / pieces as f64);
    ask::print("wait_ns", ns * WAITERS as f64 / seen.late.len() as f64);
    ask::print_percentile("p50_ns", &mut seen.late, 0.5);
    ask::print_percentile("p99_ns", &mut seen.late, 0.99);
    if sockets {
        ask::print_percentile("answer_ns", &mut seen.took, 0.99);
    }
}

pub fn answer(asked: Asked) {
    match asked.question.as_str() {
        "mixed-fork" => mix(&asked, 10, true, false),
        "mixed-1ms" => mix(&asked, 10, false, false),
        "mixed-10ms" => mix(&asked, 100, false, false),
        "mixed-100ms" => mix(&asked, 1000, false, false),
        "mixed-net-1ms" => mix(&asked, 10, false, true),
        "mixed-net-10ms" => mix(&asked, 100, false, true),
        _ => ask::none(),
    }
}
