//! `posweight`: parse, run, exit code.

fn main() -> std::process::ExitCode {
    posweight::cli::main()
}
