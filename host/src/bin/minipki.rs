//! The program. Its code is in the library.

fn main() -> std::process::ExitCode {
    minipki::cli::main()
}
