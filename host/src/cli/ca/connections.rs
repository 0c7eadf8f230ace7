//! How many connections the CA serves.

use clap::Args;

use crate::server::Limits;

/// How many connections the CA serves.
#[derive(Args)]
pub(super) struct ConnectionArgs {
    /// Connections at a time
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections, value_parser = positive)]
    connections: usize,
    /// Connections at a time of one IPv4 address, or of one IPv6 /64 network
    ///
    /// Raise it where many clients share one address, as behind a NAT.
    #[arg(long, value_name = "N", default_value_t = Limits::default().per_source, value_parser = positive)]
    connections_per_source: usize,
}

impl ConnectionArgs {
    /// The limits that these options ask for.
    pub(super) fn limits(&self) -> Limits {
        let Self { connections, connections_per_source: per_source } = *self;
        Limits { connections, per_source, ..Limits::default() }
    }
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}
