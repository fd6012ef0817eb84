//! One case, and many at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bitsweep_backends::conformance::points::{Board, Harm, Trap, When};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::checks::{Final, check};
use crate::world::{LEASE, Place, World};
use crate::{child, story};

/// For everything to be done. Without trouble it takes two seconds or three.
const PATIENCE: Duration = Duration::from_secs(60);

/// For what is under way to come to rest once everything is done: attempts that vanished are found out, tickets fetched.
const REST: Duration = Duration::from_secs(20);

/// For all actors to stop.
const FAREWELL: Duration = Duration::from_secs(20);

/// Cases at a time: they mostly wait.
const AT_A_TIME: usize = 16;

/// Longer than a lease, and than a leadership.
pub(crate) const DELAY: Duration = LEASE.saturating_mul(3).checked_div(2).expect("two is not nothing");

/// What came of a case.
pub(crate) struct Played {
    pub(crate) trap: Option<Trap>,
    pub(crate) took: Duration,
    /// Whether the harm was done.
    pub(crate) sprung: bool,
    /// Tasks that children have begun.
    pub(crate) tasks: usize,
    pub(crate) board: Board,
    pub(crate) found: Result<Final, String>,
}

impl fmt::Display for Played {
    /// A row of the table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Trap { effect, when, harm, hit }) = &self.trap else { return f.write_str("no fault") };
        let (when, harm) = (format!("{when:?}").to_lowercase(), harm_name(*harm));
        let what = match &self.found {
            Ok(_) if self.sprung => "same",
            Ok(_) => "same; not come by",
            Err(why) => why,
        };
        let effect = effect.to_string();
        write!(
            f,
            "{effect:<38} {when:<6} {harm:<5} {hit}  {:5.1} s {:3} tasks  {what}",
            self.took.as_secs_f64(),
            self.tasks
        )
    }
}

fn harm_name(harm: Harm) -> &'static str {
    match harm {
        Harm::Crash => "crash",
        Harm::Error => "error",
        Harm::Delay(_) => "delay",
    }
}

/// The name of a case, as `BITSWEEP_CASE` takes it: `worker ledger.claim,before,crash,1`.
pub(crate) fn case_name(Trap { effect, when, harm, hit }: &Trap) -> String {
    format!("{effect},{},{},{hit}", format!("{when:?}").to_lowercase(), harm_name(*harm))
}

/// Plays one case on a runtime of its own, so that nothing of it is left.
pub(crate) fn run(trap: Option<Trap>, place: &Place) -> Played {
    let began = Instant::now();
    let board = trap.clone().map_or_else(Board::new, Board::with);
    let runtime = Builder::new_current_thread().enable_all().build().expect("threads can be had");
    let (shared, tasks) = (board.clone(), AtomicUsize::new(0));
    let found = catch_unwind(AssertUnwindSafe(|| runtime.block_on(play((shared, place.clone()), &tasks))));
    let found = found.unwrap_or_else(|panic| Err(format!("panicked: {}", words(&*panic))));
    runtime.shutdown_background();
    let tasks = tasks.into_inner();
    Played { trap, took: began.elapsed(), sprung: board.sprung(), tasks, board, found }
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or(panic.downcast_ref::<&str>().copied()).unwrap_or("something")
}

async fn play((board, place): (Board, Place), tasks: &AtomicUsize) -> Result<Final, String> {
    let world = Arc::new(World::new(board, place).await);
    let (mut actors, mut step) = (JoinSet::new(), "begin");
    let told = timeout(PATIENCE, story::play(&world, &mut actors, &mut step)).await;
    told.map_err(|_| format!("stuck: {step}"))?;
    let found = come_to_rest(&world).await?;
    world.stop_all();
    let farewell = async {
        while let Some(ended) = actors.join_next().await {
            ended.expect("no actor panics")
        }
    };
    timeout(FAREWELL, farewell).await.map_err(|_| "somebody does not stop".to_owned())?;
    let lines = fs::read_to_string(child::runs(world.folder())).unwrap_or_default().lines().count();
    tasks.store(lines, Ordering::Relaxed);
    // Going changes nothing.
    let last = check(&world, true).await?;
    if last == found { Ok(found) } else { Err(format!("after the stop it is {last:?}")) }
}

/// Waits until the final state is whole.
async fn come_to_rest(world: &World) -> Result<Final, String> {
    let until = Instant::now() + REST;
    loop {
        match check(world, false).await {
            Err(why) if Instant::now() > until => return Err(why),
            Err(_) => sleep(Duration::from_millis(50)).await,
            Ok(found) => return Ok(found),
        }
    }
}

/// Plays cases, several at a time, and tells of each as soon as it is over. Sorted by what was done.
pub(crate) fn run_all((traps, place): (&[Trap], &Place), tell: impl Fn(&Played) + Sync) -> Vec<Played> {
    let at_a_time = std::env::var("BITSWEEP_AT_A_TIME").ok().and_then(|count| count.parse().ok()).unwrap_or(AT_A_TIME);
    let (next, played) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                while let Some(trap) = traps.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let one = run(Some(trap.clone()), place);
                    tell(&one);
                    played.lock().expect("nobody panics with it").push(one);
                }
            });
        }
    });
    let mut played = played.into_inner().expect("nobody panics with it");
    played.sort_by(|a, b| a.trap.cmp(&b.trap));
    played
}

/// Every way to do harm at the effects that were come by so often.
pub(crate) fn traps(board: &[Board]) -> Vec<Trap> {
    let mut seen = BTreeMap::new();
    for (effect, count) in board.iter().flat_map(Board::seen) {
        let most: &mut u32 = seen.entry(effect).or_default();
        *most = count.max(*most);
    }
    let mut traps = Vec::new();
    for (effect, count) in seen {
        for hit in 1..=count.min(2) {
            for when in [When::Before, When::After] {
                for harm in [Harm::Crash, Harm::Error, Harm::Delay(DELAY)] {
                    traps.push(Trap { effect: effect.clone(), when, harm, hit });
                }
            }
        }
    }
    traps
}
