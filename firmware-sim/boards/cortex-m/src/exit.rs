//! How a run ends that the application did not end: codes of their own, apart from its reasons.

/// The command line cannot be understood.
pub const USAGE: u8 = 2;
/// A panic, as any Rust program reports it.
pub const PANIC: u8 = 101;
/// A fault of the processor: an access outside of memory, an undefined instruction.
pub const FAULT: u8 = 102;
/// The stack ran out of its memory.
pub const STACK_OVERFLOW: u8 = 103;
/// The source of entropy gave none.
pub const NO_ENTROPY: u8 = 104;
/// The network gave no address.
pub const NO_NETWORK: u8 = 105;
