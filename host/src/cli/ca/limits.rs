//! How much of the CA the network may have.

use std::num::NonZeroU32;

use clap::Args;

use minipki_ca::{Enrolment, Policy, RateLimits};
use minipki_server::Limits;

const MIB: u64 = 1024 * 1024;

/// How much of the CA the network may have. Certificates that are answered again do not count.
#[derive(Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// Connections at a time
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections, value_parser = positive)]
    connections: usize,
    /// Connections at a time of one IPv4 address, or of one IPv6 /64 network
    ///
    /// Raise it where many clients share one address, as behind a NAT.
    #[arg(long, value_name = "N", default_value_t = Limits::default().per_source, value_parser = positive)]
    connections_per_source: usize,
    /// New certificates an hour for one proven key; 0: no limit
    #[arg(long, value_name = "N", default_value_t = count(RateLimits::default().key))]
    key_limit: u32,
    /// New certificates an hour for one subject; 0: no limit
    #[arg(long, value_name = "N", default_value_t = count(RateLimits::default().name))]
    name_limit: u32,
    /// New certificates an hour for one IPv4 address or IPv6 /64 network; 0: no limit
    #[arg(long, value_name = "N", default_value_t = count(RateLimits::default().source))]
    source_limit: u32,
    /// Free space on the ledger's disk, in MiB, below which no new certificates are issued; 0: no limit
    #[arg(long, value_name = "MIB", default_value_t = Policy::default().min_free / MIB)]
    min_free: u64,
}

impl LimitArgs {
    /// The limits of the server that these options ask for.
    pub(super) fn limits(&self) -> Limits {
        let Self { connections, connections_per_source: per_source, .. } = *self;
        Limits { connections, per_source, ..Limits::default() }
    }

    /// The policy that these options ask for, with the rest of it as given.
    pub(super) fn policy(&self, enrolment: Enrolment) -> Policy {
        let rates = RateLimits {
            key: NonZeroU32::new(self.key_limit),
            name: NonZeroU32::new(self.name_limit),
            source: NonZeroU32::new(self.source_limit),
        };
        let min_free = self.min_free.saturating_mul(MIB);
        Policy { enrolment, rates, min_free, ..Policy::default() }
    }
}

fn count(limit: Option<NonZeroU32>) -> u32 {
    limit.map_or(0, NonZeroU32::get)
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}
