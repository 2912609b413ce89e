// SPDX-License-Identifier: MIT
//! Parallel loops over arithmetic: nested ones and irregular ones.

use super::Question;
use crate::{ask, work};
use rayon::prelude::*;
use std::ops::Range;

fn item(i: usize) -> u64 {
    work::burn(i as u64 + 1, work::STEPS_100NS)
}

fn row(i: usize) -> u64 {
    (0..64usize)
        .into_par_iter()
        .map(|j| item(64 * i + j))
        .reduce(|| 0, u64::wrapping_add)
}

pub fn nested_expected() -> u64 {
    (0..64 * 64).map(item).fold(0, u64::wrapping_add)
}

pub fn nested(question: &Question) {
    let expected = nested_expected();
    question.asked.per_operation(64 * 64, || {
        let (took, sum) = question.timed(|| {
            (0..64usize)
                .into_par_iter()
                .map(row)
                .reduce(|| 0, u64::wrapping_add)
        });
        ask::expect("sum", sum, expected);
        took
    });
}

fn iteration(i: usize) -> u64 {
    let i = i as u64;
    work::burn(i + 1, work::irregular_steps(i))
}

fn iterations(question: &Question) -> Range<usize> {
    0..question.asked.scaled(100_000, 1)
}

pub fn irregular_expected(question: &Question) -> u64 {
    iterations(question).map(iteration).fold(0, u64::wrapping_add)
}

fn irregular<F>(question: &Question, sum: F)
where
    F: Fn(Range<usize>) -> u64 + Sync,
{
    let all = iterations(question);
    let expected = irregular_expected(question);
    question.asked.per_operation(all.len(), || {
        let (took, result) = question.timed(|| sum(all.clone()));
        ask::expect("sum", result, expected);
        took
    });
}

/// A piece for each worker.
pub fn irregular_static(question: &Question) {
    let workers = question.asked.workers;
    irregular(question, |all| {
        let start = |worker| all.end * worker / workers;
        (0..workers)
            .into_par_iter()
            .with_max_len(1)
            .map(|worker| {
                (start(worker)..start(worker + 1))
                    .map(iteration)
                    .fold(0, u64::wrapping_add)
            })
            .reduce(|| 0, u64::wrapping_add)
    });
}

/// Pieces of at most 64.
pub fn irregular_dynamic(question: &Question) {
    irregular(question, |all| {
        all.into_par_iter()
            .with_max_len(64)
            .map(iteration)
            .reduce(|| 0, u64::wrapping_add)
    });
}

/// rayon's own way: pieces are halved while somebody steals them.
pub fn irregular_guided(question: &Question) {
    irregular(question, |all| {
        all.into_par_iter().map(iteration).reduce(|| 0, u64::wrapping_add)
    });
}
