//! The requests to memcheck: mark bytes as undefined or defined, and count the reports.
//!
//! Valgrind recognises a request by an instruction sequence that does nothing on a CPU. The sequence and the numbers
//! are those of `valgrind.h` and `memcheck.h` for x86-64; they are a stable interface.
#![allow(unsafe_code, reason = "a request is a sequence of instructions")]

/// `VG_USERREQ__RUNNING_ON_VALGRIND`.
const RUNNING_ON_VALGRIND: usize = 0x1001;
/// `VG_USERREQ__COUNT_ERRORS`.
const COUNT_ERRORS: usize = 0x1201;
/// `VG_USERREQ__MAKE_MEM_UNDEFINED`.
const MAKE_MEM_UNDEFINED: usize = 0x4d43_0001;
/// `VG_USERREQ__MAKE_MEM_DEFINED`.
const MAKE_MEM_DEFINED: usize = 0x4d43_0002;

/// Whether the program runs under Valgrind.
pub(crate) fn is_running() -> bool {
    request(RUNNING_ON_VALGRIND, 0, 0) != 0
}

/// The number of reports so far, without suppressed ones.
pub(crate) fn reports() -> usize {
    request(COUNT_ERRORS, 0, 0)
}

/// Marks `data` as secret: memcheck reports each branch and each address that depends on it.
pub(crate) fn secret<T: Copy>(data: &mut [T]) {
    request(MAKE_MEM_UNDEFINED, data.as_mut_ptr().addr(), size_of_val(data));
}

/// Marks the characters of a text as secret.
pub(crate) fn secret_text(text: &mut str) {
    // SAFETY: `secret` changes no byte, so the text stays UTF-8.
    secret(unsafe { text.as_bytes_mut() });
}

/// Marks `data` as public again.
pub(crate) fn public<T: Copy>(data: &mut [T]) {
    request(MAKE_MEM_DEFINED, data.as_mut_ptr().addr(), size_of_val(data));
}

/// Makes a request of `length` bytes at `address`. Without Valgrind the answer is 0.
#[cfg(target_arch = "x86_64")]
fn request(code: usize, address: usize, length: usize) -> usize {
    let arguments = [code, address, length, 0, 0, 0];
    let mut answer = 0_usize;
    // SAFETY: the rotations of RDI add up to 128 bits, and RBX is exchanged with itself: on a CPU only the flags
    // change. Valgrind reads the six arguments and writes RDX. It changes no byte at `address`.
    unsafe {
        core::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") arguments.as_ptr(),
            inout("rdx") answer,
            options(nostack),
        );
    }
    answer
}

/// Requests exist only for x86-64.
#[cfg(not(target_arch = "x86_64"))]
fn request(_: usize, _: usize, _: usize) -> usize {
    0
}
