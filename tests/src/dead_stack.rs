//! What a computation has left behind on its thread's stack, as a core dump would show it.

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::thread;

/// Room between the frames of the reader and those of the computation: the reader must not write over what it reads.
const GAP: usize = 64 * 1024;

/// Runs `work` on a thread of its own. Returns its result, and the bytes of the stack that it has used and left.
pub fn dead_stack<T: Send>(work: impl FnOnce() -> T + Send) -> (T, Vec<u8>) {
    thread::scope(|scope| scope.spawn(|| measure(work)).join().expect("the computation does not panic"))
}

fn measure<T>(work: impl FnOnce() -> T) -> (T, Vec<u8>) {
    let here = 0_u8;
    let top = black_box(&raw const here).addr() - GAP / 2;
    let bottom = bottom(top);
    let mut left = vec![0; top - bottom];
    let memory = File::open("/proc/self/mem").expect("this process's memory");
    let result = below_a_gap(work);
    memory.read_exact_at(&mut left, bottom as u64).expect("the stack can be read");
    (result, left)
}

#[inline(never)]
fn below_a_gap<T>(work: impl FnOnce() -> T) -> T {
    let gap = [0_u8; GAP];
    black_box(&gap);
    let result = work();
    black_box(&gap);
    result
}

/// The lowest address of the mapping that `address` is in.
fn bottom(address: usize) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").expect("this process's mappings");
    let range = maps.lines().find_map(|line| {
        let (range, _) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let bound = |text| usize::from_str_radix(text, 16).ok();
        let range = bound(start)?..bound(end)?;
        range.contains(&address).then_some(range)
    });
    range.expect("the stack is mapped").start
}
