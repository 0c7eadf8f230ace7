//! The board of the device application on a PC: [`StdBoard`] uses the operating system.

mod board;
mod command;
mod storage;
mod stream;

pub use board::{StdBoard, Timekeeping};
pub use command::{StartError, USAGE, run};
pub use storage::{Folder, Storage};
pub use stream::StdStream;
