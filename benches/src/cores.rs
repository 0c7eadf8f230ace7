//! The cores of the machine, and a thread confined to some of them.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Some cores, by the numbers that the system gives them. Two of them may be hardware threads of one physical core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cores(Vec<usize>);

impl Cores {
    /// The cores that the calling thread may use.
    pub fn allowed() -> Self {
        let set = sched_getaffinity(None).expect("the system knows its own thread");
        Self((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
    }

    /// How many they are: one at least.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The first `count` of them.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        Self(self.0[..count].to_vec())
    }

    /// Those that `others` has not; none where it has all.
    pub fn without(&self, others: &Self) -> Option<Self> {
        let rest: Vec<usize> = self.0.iter().copied().filter(|core| !others.0.contains(core)).collect();
        (!rest.is_empty()).then_some(Self(rest))
    }

    /// Confines the calling thread to these cores, and with it the threads and processes that it starts from then on.
    pub fn confine(&self) {
        let mut set = CpuSet::new();
        self.0.iter().for_each(|core| set.set(*core));
        sched_setaffinity(None, &set).expect("the thread may use these cores");
    }
}
