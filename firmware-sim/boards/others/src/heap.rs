//! The heap for the other crates: a free list over a static array, with a measurement of its use.
#![allow(unsafe_code, reason = "an allocator is unsafe")]

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use embedded_alloc::LlffHeap;

const SIZE: usize = 24 * 1024;

struct MeasuredHeap {
    heap: LlffHeap,
    used: AtomicUsize,
    peak: AtomicUsize,
    /// The bytes in use at the last [`reset_peak`].
    before: AtomicUsize,
}

#[global_allocator]
static HEAP: MeasuredHeap = MeasuredHeap {
    heap: LlffHeap::empty(),
    used: AtomicUsize::new(0),
    peak: AtomicUsize::new(0),
    before: AtomicUsize::new(0),
};

// SAFETY: the inner allocator does the work; this type only counts bytes.
unsafe impl GlobalAlloc for MeasuredHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller guarantees the same conditions.
        let memory = unsafe { self.heap.alloc(layout) };
        if !memory.is_null() {
            let used = self.used.fetch_add(layout.size(), Relaxed) + layout.size();
            self.peak.fetch_max(used, Relaxed);
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        self.used.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller guarantees the same conditions.
        unsafe { self.heap.dealloc(memory, layout) };
    }
}

/// Gives the heap its memory. Must be called once, before the first allocation.
pub(crate) fn start() {
    let memory = cortex_m::singleton!(: [u8; SIZE] = [0; SIZE]);
    if let Some(memory) = memory {
        // SAFETY: the memory is static, is lent once, and has no other user.
        unsafe { HEAP.heap.init(memory.as_mut_ptr() as usize, SIZE) };
    }
}

/// Starts a new measurement of the peak.
pub(crate) fn reset_peak() {
    let used = HEAP.used.load(Relaxed);
    HEAP.before.store(used, Relaxed);
    HEAP.peak.store(used, Relaxed);
}

/// The most bytes in use at once since [`reset_peak`], without those that were in use then.
pub(crate) fn peak() -> usize {
    HEAP.peak.load(Relaxed) - HEAP.before.load(Relaxed)
}
