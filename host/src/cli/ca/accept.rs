//! The options of `ca serve` that accept a risk which it refuses without them.

use clap::Args;

use minipki_ledger::Accept;

/// Each of these accepts a risk that its help names.
#[derive(Args)]
pub(super) struct AcceptArgs {
    /// Serve a CA whose ledger is missing, with an empty one: names and serial numbers that were given are unknown to it
    #[arg(long)]
    accept_empty_ledger: bool,
    /// Serve a ledger that is not the one served last: what that one has recorded since is unknown to it
    #[arg(long)]
    accept_older_ledger: bool,
    /// Serve with a clock that is behind the ledger's newest time: tokens that have expired may be good again
    #[arg(long)]
    accept_clock: bool,
}

impl From<AcceptArgs> for Accept {
    fn from(args: AcceptArgs) -> Self {
        Self {
            empty_ledger: args.accept_empty_ledger,
            older_ledger: args.accept_older_ledger,
            clock: args.accept_clock,
        }
    }
}
