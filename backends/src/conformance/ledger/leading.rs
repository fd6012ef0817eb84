//! Who leads, and when claims are served.

use super::{LONG, claim, granted, nonce, take, work};
use crate::conformance::samples::heartbeat;
use crate::ledger::{Beat, Claim, Ledger, Pulse};

pub(super) async fn it_begins_closed_and_serves_when_open(ledger: &dyn Ledger) {
    let leader = nonce(10);
    assert_eq!(ledger.pulse(&leader, LONG).await.unwrap(), Pulse::Rebuild, "never opened");
    ledger.offer(vec![work(0), work(1)]).await.unwrap();
    assert_eq!(claim(ledger, 0, 0).await, Claim::Closed);
    assert_eq!(ledger.pulse(&leader, LONG).await.unwrap(), Pulse::Rebuild, "still not opened");
    ledger.open(&leader).await.unwrap();
    assert_eq!(ledger.pulse(&leader, LONG).await.unwrap(), Pulse::Leads);
    granted(claim(ledger, 0, 0).await);
    // Closed, running leases stay: whoever holds one keeps it, and hears again what it was granted.
    ledger.close(&leader).await.unwrap();
    assert_eq!(claim(ledger, 1, 1).await, Claim::Closed);
    assert_eq!(ledger.heartbeat(&heartbeat(0, 0)).await.unwrap(), Beat::Held);
    assert_eq!(granted(claim(ledger, 0, 0).await), work(0));
    assert_eq!(ledger.pulse(&leader, LONG).await.unwrap(), Pulse::Rebuild, "closed");
    ledger.open(&leader).await.unwrap();
    assert_eq!(ledger.pulse(&leader, LONG).await.unwrap(), Pulse::Leads);
    granted(claim(ledger, 1, 1).await);
}

pub(super) async fn one_leads_at_a_time(ledger: &dyn Ledger) {
    let (a, b) = (nonce(10), nonce(11));
    assert_eq!(ledger.pulse(&a, LONG).await.unwrap(), Pulse::Rebuild);
    ledger.open(&a).await.unwrap();
    assert_eq!(ledger.pulse(&b, LONG).await.unwrap(), Pulse::StandBy);
    assert_eq!(ledger.pulse(&a, LONG).await.unwrap(), Pulse::Leads);
    // Who does not lead gives nothing up.
    ledger.step_down(&b).await.unwrap();
    assert_eq!(ledger.pulse(&b, LONG).await.unwrap(), Pulse::StandBy);
    for _ in 0..2 {
        ledger.step_down(&a).await.unwrap();
    }
    take(ledger, 0, 0).await;
    assert_eq!(ledger.pulse(&b, LONG).await.unwrap(), Pulse::Rebuild, "another led it");
    ledger.offer(vec![work(1)]).await.unwrap();
    assert_eq!(claim(ledger, 1, 1).await, Claim::Closed);
    assert_eq!(ledger.pulse(&a, LONG).await.unwrap(), Pulse::StandBy);
    ledger.open(&b).await.unwrap();
    assert_eq!(ledger.pulse(&b, LONG).await.unwrap(), Pulse::Leads);
    ledger.step_down(&b).await.unwrap();
    assert_eq!(ledger.pulse(&a, LONG).await.unwrap(), Pulse::Rebuild, "another led it meanwhile");
}

pub(super) async fn who_does_not_lead_neither_opens_nor_closes(ledger: &dyn Ledger) {
    let (a, b) = (nonce(10), nonce(11));
    assert_eq!(ledger.pulse(&a, LONG).await.unwrap(), Pulse::Rebuild);
    ledger.open(&b).await.unwrap();
    ledger.offer(vec![work(0)]).await.unwrap();
    assert_eq!(claim(ledger, 0, 0).await, Claim::Closed);
    ledger.open(&a).await.unwrap();
    ledger.close(&b).await.unwrap();
    granted(claim(ledger, 0, 0).await);
    assert_eq!(ledger.pulse(&a, LONG).await.unwrap(), Pulse::Leads);
}
