//! The console in headless Chromium.

mod access;
mod cookies;
mod protocol_pages;
mod refusals;
mod search;
