//! The console in a real browser: headless Chromium, driven as a user drives it.

mod access;
mod cookies;
mod refusals;
mod search;
mod start;
mod walk;
