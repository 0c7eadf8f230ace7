//! The heap that others need: a free list over a static array, and the most that was in use of it.
#![allow(unsafe_code, reason = "an allocator stands below Rust's rules")]

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use embedded_alloc::LlffHeap;

const SIZE: usize = 24 * 1024;

struct Watched {
    heap: LlffHeap,
    used: AtomicUsize,
    peak: AtomicUsize,
    /// What was in use already when the peak was forgotten.
    before: AtomicUsize,
}

#[global_allocator]
static HEAP: Watched = Watched {
    heap: LlffHeap::empty(),
    used: AtomicUsize::new(0),
    peak: AtomicUsize::new(0),
    before: AtomicUsize::new(0),
};

// SAFETY: the heap's own allocator does the work; beside it only sums are kept.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        let memory = unsafe { self.heap.alloc(layout) };
        if !memory.is_null() {
            let used = self.used.fetch_add(layout.size(), Relaxed) + layout.size();
            self.peak.fetch_max(used, Relaxed);
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        self.used.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { self.heap.dealloc(memory, layout) };
    }
}

/// Gives the heap its memory; to be called once, before anything is allocated.
pub(crate) fn start() {
    let memory = cortex_m::singleton!(: [u8; SIZE] = [0; SIZE]);
    if let Some(memory) = memory {
        // SAFETY: the memory is a static's, handed out once, and nobody else uses it.
        unsafe { HEAP.heap.init(memory.as_mut_ptr() as usize, SIZE) };
    }
}

/// Starts to look for the peak anew.
pub(crate) fn forget_peak() {
    let used = HEAP.used.load(Relaxed);
    HEAP.before.store(used, Relaxed);
    HEAP.peak.store(used, Relaxed);
}

/// Most bytes in use at once since [`forget_peak`], beside those that were in use then.
pub(crate) fn peak() -> usize {
    HEAP.peak.load(Relaxed) - HEAP.before.load(Relaxed)
}
