//! Interrupts: what is being compiled is stopped; a cell that runs is asked to stop, and keeps its variables; what does
//! not answer is ended with its process, after that was said.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cutpoint_wire::Request;

use super::host::Process;
use super::processes;

/// How long a cell that goes on computing may take to answer before its process is ended.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    /// It waits for a turn, or is being compiled.
    Before,
    Running,
}

#[derive(Default)]
struct State {
    /// Counts cells; a timer must not end the cell after the one it was set for.
    cell: u64,
    phase: Phase,
    interrupts: u32,
    killed: bool,
    process: Option<Arc<Process>>,
}

/// Knows what runs, and stops it.
#[derive(Default)]
pub struct Supervisor {
    state: Mutex<State>,
}

/// How the running cell was stopped, if it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    pub interrupted: bool,
    pub killed: bool,
}

impl Supervisor {
    /// Says which process runs cells.
    pub fn watch(&self, process: Arc<Process>) {
        self.state().process = Some(process);
    }

    /// A cell begins: an interrupt is one of this cell from now on.
    pub fn begin(&self) {
        let mut state = self.state();
        state.cell += 1;
        state.phase = Phase::Before;
        (state.interrupts, state.killed) = (0, false);
    }

    /// The cell is compiled, and runs; or not, when it was asked to stop before. `start` is called if it does.
    pub fn run(&self, start: impl FnOnce(&Process)) -> bool {
        let mut state = self.state();
        let Some(process) = state.process.clone().filter(|_| state.interrupts == 0) else { return false };
        state.phase = Phase::Running;
        start(&process);
        true
    }

    /// What the cell runs has ended; it may run something more.
    pub fn pause(&self) {
        self.state().phase = Phase::Before;
    }

    /// The cell has ended.
    pub fn end(&self) -> Stopped {
        let mut state = self.state();
        state.phase = Phase::Idle;
        Stopped { interrupted: state.interrupts > 0, killed: state.killed }
    }

    /// Whether the cell was asked to stop.
    pub fn is_stopped(&self) -> bool {
        let state = self.state();
        state.phase != Phase::Idle && state.interrupts > 0
    }

    /// Stops the cell: gently at first, by force when it was asked before or does not answer.
    pub fn interrupt(self: &Arc<Self>) {
        let mut state = self.state();
        if state.phase == Phase::Idle {
            return;
        }
        state.interrupts += 1;
        if state.phase == Phase::Before {
            // Whoever compiles looks at the number.
            return;
        }
        if state.interrupts > 1 {
            State::kill(&mut state);
            return;
        }
        let process = state.process.clone();
        let cell = state.cell;
        drop(state);
        if let Some(process) = process {
            process.request(&Request::Interrupt);
        }
        let own = Arc::clone(self);
        std::thread::spawn(move || {
            std::thread::sleep(ANSWER_WITHIN);
            let mut state = own.state();
            if state.phase == Phase::Running && state.cell == cell {
                State::kill(&mut state);
            }
        });
    }

    /// Tells the process something.
    pub fn tell(&self, request: &Request) {
        if let Some(process) = self.state().process.clone() {
            process.request(request);
        }
    }

    /// Ends the process that runs cells: another one takes its place.
    pub fn shut_down_process(&self) {
        if let Some(process) = self.state().process.take() {
            process.kill();
        }
    }

    /// Ends everything that the kernel started.
    pub fn shut_down(&self) {
        let process = self.state().process.clone();
        for process in processes::descendants(std::process::id()) {
            processes::signal(process, libc::SIGKILL);
        }
        if let Some(process) = process {
            process.kill();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    fn kill(state: &mut State) {
        state.killed = true;
        if let Some(process) = &state.process {
            process.kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::mpsc::channel;

    use super::super::host::Heard;
    use super::*;

    #[test]
    fn a_second_interrupt_kills_and_an_idle_kernel_is_left_alone() {
        let supervisor = Arc::new(Supervisor::default());
        let (sender, receiver) = channel();
        let mut command = Command::new("sh");
        // It holds its end of the socket, as a runtime does.
        command.args(["-c", "sleep 60; true"]);
        let process = Process::start(command, move |heard| sender.send(heard).unwrap()).unwrap();
        supervisor.watch(Arc::new(process));
        supervisor.interrupt();
        assert_eq!(supervisor.end(), Stopped::default());
        // While a cell is compiled nothing is killed, however often it is interrupted; it does not run then.
        supervisor.begin();
        supervisor.interrupt();
        supervisor.interrupt();
        assert!(supervisor.is_stopped() && !supervisor.run(|_| panic!("it runs")));
        assert_eq!(supervisor.end(), Stopped { interrupted: true, killed: false });
        assert!(receiver.try_recv().is_err());
        supervisor.begin();
        assert!(supervisor.run(|_| ()));
        supervisor.interrupt();
        supervisor.interrupt();
        assert_eq!(supervisor.end(), Stopped { interrupted: true, killed: true });
        let Heard::Exited(exit) = receiver.recv_timeout(Duration::from_secs(10)).unwrap() else { panic!() };
        assert_eq!(exit.signal, Some(libc::SIGKILL));
    }
}
