// SPDX-License-Identifier: MIT
//! Parallel loops over arrays. Chunks, not elements, are what is shared out:
//! the loop over a chunk is a plain one, which the compiler vectorises.

use super::Question;
use crate::{ask, work};
use rayon::prelude::*;

/// Elements of a chunk: small against the array, large against a fork.
const CHUNK: usize = 16 * 1024;

pub fn saxpy(question: &Question) {
    let n = question.asked.scaled(10_000_000, 1);
    let a = 2.0f32;
    let x = vec![1.0f32; n];
    let mut y = vec![0.0f32; n];
    let mut expected = 0.0;
    question.asked.per_operation(n, || {
        let took = question
            .timed(|| {
                y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(
                    |(y, x)| {
                        for (y, x) in y.iter_mut().zip(x) {
                            *y += a * *x;
                        }
                    },
                )
            })
            .0;
        expected += a;
        ask::expect("first", y[0], expected);
        took
    });
    ask::expect("all", y.iter().all(|&y| y == expected), true);
}

/// One row of the sweep; its border stays.
fn stencil_row(out: &mut [f32], above: &[f32], row: &[f32], below: &[f32]) {
    let side = row.len();
    let out = &mut out[1..side - 1];
    let (left, middle, right) =
        (&row[..side - 2], &row[1..side - 1], &row[2..]);
    let (above, below) = (&above[1..side - 1], &below[1..side - 1]);
    for i in 0..side - 2 {
        out[i] = 0.2 * (middle[i] + left[i] + right[i] + above[i] + below[i]);
    }
}

pub fn stencil(question: &Question) {
    let side = (2000.0 * question.asked.scale.sqrt()) as usize;
    let side = side.max(3);
    let cell = |i: usize| ((i / side + i % side) % 16) as f32;
    let from: Vec<f32> = (0..side * side).map(cell).collect();
    let mut to = from.clone();
    question.asked.per_operation(side * side, || {
        question
            .timed(|| {
                to[side..side * (side - 1)]
                    .par_chunks_mut(side)
                    .enumerate()
                    .for_each(|(r, out)| {
                        let rows = &from[r * side..(r + 3) * side];
                        let (above, rows) = rows.split_at(side);
                        let (row, below) = rows.split_at(side);
                        stencil_row(out, above, row, below);
                    })
            })
            .0
    });
    let mut expected = from.clone();
    for r in 1..side - 1 {
        let row = |r: usize| &from[r * side..(r + 1) * side];
        let out = &mut expected[r * side..(r + 1) * side];
        stencil_row(out, row(r - 1), row(r), row(r + 1));
    }
    ask::expect("the sweep is right", to == expected, true);
}

/// Eight sums side by side: one alone would wait for each addition.
fn sum_of(chunk: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let eights = chunk.chunks_exact(8);
    let rest: f64 = eights.remainder().iter().sum();
    for eight in eights {
        for (sum, x) in sums.iter_mut().zip(eight) {
            *sum += x;
        }
    }
    sums.iter().sum::<f64>() + rest
}

pub fn reduce(question: &Question) {
    let n = question.asked.scaled(10_000_000, 1);
    let x: Vec<f64> = (0..n).map(|i| (i % 1024) as f64).collect();
    let expected: f64 = x.iter().sum();
    question.asked.per_operation(n, || {
        let (took, sum) =
            question.timed(|| x.par_chunks(CHUNK).map(sum_of).sum::<f64>());
        ask::expect("sum", sum, expected);
        took
    });
}

/// The prefix sums of a chunk that follows elements of that sum; their last.
fn scan_chunk(to: &mut [i64], from: &[i64], before: i64) -> i64 {
    let mut sum = before;
    for (to, from) in to.iter_mut().zip(from) {
        sum += from;
        *to = sum;
    }
    sum
}

/// rayon has no scan, so it takes two passes: the sums of the pieces, then
/// their prefix sums. One worker needs but the second.
fn scan_all(to: &mut [i64], from: &[i64], workers: usize) {
    if workers == 1 {
        scan_chunk(to, from, 0);
        return;
    }
    let piece = from.len() / (workers * 8) + 1;
    let mut before: Vec<i64> =
        from.par_chunks(piece).map(|piece| piece.iter().sum()).collect();
    let mut sum = 0;
    for before in &mut before {
        (*before, sum) = (sum, sum + *before);
    }
    to.par_chunks_mut(piece).zip(from.par_chunks(piece)).zip(before).for_each(
        |((to, from), before)| {
            scan_chunk(to, from, before);
        },
    );
}

pub fn scan(question: &Question) {
    let n = question.asked.scaled(10_000_000, 1);
    let from: Vec<i64> = (0..n as i64).map(|i| i % 8).collect();
    let mut to = vec![0; n];
    let workers = question.asked.workers;
    question.asked.per_operation(n, || {
        question.timed(|| scan_all(&mut to, &from, workers)).0
    });
    let mut expected = vec![0; n];
    scan_chunk(&mut expected, &from, 0);
    ask::expect("the sums are right", to == expected, true);
}

pub fn sort(question: &Question) {
    let n = question.asked.scaled(1_000_000, 1);
    let unsorted: Vec<u32> = (0..n as u64).map(work::sort_item).collect();
    let mut expected = unsorted.clone();
    expected.sort_unstable();
    let mut items = unsorted.clone();
    question.asked.per_operation(n, || {
        items.copy_from_slice(&unsorted);
        let took = question.timed(|| items.par_sort_unstable()).0;
        ask::expect("sorted", items == expected, true);
        took
    });
}
