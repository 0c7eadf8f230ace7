//! The device application's board on a PC: [`StdBoard`] stands on the operating system.

mod board;
mod command;
mod storage;
mod stream;

pub use board::{StdBoard, Timekeeping};
pub use command::{StartError, USAGE, run};
pub use storage::{Folder, Storage};
pub use stream::StdStream;
