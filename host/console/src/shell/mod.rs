//! What stands around the pages: the way in, sessions, the guard before each page, and the frame that pages share.

pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod guard;
pub(crate) mod login;
pub(crate) mod options;
pub(crate) mod page;
pub(crate) mod pgp_words;
pub(crate) mod relative_time;
pub(crate) mod session;
pub(crate) mod shared;
pub(crate) mod site;
pub(crate) mod streams;
pub(crate) mod tls;
