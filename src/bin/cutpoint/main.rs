//! The `cutpoint` program: layer-freezing studies from the command line.

mod args;
mod cluster;
mod convert;
mod data;
mod finetune;
mod foretell;
mod networks;
mod own;
mod plot;
mod pretrain;
mod recommend;
mod results;
mod show;
mod stats;
mod sweep;
mod transfer;

use clap::{Parser, Subcommand};
use cutpoint::error::{Error, Result};

/// Layer-freezing studies: how many layers of a pre-trained network should be kept and frozen, re-initialised, or cut
/// off when it is fine-tuned on a new task, and how does the answer change with the amount of data?
///
/// A whole study is one command, which goes on where it stopped when it is given again:
///
///     cutpoint sweep FashionMNIST/regular --setting FR
///
/// It pre-trains the source network unless its weights are there, makes every fine-tuning run that is not done yet,
/// and writes results/FashionMNIST/cuts_regular_classes_FR.json beside the baselines. `cutpoint show FILE..` prints
/// the table of any result file.
///
/// Exit codes: 0 done, 1 failed, 2 a wrong option or parameter, 130 interrupted.
#[derive(Parser)]
#[command(version, verbatim_doc_comment, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Data(data::Args),
    Pretrain(pretrain::Args),
    Finetune(finetune::Args),
    Sweep(Box<sweep::Args>),
    Cluster(cluster::Args),
    Transfer(transfer::Args),
    Foretell(foretell::Args),
    Recommend(recommend::Args),
    Networks(networks::Args),
    Show(show::Args),
    Stats(stats::Args),
    Plot(plot::Args),
    Convert(convert::Args),
}

fn main() {
    let cli = Cli::parse();
    cutpoint::runtime::threads::prepare_process();
    // What computes nothing that is worth keeping ends at an interrupt as any program does.
    if !matches!(cli.command, Command::Show(_) | Command::Stats(_) | Command::Plot(_) | Command::Convert(_)) {
        keep_finished_runs_at_an_interrupt();
    }
    let code = match run(cli.command) {
        Ok(()) => 0,
        Err(error) => {
            tell(format!("cutpoint: {error}"));
            error.exit_code()
        }
    };
    quit(code)
}

/// The first interrupt asks the running call to stop and keep what is finished; the second does not wait for it.
///
/// What was ignored when the program was started stays ignored: `nohup`, and what shells start in the background.
fn keep_finished_runs_at_an_interrupt() {
    let ignored = [libc::SIGHUP, libc::SIGINT, libc::SIGTERM].map(|signal| (signal, is_ignored(signal)));
    let handled = ctrlc::set_handler(|| {
        if cutpoint::runtime::cancel::is_raised() {
            // Nothing is flushed: standard output may be held by a write that nobody reads.
            // SAFETY: ends the process; nothing of it is used afterwards.
            unsafe { libc::_exit(130) }
        }
        cutpoint::runtime::cancel::raise();
    });
    for (signal, _) in ignored.into_iter().filter(|(_, ignored)| *ignored) {
        // SAFETY: sets what a signal does, to nothing.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    if let Err(error) = handled {
        tell(format!("cutpoint: interrupts will end the program at once: {error}"));
    }
}

fn is_ignored(signal: i32) -> bool {
    // SAFETY: only asks, with room for the answer.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

/// Ends the process, and with it workers that an interrupt or an error has left in the middle of an operation. The usual
/// exit would take libtorch's and oneDNN's globals down under them, and crash.
fn quit(code: i32) -> ! {
    use std::io::Write;
    // Where they cannot be flushed there is nowhere to say so.
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().flush();
    // SAFETY: ends the process; nothing of it is used afterwards.
    unsafe { libc::_exit(code) }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Data(args) => data::run(args),
        Command::Pretrain(args) => pretrain::run(args),
        Command::Finetune(args) => finetune::run(args),
        Command::Sweep(args) => sweep::run(*args),
        Command::Cluster(args) => cluster::run(args),
        Command::Transfer(args) => transfer::run(args),
        Command::Foretell(args) => foretell::run(args),
        Command::Recommend(args) => recommend::run(args),
        Command::Networks(args) => networks::run(args),
        Command::Show(args) => show::run(args),
        Command::Stats(args) => stats::run(args),
        Command::Plot(args) => plot::run(args),
        Command::Convert(args) => convert::run(args),
    }
}

/// Prints a line to standard output. A reader that has gone away (`cutpoint show .. | head`) is no failure.
fn say(text: impl std::fmt::Display) -> Result<()> {
    use std::io::Write;
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Io { action: "write to", path: "(standard output)".into(), source: error })
        }
        _ => Ok(()),
    }
}

/// Prints a line to standard error. Where that cannot be written there is nowhere to say so.
fn tell(text: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Says which file of weights is used.
fn tell_weights(source: &cutpoint::experiment::SourceNetwork) {
    if let Some(path) = source.file() {
        tell(format!("source weights: {}", path.display()));
    }
}
