// SPDX-License-Identifier: MIT
//! parking_lot's mutex between tasks of tokio.

use crate::ask::{self, Asked};
use parking_lot::Mutex;

crate::mutex_of_tasks!(Mutex, |mutex| mutex.lock());

fn total(sum: Mutex<usize>) -> usize {
    sum.into_inner()
}

pub fn answer(asked: Asked) {
    match asked.question.as_str() {
        "mutex" => mutex(&asked),
        _ => ask::none(),
    }
}
