//! Tells the linker where the chip's memory.x is, and to lay the program out as cortex-m-rt does.

fn main() {
    println!("cargo:rustc-link-search={}/../lm3s6965", env!("CARGO_MANIFEST_DIR"));
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rerun-if-changed=../lm3s6965/memory.x");
}
