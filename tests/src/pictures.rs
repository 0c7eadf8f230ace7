//! The pictures of the console in `docs/img`: which there are, and the page that each is of.

/// Each picture's name, and the path of the page in the navigation that it is of or under.
pub const PICTURES: [(&str, &str); 8] = [
    ("first-start", "/"),
    ("authority", "/"),
    ("certificates", "/certificates"),
    ("certificate", "/certificates"),
    ("live", "/live"),
    ("walk", "/walk"),
    ("phone", "/walk"),
    ("tokens", "/tokens"),
];

/// Each is taken in both lights; the second is dark.
pub const LIGHTS: [&str; 2] = ["light", "dark"];

/// The name of a picture's file.
pub fn file(name: &str, light: &str) -> String {
    format!("console-{name}-{light}.png")
}
