//! The programs, from outside.

mod authority;
mod authority_batches;
mod keys;
mod ledger;
mod ledger_refusals;
mod server_enrol;
mod server_hostile;
mod server_limits;
mod signers;
