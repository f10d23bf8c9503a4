//! One pool of workers, for every kind of job: fine-tuning runs, clusterings, scores.
//!
//! Workers take jobs from one queue, from its front. A job that is not ready yet, or whose memory would go over the budget
//! beside what is running, is passed over until it can run; one that needs more than the whole budget runs by itself. Memory
//! is held by guards, and so is given back also when a job panics.

use std::collections::VecDeque;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::cancel::Stop;
use crate::error::{Error, Result};

/// Between two looks at the queue, and at the flag that a user raises.
const POLL: Duration = Duration::from_millis(100);
/// How long workers that were asked to stop are listened to: what is just ending is not lost.
const GRACE: Duration = Duration::from_millis(300);

/// A kind of work: what its jobs need, and how one is done.
pub(crate) trait Work: Send + Sync + 'static {
    /// One thing to be done.
    type Job: Send + 'static;
    /// What a job gives.
    type Done: Send + 'static;
    /// What a worker has for itself, such as a copy of a network.
    type Hand: Send + 'static;
    /// What a running job holds: its memory, and what it shares with others.
    type Ticket;

    /// The name of its threads.
    const NAME: &'static str;

    /// Called by every worker before its first job.
    fn enter(&self) {}

    /// Bytes that a job needs from now on, at most.
    fn memory(&self, job: &Self::Job) -> u64;

    /// Whether what the job needs of others is there.
    fn is_ready(&self, _: &Self::Job) -> bool {
        true
    }

    /// A job is about to run, with so much memory held for it. The queue waits meanwhile.
    fn begin(&self, job: &Self::Job, held: Held) -> Self::Ticket;

    /// Does a job.
    fn run(
        &self,
        hand: &Self::Hand,
        job: &Self::Job,
        ticket: &Self::Ticket,
        course: &Course<Self>,
    ) -> Result<Self::Done>;

    /// A job is over, done or not, and its ticket is gone.
    fn end(&self, _: &Self::Job) {}
}

/// A budget of memory, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    limit: u64,
    used: Arc<AtomicU64>,
}

impl Budget {
    pub fn new(limit: u64) -> Budget {
        Budget { limit, used: Arc::default() }
    }

    fn fits(&self, bytes: u64) -> bool {
        bytes == 0 || self.used.load(Ordering::SeqCst).saturating_add(bytes) <= self.limit
    }

    /// Takes memory from the budget until the guard is dropped, also where that is more than there is.
    pub fn hold(&self, bytes: u64) -> Held {
        self.used.fetch_add(bytes, Ordering::SeqCst);
        Held { bytes, used: Arc::clone(&self.used) }
    }
}

/// Memory of a budget, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: u64,
    used: Arc<AtomicU64>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

/// What is heard of the pool by the thread that waits for it.
pub(crate) enum News<W: Work + ?Sized> {
    /// Nothing: time has gone by. The place to look whether the user wants to stop.
    None,
    /// This much more of the whole cost is done.
    Advanced(u64),
    /// A job is over.
    Over(W::Job, Result<W::Done>),
}

/// Where a job says how far it is, and hears whether it is to stop.
pub(crate) struct Course<W: Work + ?Sized> {
    sender: Sender<News<W>>,
    /// Ends all workers at their next chance.
    pub stop: Stop,
}

impl<W: Work + ?Sized> Course<W> {
    /// This much more of the whole cost is done.
    pub fn advance(&self, cost: u64) {
        self.send(News::Advanced(cost));
    }

    fn send(&self, news: News<W>) {
        // After an interrupt nobody may be listening any more.
        let _ = self.sender.send(news);
    }
}

struct Queue<J> {
    jobs: VecDeque<J>,
    running: usize,
}

struct Pool<W: Work> {
    work: W,
    queue: Mutex<Queue<W::Job>>,
    changed: Condvar,
    budget: Budget,
    stop: Stop,
}

/// Does all jobs, in the order given as far as possible, by as many workers as there are hands. `hear` is called, on the
/// calling thread, with all that happens; an error of it ends the work, as the first error of a job does that it returns.
///
/// # Errors
/// Those of `hear`; [`Error::Worker`] when a thread cannot be started, or when all ended before the last job.
pub(crate) fn run<W: Work>(
    work: W,
    jobs: Vec<W::Job>,
    hands: Vec<W::Hand>,
    budget: Budget,
    mut hear: impl FnMut(News<W>) -> Result<()>,
) -> Result<()> {
    let left = jobs.len();
    let queue = Mutex::new(Queue { jobs: jobs.into(), running: 0 });
    let pool = Arc::new(Pool { work, queue, changed: Condvar::new(), budget, stop: Stop::default() });
    let (sender, news) = channel();
    let started = hands.into_iter().enumerate().try_for_each(|(i, hand)| {
        let (pool, course) = (Arc::clone(&pool), Course { sender: sender.clone(), stop: pool.stop.clone() });
        let thread = std::thread::Builder::new().name(format!("{} {i}", W::NAME));
        let started = thread.spawn(move || pool.work_off(&hand, &course));
        started.map(|_| ()).map_err(|e| Error::Worker(format!("{}: {e}", W::NAME)))
    });
    drop(sender);
    let result = started.and_then(|()| listen(&news, left, &mut hear));
    pool.stop.request();
    if result.is_err() {
        let deadline = Instant::now() + GRACE;
        while let Ok(news) = news.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if let News::Over(job, Ok(done)) = news {
                hear(News::Over(job, Ok(done)))?;
            }
        }
    }
    result
}

/// Passes on what is heard until all jobs are over.
fn listen<W: Work>(
    news: &Receiver<News<W>>,
    mut left: usize,
    hear: &mut impl FnMut(News<W>) -> Result<()>,
) -> Result<()> {
    while left > 0 {
        hear(News::None)?;
        match news.recv_timeout(POLL) {
            Ok(news) => {
                left -= usize::from(matches!(news, News::Over(..)));
                hear(news)?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::Worker("all workers ended before the last job".to_owned()))
            }
        }
    }
    Ok(())
}

impl<W: Work> Pool<W> {
    fn lock(&self) -> MutexGuard<'_, Queue<W::Job>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works until the queue is empty, or all are to stop.
    fn work_off(&self, hand: &W::Hand, course: &Course<W>) {
        self.work.enter();
        while let Some((job, ticket)) = self.next() {
            let work = AssertUnwindSafe(|| self.work.run(hand, &job, &ticket, course));
            let outcome = catch_unwind(work).unwrap_or_else(|_| Err(Error::Worker("it panicked".to_owned())));
            drop(ticket);
            self.work.end(&job);
            self.lock().running -= 1;
            self.changed.notify_all();
            course.send(News::Over(job, outcome));
        }
    }

    /// The next job that can run, with its ticket; `None` when there are no more, or all are to stop.
    fn next(&self) -> Option<(W::Job, W::Ticket)> {
        let mut queue = self.lock();
        loop {
            if self.stop.requested() || queue.jobs.is_empty() {
                return None;
            }
            let can_run = |job: &W::Job| {
                self.work.is_ready(job) && (queue.running == 0 || self.budget.fits(self.work.memory(job)))
            };
            if let Some(job) = queue.jobs.iter().position(can_run).and_then(|at| queue.jobs.remove(at)) {
                queue.running += 1;
                let held = self.budget.hold(self.work.memory(&job));
                let ticket = self.work.begin(&job, held);
                return Some((job, ticket));
            }
            let waited = self.changed.wait_timeout(queue, POLL);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// Jobs that need memory, wait for others, and remember how much all of them held at once.
    #[derive(Default)]
    struct Sums {
        most: Arc<AtomicU64>,
        now: AtomicU64,
        done: AtomicUsize,
        ended: Arc<AtomicUsize>,
    }

    #[derive(Clone, Copy)]
    struct Sum {
        bytes: u64,
        /// How many others must be done before.
        after: usize,
        panics: bool,
    }

    impl Work for Sums {
        type Job = Sum;
        type Done = u64;
        type Hand = ();
        type Ticket = Held;
        const NAME: &'static str = "sum";

        fn memory(&self, job: &Sum) -> u64 {
            job.bytes
        }

        fn is_ready(&self, job: &Sum) -> bool {
            self.done.load(Ordering::SeqCst) >= job.after
        }

        fn begin(&self, _: &Sum, held: Held) -> Held {
            held
        }

        fn run(&self, (): &(), job: &Sum, _: &Held, course: &Course<Self>) -> Result<u64> {
            let now = self.now.fetch_add(job.bytes, Ordering::SeqCst) + job.bytes;
            self.most.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5));
            self.now.fetch_sub(job.bytes, Ordering::SeqCst);
            assert!(!job.panics, "on purpose");
            course.advance(1);
            Ok(job.bytes)
        }

        fn end(&self, _: &Sum) {
            self.done.fetch_add(1, Ordering::SeqCst);
            self.ended.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn job(bytes: u64) -> Sum {
        Sum { bytes, after: 0, panics: false }
    }

    /// The sum of all results and of all that was reported on the way, and the most that was held at once.
    fn sums(jobs: Vec<Sum>, workers: usize, budget: u64) -> (Result<(u64, u64)>, u64) {
        let work = Sums::default();
        let most = Arc::clone(&work.most);
        let (mut total, mut advanced) = (0, 0);
        let result = run(work, jobs, vec![(); workers], Budget::new(budget), |news| {
            match news {
                News::None => {}
                News::Advanced(by) => advanced += by,
                News::Over(_, done) => total += done?,
            }
            Ok(())
        });
        (result.map(|()| (total, advanced)), most.load(Ordering::SeqCst))
    }

    #[test]
    fn all_jobs_are_done_within_the_budget_and_one_that_is_larger_runs_alone() {
        let jobs: Vec<Sum> = (1..=40).map(|i| job(i % 5 + 1)).collect();
        let expected = jobs.iter().map(|j| j.bytes).sum();
        for workers in [1, 3] {
            let (result, most) = sums(jobs.clone(), workers, 7);
            assert_eq!(result.unwrap(), (expected, 40));
            assert!(most <= 7, "{most} by {workers}");
        }
        let (result, most) = sums(vec![job(3), job(50), job(3)], 3, 7);
        assert_eq!((result.unwrap().0, most), (56, 50));
    }

    #[test]
    fn a_job_waits_for_those_that_it_needs() {
        let last = Sum { after: 3, ..job(1) };
        assert_eq!(sums(vec![last, job(1), job(1), job(1)], 2, 100).0.unwrap(), (4, 4));
    }

    #[test]
    fn a_panic_is_an_error_and_its_memory_comes_back() {
        let bad = Sum { panics: true, ..job(7) };
        let (mut sum, mut failed) = (0, 0);
        let outcome = run(Sums::default(), vec![bad, job(7), job(7)], vec![(); 2], Budget::new(7), |news| {
            match news {
                News::Over(_, Ok(done)) => sum += done,
                News::Over(_, Err(_)) => failed += 1,
                News::None | News::Advanced(_) => {}
            }
            Ok(())
        });
        outcome.unwrap();
        assert_eq!((sum, failed), (14, 1));
    }

    #[test]
    fn whoever_listens_can_end_the_work() {
        let work = Sums::default();
        let ended = Arc::clone(&work.ended);
        let jobs: Vec<Sum> = (0..1000).map(|_| job(1)).collect();
        let start = Instant::now();
        let result = run(work, jobs, vec![(); 2], Budget::new(100), |news| match news {
            News::Over(..) => Err(Error::Interrupted("test".to_owned())),
            News::None | News::Advanced(_) => Ok(()),
        });
        assert!(matches!(result, Err(Error::Interrupted(_))));
        assert!(start.elapsed() < Duration::from_secs(2) && ended.load(Ordering::SeqCst) < 500);
    }
}
