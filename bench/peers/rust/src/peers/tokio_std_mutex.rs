// SPDX-License-Identifier: MIT
//! The standard library's mutex between tasks of tokio.

use crate::ask::{self, Asked};
use std::sync::Mutex;

crate::mutex_of_tasks!(Mutex, |mutex| mutex.lock().unwrap());

fn total(sum: Mutex<usize>) -> usize {
    sum.into_inner().unwrap()
}

pub fn answer(asked: Asked) {
    match asked.question.as_str() {
        "mutex" => mutex(&asked),
        _ => ask::none(),
    }
}
