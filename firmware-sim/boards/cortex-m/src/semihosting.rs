//! Semihosting: an emulator or a debugger gives a command line, files, the time and an exit.
//!
//! Without an emulator or a debugger, a semihosting call is a fault. See Arm, "Semihosting for AArch32 and AArch64".
#![allow(unsafe_code, reason = "a semihosting call passes addresses to the host")]

use core::ffi::CStr;
use core::fmt;

use cortex_m_semihosting::{nr, syscall1};

/// Ends the program with an exit code. cortex-m-semihosting does not have this call.
const EXIT_EXTENDED: usize = 0x20;
/// The reason of a normal exit.
const APPLICATION_EXIT: usize = 0x20026;

/// Makes a call with a block of arguments, which the host may write to.
///
/// # Safety
/// Every address in the block is valid for `operation`, for the length that follows it.
unsafe fn call<const N: usize>(operation: usize, block: &mut [usize; N]) -> usize {
    // SAFETY: the block exists during the call; the caller guarantees its addresses.
    unsafe { syscall1(operation, block.as_mut_ptr() as usize) }
}

/// Writes the command line into `buffer`, and returns its length; `None` if it does not fit.
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

/// Ends the emulator with the exit code `code`.
pub fn exit(code: u8) -> ! {
    let mut block = [APPLICATION_EXIT, usize::from(code)];
    loop {
        // SAFETY: the block holds no addresses.
        unsafe { call(EXIT_EXTENDED, &mut block) };
    }
}

/// The mode of an open file, as in the C library.
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
    /// Opens a file; `None` if the host refuses.
    pub fn open(name: &CStr, mode: Mode) -> Option<Self> {
        let mut block = [name.as_ptr() as usize, mode as usize, name.count_bytes()];
        // SAFETY: `name` ends with a zero, as the host expects.
        let handle = unsafe { call(nr::OPEN, &mut block) };
        (handle != usize::MAX).then_some(Self(handle))
    }

    /// Reads into the start of `buffer`, and returns the number of bytes; 0 at the end and on a failure.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let mut block = [self.0, buffer.as_mut_ptr() as usize, buffer.len()];
        // SAFETY: the host writes at most `buffer.len()` bytes.
        let not_read = unsafe { call(nr::READ, &mut block) };
        buffer.len().saturating_sub(not_read)
    }

    /// Writes all `bytes`; returns `false` if it cannot.
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

/// Renames `from` to `to`, and replaces an existing `to`.
pub fn rename(from: &CStr, to: &CStr) -> bool {
    let mut block = [from.as_ptr() as usize, from.count_bytes(), to.as_ptr() as usize, to.count_bytes()];
    // SAFETY: both names end with a zero.
    let failed = unsafe { call(nr::RENAME, &mut block) };
    failed == 0
}

/// The host's standard output.
#[derive(Clone, Copy, Debug)]
pub struct Output;

impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // A string of semihosting ends with a zero, so the text is copied in pieces to a small buffer on the stack.
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
    // Output never fails. A failed Display shows as a short line.
    let _ = fmt::Write::write_fmt(&mut Output, format_args!("{line}\n"));
}
