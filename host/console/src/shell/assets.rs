//! The style sheet, the scripts and the icon. Their URLs have a hash of the content, so that browsers can cache them.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::get;

/// The path of all assets.
pub(crate) const PATH: &str = "/assets/";

const STYLE: &str = concat!(
    include_str!("assets/tokens.css"),
    include_str!("assets/layout.css"),
    include_str!("assets/components.css"),
    include_str!("assets/details.css"),
    include_str!("assets/sequence.css"),
);
const SCRIPT: &str = concat!(include_str!("assets/console.js"), include_str!("assets/keyboard.js"));
const LIVE: &str = include_str!("../pages/live/live.js");
const ICON: &str = include_str!("assets/icon.svg");

const STYLE_HASH: u64 = hash(STYLE.as_bytes());
const SCRIPT_HASH: u64 = hash(SCRIPT.as_bytes());
const LIVE_HASH: u64 = hash(LIVE.as_bytes());

/// The FNV-1a hash of an asset. It differs between versions.
const fn hash(bytes: &[u8]) -> u64 {
    let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

pub(crate) fn style() -> String {
    format!("{PATH}console.css?v={STYLE_HASH:016x}")
}

pub(crate) fn script() -> String {
    format!("{PATH}console.js?v={SCRIPT_HASH:016x}")
}

/// The script of the Live page.
pub(crate) fn live_script() -> String {
    format!("{PATH}live.js?v={LIVE_HASH:016x}")
}

pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let asset = |kind: &'static str, text: &'static str| {
        get(move || async move {
            ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")], text)
        })
    };
    Router::new()
        .route("/assets/console.css", asset("text/css; charset=utf-8", STYLE))
        .route("/assets/console.js", asset("text/javascript; charset=utf-8", SCRIPT))
        .route("/assets/live.js", asset("text/javascript; charset=utf-8", LIVE))
        .route("/assets/icon.svg", asset("image/svg+xml", ICON))
}
