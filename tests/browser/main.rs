//! The console in headless Chromium.

mod access;
mod actions;
mod cookies;
mod protocol_pages;
mod refusals;
mod search;
