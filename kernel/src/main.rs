//! A Jupyter kernel in which the crate `cutpoint` is already loaded.
//!
//! One program plays five parts. The **kernel** speaks Jupyter's protocol, writes and compiles the program of each cell.
//! The **runtime** is the process that loads and runs cells; all control goes by a socket between the two. **evcxr**
//! resolves and builds the crates that cells depend on, and answers for completion and documentation; it has a process
//! of its own, which runs nothing. The **stand-ins for cargo, rustup and rustc** keep crate versions as they were
//! prepared, and save time. The **command line** prepares, installs and removes.

mod commands;
mod process;
mod protocol;
mod session;
mod toolchain;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use commands::{install, prepare};

/// rust-analyzer makes and drops millions of small things.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The Jupyter kernel of cutpoint.
#[derive(Parser)]
#[command(name = "cutpoint-kernel", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds the crate cutpoint for notebooks, once; kernels start from what this leaves
    Prepare(prepare::Arguments),
    /// Tells Jupyter of this kernel; by default for this user
    Install(install::Place),
    /// Takes the kernel away from Jupyter
    Uninstall(install::Place),
    /// Runs as a kernel; Jupyter starts it so
    Run {
        /// The file in which Jupyter says where to listen
        connection: PathBuf,
    },
    /// Removes what `prepare` left
    Clean,
}

fn main() -> ExitCode {
    if let Some(code) = toolchain::cargo::stand_in() {
        return code;
    }
    if process::runtime::wanted() {
        return process::runtime::run();
    }
    if session::insight::is_child() {
        return session::insight::child();
    }
    let done = match Arguments::parse().command {
        Command::Prepare(arguments) => prepare::run(&arguments),
        Command::Install(place) => install::install(&place),
        Command::Uninstall(place) => install::uninstall(&place),
        Command::Run { connection } => protocol::server::run(&connection),
        Command::Clean => workspace::home::clean(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cutpoint-kernel: {error:#}");
            ExitCode::FAILURE
        }
    }
}
