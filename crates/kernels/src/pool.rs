//! A thread pool for short parallel loops.
//!
//! [`Pool::run`] calls a closure once for every task index. How many tasks
//! there are and what each does is the caller's choice, made from shapes alone;
//! the pool only decides which thread does which, so nothing numeric can depend
//! on it. Handing out work costs two atomic writes; idle workers spin for a
//! while before they sleep, so that a chain of short loops does not pay for
//! wake-ups.
//!
//! Half of the threads take tasks from the front, half from the back. Loops of
//! the same shape then give a thread the same tasks again, whose operands are in
//! its cache, and who is early still takes more.
//!
//! Not here: work stealing, futures, nesting (a loop inside a task runs on the
//! task's own thread).

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Spins of an idle worker before it sleeps (some tens of microseconds).
const SPINS: u32 = 4_000;

/// Most units that a loop is claimed in; a unit is a run of tasks.
const MOST_UNITS: usize = u16::MAX as usize;

/// All units claimed, of a loop of any length.
const CLOSED: u64 = (MOST_UNITS as u64) << 16;

/// Tasks per unit, and units.
fn units(tasks: usize) -> (usize, usize) {
    let per_unit = tasks.div_ceil(MOST_UNITS).max(1);
    (per_unit, tasks.div_ceil(per_unit))
}

/// Where a thread takes its tasks.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Front,
    Back,
}

/// Threads that run loops. Dropping the pool ends them.
pub struct Pool {
    shared: Option<Arc<Shared>>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    /// Loop number in the upper half; below it, units claimed from the front and
    /// from the back, 16 bits each. A worker that comes late claims nothing of a
    /// newer loop with the older loop's closure.
    claim: AtomicU64,
    /// Changed only while `claim` is [`CLOSED`]: who reads it and then claims, with the
    /// value of `claim` from before, has read the number of that loop.
    tasks: AtomicUsize,
    done: AtomicUsize,
    /// The closure of the running loop. Read only between a successful claim
    /// and the matching increment of `done`.
    job: Mutex<Option<Job>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    panicked: AtomicBool,
    /// Held by the thread whose loop runs.
    owner: Mutex<()>,
    sleepers: AtomicU32,
    sleep: Mutex<()>,
    wake: Condvar,
    stop: AtomicBool,
}

#[derive(Clone, Copy)]
struct Job(*const (dyn Fn(usize) + Sync));

// SAFETY: the pointer leads to a `Sync` closure that `run` keeps alive until all
// tasks are done.
unsafe impl Send for Job {}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// A pool that runs everything on the calling thread.
    #[must_use]
    pub const fn serial() -> Self {
        Pool { shared: None, workers: Vec::new() }
    }

    /// A pool of `threads` threads, the caller's included.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        if threads <= 1 {
            return Pool::serial();
        }
        let shared = Arc::new(Shared {
            claim: AtomicU64::new(0),
            tasks: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            job: Mutex::new(None),
            panic: Mutex::new(None),
            panicked: AtomicBool::new(false),
            owner: Mutex::new(()),
            sleepers: AtomicU32::new(0),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let workers = (1..threads)
            .filter_map(|i| {
                let shared = Arc::clone(&shared);
                let side = if i % 2 == 1 { Side::Back } else { Side::Front };
                std::thread::Builder::new().name(format!("kobai-{i}")).spawn(move || shared.work(side)).ok()
            })
            .collect();
        Pool { shared: Some(shared), workers }
    }

    /// Number of threads, the caller's included.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `task(i)` once for every `i` in `0..tasks`, in any order and on
    /// any thread, and returns when all are done.
    ///
    /// # Panics
    /// With the payload of a task that panicked, after all others are done.
    pub fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let serial = || (0..tasks).for_each(task);
        let Some(shared) = &self.shared else { return serial() };
        if tasks <= 1 || INSIDE.get() {
            return serial();
        }
        // Another thread's loop is running: do this one here rather than wait.
        let Ok(_owner) = shared.owner.try_lock() else { return serial() };
        shared.publish(tasks, task);
        INSIDE.set(true);
        shared.take_part((shared.claim.load(Ordering::Relaxed) >> 32) as u32, Side::Front);
        INSIDE.set(false);
        let mut spins = 0u32;
        let (_, units) = units(tasks);
        while shared.done.load(Ordering::Acquire) < units {
            spins += 1;
            if spins < 20_000 {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        if shared.panicked.swap(false, Ordering::Relaxed)
            && let Some(payload) = lock(&shared.panic).take()
        {
            resume_unwind(payload);
        }
    }

    /// Cuts `data` into chunks of `len` (the last may be shorter) and calls
    /// `task(index, chunk)` for each.
    ///
    /// # Panics
    /// If `len` is 0 and there are data, or if a task panics.
    pub fn chunks_mut<T: Send>(&self, data: &mut [T], len: usize, task: impl Fn(usize, &mut [T]) + Sync) {
        self.ordered_chunks_mut(data, len, |i, _| i, task);
    }

    /// [`Pool::chunks_mut`], beginning where a pass in the usual order has ended: of data
    /// that no cache holds as a whole, that part is still there.
    ///
    /// # Panics
    /// As [`Pool::chunks_mut`].
    pub fn chunks_mut_back<T: Send>(
        &self,
        data: &mut [T],
        len: usize,
        task: impl Fn(usize, &mut [T]) + Sync,
    ) {
        // The caller takes tasks from the front and the others from the back, so that
        // several threads end in the middle.
        let alone = self.threads() == 1;
        let order = |i: usize, count: usize| match count / 2 {
            _ if alone => count - 1 - i,
            half if i < half => half - 1 - i,
            half => half + count - 1 - i,
        };
        self.ordered_chunks_mut(data, len, order, task);
    }

    /// Claim `i` of `count` does chunk `order(i, count)`.
    fn ordered_chunks_mut<T: Send>(
        &self,
        data: &mut [T],
        len: usize,
        order: impl Fn(usize, usize) -> usize + Sync,
        task: impl Fn(usize, &mut [T]) + Sync,
    ) {
        if data.is_empty() {
            return;
        }
        assert!(len > 0, "chunks of length 0");
        let total = data.len();
        let base = Shares(data.as_mut_ptr());
        let count = total.div_ceil(len);
        self.run(count, &|i| {
            let (base, i) = (&base, order(i, count));
            let start = i * len;
            assert!(start < total, "no such chunk");
            // SAFETY: `order` is one of the two permutations above; chunk i covers start..min(start+len, total), inside `data`
            // and disjoint from every other chunk; `run` calls each i once and
            // returns before the borrow of `data` ends.
            let chunk = unsafe { std::slice::from_raw_parts_mut(base.0.add(start), len.min(total - start)) };
            task(i, chunk);
        });
    }

    /// Cuts several slices at the same places and calls `task(i, pieces)` for pieces of
    /// `len` elements (the last may be shorter). Slices have one length, or are empty.
    ///
    /// # Panics
    /// If two slices that are not empty differ in length, or `len` is 0.
    pub fn pieces_mut<T: Send, const N: usize>(
        &self,
        data: [&mut [T]; N],
        len: usize,
        task: impl Fn(usize, [&mut [T]; N]) + Sync,
    ) {
        let total = data.iter().map(|d| d.len()).max().unwrap_or(0);
        assert!(data.iter().all(|d| d.is_empty() || d.len() == total), "slices of different lengths");
        assert!(len > 0, "pieces of length 0");
        let bases = data.map(|d| (d.is_empty(), Shares(d.as_mut_ptr())));
        self.run(total.div_ceil(len), &|i| {
            let bases = &bases;
            let start = i * len;
            task(
                i,
                std::array::from_fn(|k| {
                    let (empty, base) = &bases[k];
                    if *empty {
                        return &mut [][..];
                    }
                    // SAFETY: start < total, and the piece ends within total elements, the
                    // length of this slice; pieces of different tasks do not overlap, and
                    // the slices are borrowed until all tasks have ended.
                    unsafe { std::slice::from_raw_parts_mut(base.0.add(start), len.min(total - start)) }
                }),
            );
        });
    }
}

/// A pointer whose targets the tasks of one loop divide among themselves.
#[derive(Clone, Copy)]
pub(crate) struct Shares<T>(pub(crate) *mut T);
// SAFETY: users of `Shares` hand disjoint parts to the tasks.
unsafe impl<T: Send> Sync for Shares<T> {}

impl Shared {
    fn publish(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        // SAFETY: only the lifetime changes. `run` does not return before every
        // task is done, and no worker touches the closure without a claim.
        let job = Job(unsafe {
            std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const (dyn Fn(usize) + Sync)>(task)
        });
        let generation = self.claim.load(Ordering::Relaxed) >> 32;
        // Without this a worker that still looks at the last loop could measure it with
        // the new number of tasks, find units left, and claim one. Who sees the new number
        // sees this too, so that its claim fails.
        self.claim.store(generation << 32 | CLOSED, Ordering::Relaxed);
        *lock(&self.job) = Some(job);
        self.done.store(0, Ordering::Relaxed);
        self.tasks.store(tasks, Ordering::Release);
        self.claim.store(generation.wrapping_add(1) << 32, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            let _guard = lock(&self.sleep);
            self.wake.notify_all();
        }
    }

    /// Claims and does tasks of loop `generation` until none is left.
    fn take_part(&self, generation: u32, side: Side) {
        let mut job = None;
        loop {
            let seen = self.claim.load(Ordering::Acquire);
            let (front, back) = ((seen >> 16) as u16 as usize, seen as u16 as usize);
            let tasks = self.tasks.load(Ordering::Acquire);
            let (per_unit, units) = units(tasks);
            if (seen >> 32) as u32 != generation || front + back >= units {
                return;
            }
            let (unit, step) = match side {
                Side::Front => (front, 1 << 16),
                Side::Back => (units - 1 - back, 1),
            };
            if self
                .claim
                .compare_exchange_weak(seen, seen + step, Ordering::AcqRel, Ordering::Relaxed)
                .is_err()
            {
                continue;
            }
            // The claim succeeded, so this loop is still running and its closure alive.
            let Job(task) = *job.get_or_insert_with(|| lock(&self.job).expect("a running loop has a job"));
            // SAFETY: `run` waits for `done`, which this thread has not yet
            // increased for the claimed unit, so the closure is alive.
            let task = unsafe { &*task };
            for i in unit * per_unit..tasks.min((unit + 1) * per_unit) {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| task(i))) {
                    *lock(&self.panic) = Some(payload);
                    self.panicked.store(true, Ordering::Relaxed);
                }
            }
            self.done.fetch_add(1, Ordering::Release);
        }
    }

    fn work(&self, side: Side) {
        INSIDE.set(true);
        let mut last = 0u32;
        loop {
            let mut spins = 0;
            loop {
                let generation = (self.claim.load(Ordering::Acquire) >> 32) as u32;
                if generation != last {
                    last = generation;
                    break;
                }
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                spins += 1;
                if spins < SPINS {
                    std::hint::spin_loop();
                } else {
                    self.nap(last);
                    spins = 0;
                }
            }
            self.take_part(last, side);
        }
    }

    /// Sleeps until there is a loop other than `last`, or the pool ends.
    fn nap(&self, last: u32) {
        let mut guard = lock(&self.sleep);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        while (self.claim.load(Ordering::SeqCst) >> 32) as u32 == last && !self.stop.load(Ordering::SeqCst) {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            {
                let _guard = lock(&shared.sleep);
                shared.stop.store(true, Ordering::SeqCst);
                shared.wake.notify_all();
            }
            for worker in self.workers.drain(..) {
                let _ = worker.join();
            }
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({} threads)", self.threads())
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 3, 7] {
            let pool = Pool::new(threads);
            for tasks in [0, 1, 2, 5, 64, 1000, 65_535, 65_536, 200_001] {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(tasks, &|i| {
                    counts[i].fetch_add(1, Ordering::Relaxed);
                });
                assert!(
                    counts.iter().all(|c| c.load(Ordering::Relaxed) == 1),
                    "{threads} threads, {tasks} tasks"
                );
            }
        }
    }

    #[test]
    fn many_short_loops_with_pauses() {
        let pool = Pool::new(3);
        let total = AtomicUsize::new(0);
        for round in 0..3000 {
            pool.run(4, &|i| {
                total.fetch_add(i, Ordering::Relaxed);
            });
            if round % 1000 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        assert_eq!(total.load(Ordering::Relaxed), 3000 * 6);
    }

    /// A worker that is late for a short loop must not take a task of the longer one that
    /// follows: it would be done twice, and the loop could end before its last task.
    #[test]
    fn a_longer_loop_behind_a_short_one() {
        let counts: Vec<AtomicUsize> = (0..48).map(|_| AtomicUsize::new(0)).collect();
        for threads in [2, 4] {
            let pool = Pool::new(threads);
            for round in 0..500_000 {
                let tasks = if round % 2 == 0 { 2 } else { 3 + round % 45 };
                pool.run(tasks, &|i| {
                    counts[i].fetch_add(1, Ordering::Relaxed);
                });
                let each = counts.iter().map(|c| c.swap(0, Ordering::Relaxed));
                assert!(each.enumerate().all(|(i, c)| c == usize::from(i < tasks)), "round {round}");
            }
        }
    }

    #[test]
    fn nested_loops_and_two_callers() {
        let pool = Pool::new(2);
        let total = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        pool.run(3, &|_| {
                            pool.run(2, &|_| {
                                total.fetch_add(1, Ordering::Relaxed);
                            })
                        });
                    }
                });
            }
        });
        assert_eq!(total.load(Ordering::Relaxed), 2 * 200 * 6);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_survives() {
        let pool = Pool::new(2);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.run(8, &|i| assert!(i != 5, "task five"));
        }));
        assert!(caught.is_err());
        let count = AtomicUsize::new(0);
        pool.run(8, &|_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(count.load(Ordering::Relaxed), 8);
    }

    #[test]
    fn pieces_are_cut_alike() {
        let pool = Pool::new(3);
        let (mut a, mut b) = (vec![0usize; 103], vec![0usize; 103]);
        pool.pieces_mut([&mut a[..], &mut b[..], &mut []], 10, |i, [a, b, none]| {
            assert!(none.is_empty() && a.len() == b.len());
            a.iter_mut().for_each(|x| *x += i + 1);
            b.iter_mut().for_each(|x| *x += 2 * i);
        });
        assert!(a.iter().enumerate().all(|(j, x)| *x == j / 10 + 1));
        assert!(b.iter().enumerate().all(|(j, x)| *x == j / 10 * 2));
        let uneven = std::panic::catch_unwind(|| {
            Pool::serial().pieces_mut([&mut [0u8; 2][..], &mut [0; 3]], 1, |_, _| {});
        });
        assert!(uneven.is_err());
    }

    #[test]
    fn chunks_cover_everything() {
        let pool = Pool::new(3);
        let mut data = vec![0usize; 103];
        pool.chunks_mut(&mut data, 10, |i, chunk| chunk.iter_mut().for_each(|x| *x += i + 1));
        assert!(data.iter().enumerate().all(|(j, x)| *x == j / 10 + 1));
    }
}
