// SPDX-License-Identifier: MIT
//! Fork and join over trees: join, rayon's cheapest fork, at every level.

use super::Question;
use crate::{ask, work};
use rayon::join;

fn fib_of(n: u32) -> u64 {
    if n < 2 {
        return n as u64;
    }
    let (a, b) = join(|| fib_of(n - 1), || fib_of(n - 2));
    a + b
}

pub fn fib(question: &Question) {
    let n = work::fib_n(question.asked.scale);
    let (expected, calls) = work::fib_expected(n);
    question.asked.per_operation(calls, || {
        let (took, result) = question.timed(|| fib_of(n));
        ask::expect("fib", result, expected);
        took
    });
}

/// A board: the columns and both diagonals that are attacked in its next row.
#[derive(Clone, Copy)]
struct Board {
    all: u32,
    columns: u32,
    left: u32,
    right: u32,
}

impl Board {
    fn place(self, queen: u32) -> Board {
        Board {
            columns: self.columns | queen,
            left: (self.left | queen) << 1,
            right: (self.right | queen) >> 1,
            ..self
        }
    }

    /// The nodes of the search from here on, this one counted.
    fn nodes(self) -> u64 {
        1 + self.below(self.all & !(self.columns | self.left | self.right))
    }

    /// The same below this board, of the placements on the free squares.
    fn below(self, free: u32) -> u64 {
        if free == 0 {
            return 0;
        }
        let queen = free & free.wrapping_neg();
        let rest = free ^ queen;
        if rest == 0 {
            return self.place(queen).nodes();
        }
        let (a, b) = join(|| self.place(queen).nodes(), || self.below(rest));
        a + b
    }
}

pub fn nqueens(question: &Question) {
    let (n, expected) = work::queens(question.asked.scale);
    let empty = Board { all: (1 << n) - 1, columns: 0, left: 0, right: 0 };
    question.asked.per_operation(expected as usize, || {
        let (took, nodes) = question.timed(|| empty.nodes());
        ask::expect("nodes", nodes, expected);
        took
    });
}

fn uts_nodes(hash: u64) -> u64 {
    if work::uts_inner(hash) {
        1 + uts_children(hash, 0, work::UTS_CHILDREN)
    } else {
        1
    }
}

/// The nodes of the subtrees of children first to last, last not counted.
fn uts_children(parent: u64, first: u64, last: u64) -> u64 {
    if last - first == 1 {
        return uts_nodes(work::hash(parent.wrapping_add(first)));
    }
    let middle = (first + last) / 2;
    let (a, b) = join(
        || uts_children(parent, first, middle),
        || uts_children(parent, middle, last),
    );
    a + b
}

fn uts_serial(hash: u64) -> u64 {
    let children = if work::uts_inner(hash) { work::UTS_CHILDREN } else { 0 };
    let child = |i| uts_serial(work::hash(hash.wrapping_add(i)));
    1 + (0..children).map(child).sum::<u64>()
}

fn uts_root(question: &Question) -> (u64, u64) {
    let children = question.asked.scaled(work::UTS_ROOT, 1) as u64;
    (work::hash(work::UTS_SEED), children)
}

pub fn uts_expected(question: &Question) -> u64 {
    let (root, children) = uts_root(question);
    let child = |i| uts_serial(work::hash(root.wrapping_add(i)));
    1 + (0..children).map(child).sum::<u64>()
}

pub fn uts(question: &Question) {
    let (root, children) = uts_root(question);
    let expected = uts_expected(question);
    question.asked.per_operation(expected as usize, || {
        let (took, nodes) =
            question.timed(|| 1 + uts_children(root, 0, children));
        ask::expect("nodes", nodes, expected);
        took
    });
}

fn skewed_sum(first: u64, n: u64) -> u64 {
    if n == 1 {
        return work::burn(first + 1, work::STEPS_100NS);
    }
    let left = work::skewed_left(n);
    let (a, b) =
        join(|| skewed_sum(first, left), || skewed_sum(first + left, n - left));
    a.wrapping_add(b)
}

fn skewed_leaves(question: &Question) -> u64 {
    question.asked.scaled(100_000, 1) as u64
}

pub fn skewed_expected(question: &Question) -> u64 {
    (1..=skewed_leaves(question))
        .map(|x| work::burn(x, work::STEPS_100NS))
        .fold(0, u64::wrapping_add)
}

pub fn skewed(question: &Question) {
    let leaves = skewed_leaves(question);
    let expected = skewed_expected(question);
    question.asked.per_operation(leaves as usize, || {
        let (took, sum) = question.timed(|| skewed_sum(0, leaves));
        ask::expect("sum", sum, expected);
        took
    });
}
