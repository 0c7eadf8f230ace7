//! Who may use whom: the ranks of each house's rooms, and the check that no arrow points up or sideways.

use std::path::Path;

use super::paths;
use crate::tree;

/// A crate whose top-level modules are ranked.
pub(super) struct House {
    /// Its sources.
    source: &'static str,
    /// Files at the root that may use every room: they only list or start them.
    doors: &'static [&'static str],
    rooms: &'static [Room],
}

/// A top-level module. It may use rooms of a lower rank only.
struct Room {
    name: &'static str,
    rank: u8,
    /// Where not empty: of the lower rooms, only what is under these paths.
    only: &'static [&'static str],
    /// Outside paths that would break the room's promise.
    never: &'static [&'static str],
}

const fn room(name: &'static str, rank: u8) -> Room {
    Room { name, rank, only: &[], never: &[] }
}

/// Pure means: no runtime, no files, no sockets, no clock.
const IMPURE: &[&str] =
    &["tokio", "std::fs", "std::net", "std::process", "std::time::SystemTime", "std::time::Instant"];

/// A room of the device's application: it stands on the core and on its board, and on nothing else.
const fn portable(name: &'static str, rank: u8) -> Room {
    Room { name, rank, only: &[], never: &["std", "alloc", "tokio", "minipki", "minipki_device"] }
}

/// A room of a board: it serves the application, and knows nothing of the host's rooms.
const fn board(name: &'static str, rank: u8) -> Room {
    Room { name, rank, only: &[], never: &["tokio", "minipki"] }
}

pub(super) const HOUSES: &[House] = &[
    House {
        source: "core/src",
        doors: &["lib.rs"],
        rooms: &[
            room("limits", 0),
            room("bytes", 1),
            room("encoding", 2),
            room("time", 2),
            room("crypto", 3),
            room("keys", 4),
            room("noise", 5),
            room("cert", 5),
            room("wire", 6),
            room("session", 7),
            room("link", 8),
            room("drive", 9),
        ],
    },
    House {
        source: "host/src",
        doors: &["lib.rs"],
        rooms: &[
            Room { name: "ca", rank: 0, only: &[], never: IMPURE },
            room("clock", 0),
            Room { name: "crypto", rank: 0, only: &[], never: IMPURE },
            room("files", 0),
            room("net", 0),
            room("trace", 0),
            Room { name: "keys", rank: 1, only: &["ca::ports", "files"], never: &["tokio"] },
            Room { name: "store", rank: 1, only: &["ca::ports", "files"], never: &["tokio"] },
            room("server", 1),
            room("client", 1),
            Room {
                name: "state",
                rank: 2,
                only: &["ca", "clock", "files", "keys", "store"],
                never: &["tokio"],
            },
            room("story", 2),
            room("console", 3),
            room("cli", 4),
            room("bin", 5),
        ],
    },
    House {
        source: "host/ifma/src",
        doors: &["lib.rs"],
        rooms: &[
            room("vector", 0),
            room("avx512", 1),
            room("number", 1),
            room("tile", 1),
            room("engine", 2),
            room("kernel", 2),
            room("modulus", 3),
            room("crt", 4),
            room("key", 5),
        ],
    },
    House {
        source: "firmware-sim/app/src",
        doors: &["lib.rs"],
        rooms: &[
            portable("config", 0),
            portable("exit", 0),
            portable("memory", 0),
            portable("args", 1),
            portable("board", 1),
            portable("chat", 1),
            portable("channel", 2),
            portable("clock", 2),
            portable("enrol", 2),
            portable("identity", 3),
            portable("talk", 3),
            portable("life", 4),
        ],
    },
    House {
        source: "firmware-sim/boards/std/src",
        doors: &["lib.rs", "main.rs"],
        rooms: &[board("storage", 0), board("stream", 0), board("board", 1), board("command", 2)],
    },
    House {
        source: "firmware-sim/boards/cortex-m/src",
        doors: &["lib.rs"],
        rooms: &[
            portable("exit", 0),
            portable("memory", 0),
            portable("meter", 0),
            portable("round", 0),
            portable("semihosting", 0),
            portable("arguments", 1),
            portable("chip", 1),
            portable("failure", 1),
            portable("storage", 1),
            portable("clock", 2),
            portable("entropy", 2),
            portable("ethernet", 2),
            portable("network", 3),
            portable("stream", 4),
            portable("board", 5),
            portable("boot", 6),
            portable("program", 7),
        ],
    },
    House {
        source: "firmware-sim/boards/lm3s6965/src",
        doors: &["lib.rs"],
        rooms: &[portable("mac", 0), portable("bin", 1)],
    },
    House {
        source: "firmware-sim/boards/mps2-an385/src",
        doors: &["lib.rs"],
        rooms: &[portable("lan9118", 0), portable("bin", 1)],
    },
];

impl House {
    /// Reads every source of the house and adds what breaks the ranks.
    pub(super) fn check(&self, faults: &mut Vec<String>) -> Result<(), String> {
        let source = tree::root().join(self.source);
        for path in tree::files(&source, "rs") {
            let relative = path.strip_prefix(&source).unwrap_or(&path);
            self.check_file(relative, &tree::read(&path)?, faults);
        }
        Ok(())
    }

    fn check_file(&self, relative: &Path, text: &str, faults: &mut Vec<String>) {
        let module = module_path(relative);
        let file = format!("{}/{}", self.source, relative.display());
        let Some(name) = module.first() else {
            return if !self.doors.iter().any(|door| relative == Path::new(door)) {
                faults.push(format!("{file}: not a door of this house"));
            };
        };
        let Some(room) = self.room(name) else {
            faults.push(format!("{file}: room `{name}` has no rank; give it one in {}", file!()));
            return;
        };
        for (line, used) in paths::used(&module, text) {
            if let Some(fault) = self.judge(room, &used) {
                faults.push(format!("{file}:{line}: {fault}"));
            }
        }
    }

    fn room(&self, name: &str) -> Option<&Room> {
        self.rooms.iter().find(|room| room.name == name)
    }

    /// What is wrong with `room` using `used`, an absolute path (`crate::…` or that of another crate).
    fn judge(&self, room: &Room, used: &str) -> Option<String> {
        let Some(inside) = used.strip_prefix("crate::") else {
            let broken = room.never.iter().find(|never| within(used, never))?;
            return Some(format!("`{}` never uses `{broken}`, and here is `{used}`", room.name));
        };
        let name = inside.split("::").next().unwrap_or(inside);
        let Some(target) = self.room(name) else {
            return Some(format!("`{used}` is reached through the crate's root; name the room it lives in"));
        };
        if target.name == room.name {
            return None;
        }
        if target.rank >= room.rank {
            let way = if target.rank == room.rank { "sideways" } else { "upward" };
            return Some(format!(
                "{way}: `{}` (rank {}) uses `{used}` (rank {})",
                room.name, room.rank, target.rank
            ));
        }
        if !room.only.is_empty() && !room.only.iter().any(|only| within(inside, only)) {
            return Some(format!("`{}` may use only {:?}, and here is `{used}`", room.name, room.only));
        }
        None
    }
}

fn within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// `encoding/json.rs` is `[encoding, json]`, `encoding/mod.rs` is `[encoding]`, `lib.rs` is `[]`.
fn module_path(relative: &Path) -> Vec<String> {
    let mut module: Vec<String> = relative
        .with_extension("")
        .components()
        .map(|c| c.as_os_str().to_string_lossy().into_owned())
        .collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] || module == ["main"] {
        module.pop();
    }
    module
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(house: usize, file: &str, text: &str) -> Vec<String> {
        let mut faults = Vec::new();
        HOUSES[house].check_file(Path::new(file), text, &mut faults);
        faults
    }

    fn core(file: &str, text: &str) -> Vec<String> {
        faults(0, file, text)
    }

    fn host(file: &str, text: &str) -> Vec<String> {
        faults(1, file, text)
    }

    #[test]
    fn lower_rooms_and_the_own_room_are_open() {
        assert!(
            core("cert/verify.rs", "use crate::{bytes::Writer, encoding::{self, json}};\nuse super::Anchor;")
                .is_empty()
        );
        assert!(core("session/open.rs", "fn f() { crate::wire::frame(); crate::limits::FRAME; }").is_empty());
        assert!(host("cli/serve.rs", "use crate::{server, store::Sqlite, keys};").is_empty());
        assert!(host("store/sqlite.rs", "use crate::ca::ports::Ledger;").is_empty());
    }

    #[test]
    fn upward_edges_fail() {
        for text in [
            "use crate::session::Open;",
            "use crate::{\n    bytes::Writer,\n    session::{Open as O},\n};",
            "fn f() -> crate::session::Open { todo() }",
            "use super::super::session::Open;",
            "mod inner { use super::super::super::session::Open; }",
            "use crate::session as quiet;",
            "pub use crate::session::*;",
        ] {
            assert_eq!(core("encoding/json.rs", text).len(), 1, "{text}");
        }
        assert_eq!(core("link.rs", "use super::drive::Driver;").len(), 1);
        assert_eq!(host("ca/authority.rs", "use crate::store::Sqlite;").len(), 1);
    }

    #[test]
    fn sideways_edges_fail() {
        assert_eq!(core("cert/verify.rs", "use crate::noise::CipherState;").len(), 1);
        assert_eq!(host("server/desk.rs", "use crate::client::Identity;").len(), 1);
    }

    #[test]
    fn adapters_see_the_ports_alone() {
        assert_eq!(host("store/sqlite.rs", "use crate::ca::authority::Authority;").len(), 1);
        assert_eq!(host("store/sqlite.rs", "use crate::ca::portside::X;").len(), 1);
    }

    #[test]
    fn the_authority_stays_pure() {
        assert_eq!(host("ca/authority.rs", "use tokio::sync::mpsc;").len(), 1);
        assert_eq!(host("ca/authority.rs", "use std::{fmt, fs};").len(), 1);
        assert_eq!(host("ca/authority.rs", "fn f() { std::fs::read(p) }").len(), 1);
        assert!(host("ca/authority.rs", "use std::fmt;").is_empty());
    }

    #[test]
    fn the_root_is_no_way_around_and_a_new_room_needs_a_rank() {
        assert_eq!(core("encoding/json.rs", "use crate::Open;").len(), 1);
        assert_eq!(core("attic/mod.rs", "").len(), 1);
        assert_eq!(core("main.rs", "").len(), 1);
    }

    #[test]
    fn a_device_stands_on_its_board_and_the_core() {
        let app = |text: &str| faults(3, "enrol.rs", text).len();
        assert_eq!(app("use minipki_core::link::Link;\nuse crate::board::Board;"), 0);
        assert_eq!(app("use std::net::TcpStream;"), 1);
        assert_eq!(app("use minipki::client::enrol;"), 1);
        assert_eq!(app("use minipki_device::StdBoard;"), 1);
        assert_eq!(app("use crate::life::run;"), 1);
        assert_eq!(
            faults(4, "board.rs", "use minipki_device_app::Board;\nuse std::net::TcpStream;").len(),
            0
        );
        assert_eq!(faults(4, "board.rs", "use minipki::net::drive;").len(), 1);
    }

    #[test]
    fn words_in_comments_and_strings_are_no_edges() {
        let text = "/// See [`crate::session`].\nconst A: &str = \"crate::session::Open\"; // crate::session::x\n/* crate::drive::y */";
        assert!(core("encoding/json.rs", text).is_empty());
    }
}
