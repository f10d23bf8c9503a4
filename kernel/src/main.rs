//! A Jupyter kernel in which the crate `cutpoint` is already loaded.
//!
//! One program plays five parts. The **kernel** speaks Jupyter's protocol and compiles cells with evcxr. A **relay**,
//! which evcxr starts, stands between it and the **runtime**, the process that loads and runs cells: it turns all that
//! the runtime prints into messages, so that nothing a cell prints can be mistaken for evcxr's own signals. The
//! **stand-ins for cargo, rustup and rustc** keep crate versions as they were prepared, and save time. The **command
//! line** prepares, installs and removes.

mod answers;
mod cargo;
mod complete;
mod evaluator;
mod events;
mod folders;
mod history;
mod install;
mod interrupt;
mod output;
mod prepare;
mod process;
mod publish;
mod relay;
mod rustc;
mod server;
mod std_source;
mod syntax;
mod traceback;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    if let Some(code) = cargo::stand_in() {
        return code;
    }
    if relay::wanted() {
        return relay::run();
    }
    // In the runtime this does not return.
    process::die_with_parent();
    evcxr::runtime_hook();
    let done = match Arguments::parse().command {
        Command::Prepare(arguments) => prepare::run(&arguments),
        Command::Install(place) => install::install(&place),
        Command::Uninstall(place) => install::uninstall(&place),
        Command::Run { connection } => server::run(&connection),
        Command::Clean => folders::clean(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cutpoint-kernel: {error:#}");
            ExitCode::FAILURE
        }
    }
}
