//! Which machinery does the work, chosen at run time.

#[cfg(target_arch = "x86_64")]
use crate::avx512::Ifma;
use crate::vector::{Job, Lanes};

/// What multiplies.
#[derive(Clone, Copy, Debug)]
pub struct Engine(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Ifma(Ifma),
}

impl Engine {
    /// The engine on AVX-512 IFMA; `None` where the CPU or the operating system lacks it.
    pub fn ifma() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return Ifma::detect().map(Kind::Ifma).map(Self);
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// The same arithmetic in plain Rust, for tests on any machine: many times slower.
    pub const fn portable() -> Self {
        Self(Kind::Portable)
    }

    pub(crate) fn run(self, job: impl Job) {
        match self.0 {
            Kind::Portable => job.run::<Lanes>(),
            #[cfg(target_arch = "x86_64")]
            Kind::Ifma(ifma) => ifma.run(job),
        }
    }
}
