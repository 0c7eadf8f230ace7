//! The programs, from outside.

mod authority;
mod authority_batches;
mod channel_handshake;
mod channel_listener;
mod channel_messages;
mod channel_refusals;
mod cli;
mod cli_pages;
mod cli_refusals;
mod cli_trace;
mod client_chat;
mod client_enrol;
mod client_folder;
mod client_script;
mod demo;
mod keys;
mod kill;
mod ledger;
mod ledger_refusals;
mod readme;
mod server_enrol;
mod server_hostile;
mod server_limits;
mod server_log;
mod signers;
