//! The scheduler in a world where tickets and notices get lost, come twice and come late, ledger and queue are emptied and
//! rolled back, attempts vanish, commit after their lease or without a word, outcomes get lost, two coordinators lead at
//! once and die, and sweeps that share jobs come, change and go.
//!
//! Whatever happens: every step is what the oracle makes of what was heard; what a new coordinator counts is what the
//! records say; and in the end there is one outcome for each key and generation, and everything is done or justly not.

mod oracle;
mod services;
mod universe;
mod world;

use bitsweep_plan::retry::Limits;
use proptest::prelude::*;

use universe::{budget, universe};
use world::{Act, World};

/// Few enough that jobs get held.
pub(crate) const LIMITS: Limits =
    Limits { infrastructure: 3, errors: 3, first_wait_ms: 1_000, longest_wait_ms: 300_000 };

fn act() -> impl Strategy<Value = Act> {
    let coordinator = || any::<bool>().prop_map(usize::from);
    let hearing = prop_oneof![
        16 => (coordinator(), any::<u16>()).prop_map(|(who, i)| Act::Hear(who, i)),
        3 => (coordinator(), any::<u16>()).prop_map(|(who, i)| Act::HearAndKeep(who, i)),
        2 => (coordinator(), any::<u16>()).prop_map(|(who, i)| Act::Lose(who, i)),
    ];
    let working = prop_oneof![
        16 => any::<u16>().prop_map(Act::Work),
        1 => any::<u16>().prop_map(Act::LoseTicket),
        1 => any::<u16>().prop_map(Act::DoubleTicket),
        14 => (any::<u16>(), any::<bool>()).prop_map(|(i, told)| Act::Succeed(i, told)),
        4 => (any::<u16>(), any::<u8>()).prop_map(|(i, how)| Act::End(i, how)),
        3 => (any::<u16>(), any::<bool>()).prop_map(|(i, heard)| Act::Expire(i, heard)),
        3 => any::<u16>().prop_map(Act::Beat),
        2 => any::<u16>().prop_map(Act::CommitLate),
    ];
    let breaking = prop_oneof![
        4 => any::<u16>().prop_map(Act::LoseOutcome),
        1 => Just(Act::SaveLedger),
        1 => Just(Act::RollLedgerBack),
        1 => Just(Act::WipeLedger),
        1 => Just(Act::WipeQueue),
        2 => coordinator().prop_map(Act::Restart),
    ];
    let deciding = prop_oneof![
        3 => any::<u8>().prop_map(Act::Submit),
        2 => any::<u8>().prop_map(Act::Cancel),
        2 => any::<u8>().prop_map(Act::Resume),
        1 => any::<u8>().prop_map(Act::Retry),
        1 => (any::<u8>(), any::<bool>(), budget()).prop_map(|(sweep, more, budget)| Act::Limit(sweep, more, budget)),
        1 => any::<u8>().prop_map(Act::Report),
        1 => any::<u8>().prop_map(Act::Forget),
    ];
    let time = prop_oneof![
        2 => (0_u32..400_000).prop_map(Act::Pass),
        1 => (any::<bool>(), any::<u8>()).prop_map(|(gpu, live)| Act::Slots(gpu, live)),
    ];
    prop_oneof![21 => hearing, 44 => working, 8 => breaking, 7 => deciding, 6 => time]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 768, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_everything_ends_as_it_must(
        universe in universe(),
        acts in prop::collection::vec(act(), 0..250),
    ) {
        let mut world = World::new(&universe);
        for act in acts {
            world.act(act);
        }
        world.settle();
        world.check_end();
    }
}
