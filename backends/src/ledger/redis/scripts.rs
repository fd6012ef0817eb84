//! The scripts: one for each operation. The server keeps them by hash; one that it does not know is sent again.

use redis::Script;

/// Format of the records. Programs of different formats do not share an open ledger.
pub(super) const FORMAT: u32 = 1;

#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) pulse: Script,
    pub(super) open: Script,
    pub(super) close: Script,
    pub(super) step_down: Script,
    pub(super) offer: Script,
    pub(super) withdraw: Script,
    pub(super) claim: Script,
    pub(super) refused: Script,
    pub(super) heartbeat: Script,
    pub(super) adopt: Script,
    pub(super) end: Script,
    pub(super) revoked: Script,
    pub(super) reap: Script,
    pub(super) notices: Script,
    pub(super) announce: Script,
    pub(super) workers: Script,
}

fn script(text: &str) -> Script {
    Script::new(&format!("{}\n{text}", include_str!("scripts/prelude.lua")))
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            pulse: script(include_str!("scripts/pulse.lua")),
            open: script(include_str!("scripts/open.lua")),
            close: script(include_str!("scripts/close.lua")),
            step_down: script(include_str!("scripts/step_down.lua")),
            offer: script(include_str!("scripts/offer.lua")),
            withdraw: script(include_str!("scripts/withdraw.lua")),
            claim: script(include_str!("scripts/claim.lua")),
            refused: script(include_str!("scripts/refused.lua")),
            heartbeat: script(include_str!("scripts/heartbeat.lua")),
            adopt: script(include_str!("scripts/adopt.lua")),
            end: script(include_str!("scripts/end.lua")),
            revoked: script(include_str!("scripts/revoked.lua")),
            reap: script(include_str!("scripts/reap.lua")),
            notices: script(include_str!("scripts/notices.lua")),
            announce: script(include_str!("scripts/announce.lua")),
            workers: script(include_str!("scripts/workers.lua")),
        }
    }
}
