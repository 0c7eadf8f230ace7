//! What an emulator or a debugger lends a chip: a command line, files, the time, a way to end.
//!
//! Only there: on a chip alone a semihosting call is a fault. Arm, "Semihosting for AArch32 and AArch64".
#![allow(unsafe_code, reason = "a semihosting call hands addresses over to the host")]

use core::ffi::CStr;
use core::fmt;

use cortex_m_semihosting::{nr, syscall1};

/// Ends the program with a code of its own; newer than what cortex-m-semihosting lists.
const EXIT_EXTENDED: usize = 0x20;
/// The reason that goes with an orderly end.
const APPLICATION_EXIT: usize = 0x20026;

/// One call with a block of arguments, which the host may write to.
///
/// # Safety
/// Every address in the block is valid for what `operation` does to it, for the length given beside it.
unsafe fn call<const N: usize>(operation: usize, block: &mut [usize; N]) -> usize {
    // SAFETY: the block lives over the call; its addresses are the caller's promise.
    unsafe { syscall1(operation, block.as_mut_ptr() as usize) }
}

/// Writes the command line into `buffer`, and returns its length; none if it does not fit.
pub fn command_line(buffer: &mut [u8]) -> Option<usize> {
    let mut block = [buffer.as_mut_ptr() as usize, buffer.len()];
    // SAFETY: the host writes at most `buffer.len()` bytes, and the length into the block.
    let failed = unsafe { call(nr::GET_CMDLINE, &mut block) };
    (failed == 0).then_some(block[1])
}

/// Seconds since 1970 by the host's clock.
pub fn time() -> u32 {
    // SAFETY: the call takes no argument.
    unsafe { syscall1(nr::TIME, 0) as u32 }
}

/// Ends the emulator; its exit code is `code`.
pub fn exit(code: u8) -> ! {
    let mut block = [APPLICATION_EXIT, usize::from(code)];
    loop {
        // SAFETY: the block holds no addresses.
        unsafe { call(EXIT_EXTENDED, &mut block) };
    }
}

/// How a file is opened (the C library's modes).
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// "rb"
    Read = nr::open::R_BINARY as isize,
    /// "r+b"
    Update = nr::open::RW_BINARY as isize,
    /// "wb"
    Write = nr::open::W_TRUNC_BINARY as isize,
}

/// A file of the host, closed when dropped.
#[derive(Debug)]
pub struct File(usize);

impl File {
    /// Opens it, if the host lets us.
    pub fn open(name: &CStr, mode: Mode) -> Option<Self> {
        let mut block = [name.as_ptr() as usize, mode as usize, name.count_bytes()];
        // SAFETY: `name` ends with a zero, as the host expects.
        let handle = unsafe { call(nr::OPEN, &mut block) };
        (handle != usize::MAX).then_some(Self(handle))
    }

    /// Reads into the start of `buffer`, and returns how many bytes; 0 at the end and on a failure.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let mut block = [self.0, buffer.as_mut_ptr() as usize, buffer.len()];
        // SAFETY: the host writes at most `buffer.len()` bytes.
        let not_read = unsafe { call(nr::READ, &mut block) };
        buffer.len().saturating_sub(not_read)
    }

    /// Writes all of `bytes`, or says that it could not.
    pub fn write_all(&mut self, bytes: &[u8]) -> bool {
        let mut block = [self.0, bytes.as_ptr() as usize, bytes.len()];
        // SAFETY: the host reads `bytes.len()` bytes.
        let not_written = unsafe { call(nr::WRITE, &mut block) };
        not_written == 0
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and this is its last use.
        unsafe { call(nr::CLOSE, &mut [self.0]) };
    }
}

/// Gives `from` the name `to`, in the place of what had it before.
pub fn rename(from: &CStr, to: &CStr) -> bool {
    let mut block = [from.as_ptr() as usize, from.count_bytes(), to.as_ptr() as usize, to.count_bytes()];
    // SAFETY: both names end with a zero.
    let failed = unsafe { call(nr::RENAME, &mut block) };
    failed == 0
}

/// The host's standard output, a piece at a time.
#[derive(Clone, Copy, Debug)]
pub struct Output;

impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // A string of semihosting ends with a zero: pieces of a line that fit a small buffer on the stack.
        for piece in text.as_bytes().chunks(63) {
            let mut terminated = [0_u8; 64];
            for (to, from) in terminated.iter_mut().zip(piece) {
                *to = *from;
            }
            // SAFETY: the string ends with a zero, since the last byte is never overwritten.
            unsafe { syscall1(nr::WRITE0, terminated.as_ptr() as usize) };
        }
        Ok(())
    }
}

/// Writes one line to the host's standard output.
pub fn print(line: fmt::Arguments<'_>) {
    // Output has no failure, and what failed inside of a Display shows as a short line.
    let _ = fmt::Write::write_fmt(&mut Output, format_args!("{line}\n"));
}
