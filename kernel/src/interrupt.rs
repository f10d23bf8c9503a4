//! Interrupts: first a request, which long calls of the crate cutpoint answer with an error and variables kept; then,
//! for what does not answer, the end of the process.

use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use crate::process;

/// How long a cell may take to answer the first interrupt.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

#[derive(Default)]
struct State {
    /// Counts cells; a timer must not end the cell after the one it was set for.
    cell: u64,
    running: bool,
    /// Whether the running cell still waits for the compiler.
    waiting: bool,
    interrupts: u32,
    killed: bool,
}

/// Knows what runs, and stops it.
#[derive(Default)]
pub struct Supervisor {
    state: Mutex<State>,
    relay: OnceLock<Arc<Mutex<Child>>>,
}

/// How the running cell was stopped, if it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    pub interrupted: bool,
    pub killed: bool,
}

impl Supervisor {
    /// Says which process evcxr started. The handle stays valid when evcxr starts another.
    pub fn watch(&self, relay: Arc<Mutex<Child>>) {
        let _ = self.relay.set(relay);
    }

    /// A cell begins: it waits for the compiler, which a completion may hold. An interrupt is one of this cell, but there is
    /// nothing to be stopped yet.
    pub fn begin(&self) {
        let mut state = self.state();
        state.cell += 1;
        (state.running, state.waiting) = (true, true);
        if state.interrupts > 0 {
            // A request that came too late for the last cell is not for this one.
            self.signal_relay(libc::SIGUSR1);
        }
        (state.interrupts, state.killed) = (0, false);
    }

    /// The cell has the compiler, and runs; or not, when it was asked to stop before.
    pub fn may_run(&self) -> bool {
        let mut state = self.state();
        state.waiting = false;
        state.interrupts == 0
    }

    /// The cell has ended.
    pub fn end(&self) -> Stopped {
        let mut state = self.state();
        (state.running, state.waiting) = (false, false);
        Stopped { interrupted: state.interrupts > 0, killed: state.killed }
    }

    /// Whether the running cell was asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.state().interrupts > 0
    }

    /// Stops the running cell: gently at first, by force when it was asked before or does not answer.
    pub fn interrupt(self: &Arc<Self>) {
        let mut state = self.state();
        if !state.running {
            return;
        }
        state.interrupts += 1;
        if state.waiting {
            return;
        }
        if state.interrupts > 1 {
            self.kill(&mut state);
            return;
        }
        self.signal_relay(libc::SIGINT);
        // While a cell is being compiled nothing of its own runs yet.
        self.stop_compilers();
        let cell = state.cell;
        let own = Arc::clone(self);
        std::thread::spawn(move || {
            std::thread::sleep(ANSWER_WITHIN);
            let mut state = own.state();
            if state.running && state.cell == cell {
                own.kill(&mut state);
            }
        });
    }

    /// Ends everything that the kernel started.
    pub fn shut_down(&self) {
        let relay = self.relay_id();
        for process in process::descendants(std::process::id()) {
            process::signal(process, libc::SIGKILL);
        }
        if let Some(relay) = relay {
            process::kill_group(relay);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn kill(&self, state: &mut State) {
        state.killed = true;
        self.stop_compilers();
        if let Some(relay) = self.relay_id() {
            process::kill_group(relay);
        }
    }

    fn relay_id(&self) -> Option<u32> {
        let relay = self.relay.get()?;
        // The lock is held only while evcxr looks after a process that has ended.
        relay.try_lock().ok().map(|child| child.id())
    }

    fn signal_relay(&self, signal: libc::c_int) {
        if let Some(relay) = self.relay_id() {
            process::signal(relay, signal);
        }
    }

    fn stop_compilers(&self) {
        let relay = self.relay_id();
        let of_cells: Vec<u32> = relay.into_iter().chain(relay.into_iter().flat_map(process::descendants)).collect();
        for process in process::descendants(std::process::id()) {
            if !of_cells.contains(&process) {
                process::signal(process, libc::SIGKILL);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_interrupt_kills_and_an_idle_kernel_is_left_alone() {
        let supervisor = Arc::new(Supervisor::default());
        let child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let child = Arc::new(Mutex::new(child));
        supervisor.watch(Arc::clone(&child));
        supervisor.interrupt();
        assert_eq!(supervisor.end(), Stopped::default());
        // While a cell waits for the compiler nothing is killed, however often it is interrupted; it does not run then.
        supervisor.begin();
        supervisor.interrupt();
        supervisor.interrupt();
        assert!(!supervisor.may_run());
        assert_eq!(supervisor.end(), Stopped { interrupted: true, killed: false });
        assert!(child.lock().unwrap().try_wait().unwrap().is_none());
        supervisor.begin();
        assert!(supervisor.may_run());
        supervisor.state().interrupts = 1;
        supervisor.interrupt();
        assert_eq!(supervisor.end(), Stopped { interrupted: true, killed: true });
        assert!(!child.lock().unwrap().wait().unwrap().success());
    }
}
