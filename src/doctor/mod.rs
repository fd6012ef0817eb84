//! `bitsweep doctor`: looks at queue, ledger, store, workers and coordinators, and says what is wrong and how to mend it.
//!
//! Owns: the checks, each a small function in a file of its own, and the one list of them ([`list::CHECKS`]). Does not own:
//! what the services guarantee (`bitsweep_backends`). It talks to the services itself, with no more rights than bitsweep
//! needs, and takes apart what the crates that use them fold into one error.

mod args;
mod check;
mod coordinator;
mod ledger;
mod list;
mod patient;
mod quantile;
mod queue;
mod show;
mod skew;
mod store;
mod version;
mod workers;

use std::time::Duration;

use bitsweep_backends::Address;
use tokio::time::timeout;

pub(crate) use args::DoctorArgs;

use crate::exit::{Exit, Failure};
use crate::print;
use check::{Check, Finding, Look, Verdict};
use patient::{CoordinatorSide, LedgerSide, Manner, Patient, QueueSide, Side, StoreSide};

/// `bitsweep doctor`.
pub(crate) async fn doctor(args: DoctorArgs) -> Result<Exit, Failure> {
    let patient = reach(&args).await?;
    let mut findings = Vec::with_capacity(list::CHECKS.len());
    for check in list::CHECKS {
        // One after the other: a check that measures must not be slowed by the next.
        findings.push(Finding { check, verdict: look(check, &patient, &args).await });
    }
    let exit = judge(&findings);
    print::out(&if args.json { show::json(&findings, exit) } else { show::text(&findings) })?;
    Ok(exit)
}

/// Connects to what is named.
async fn reach(args: &DoctorArgs) -> Result<Patient, Failure> {
    // There is but one in this program; whoever was first had the same in mind.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (queue, ledger, place) = (args.services.queue()?, args.services.ledger()?, args.services.store());
    let to = addresses(&args.to)?;
    if queue.is_none() && ledger.is_none() && place.is_none() && to.is_empty() {
        return Err(Failure::wrong("nothing to look at: name --queue, --ledger, --store or --to"));
    }
    let token = token(args)?;
    let limit = args.timeout;
    let store = match place {
        Some(place) => Side::of(StoreSide::open(place, limit).await),
        None => Side::NotNamed,
    };
    let id = store.open().and_then(|side: &StoreSide| side.store.as_ref()).map(|store| store.id().to_owned());
    let id = id.unwrap_or_else(|| format!("{:016x}", patient::random()));
    let manner = Manner { id, timeout: limit, hold: args.hold };
    let queue = match queue {
        Some(address) => Side::of(QueueSide::open(address, manner.clone()).await),
        None => Side::NotNamed,
    };
    let ledger = match ledger {
        Some(address) => Side::of(LedgerSide::open(address, manner).await),
        None => Side::NotNamed,
    };
    let coordinator = match to.as_slice() {
        [] => Side::NotNamed,
        to => Side::of(CoordinatorSide::open(to, token.as_deref(), limit).await),
    };
    Ok(Patient { queue, ledger, store, coordinator })
}

fn addresses(to: &[String]) -> Result<Vec<Address>, Failure> {
    to.iter()
        .map(|text| match text.parse::<Address>() {
            Ok(address) if ["http", "https"].contains(&address.scheme()) => Ok(address),
            _ => Err(Failure::wrong("--to is not the address of a coordinator: write http://host:8700")),
        })
        .collect()
}

fn token(args: &DoctorArgs) -> Result<Option<String>, Failure> {
    let Some(file) = &args.token_file else {
        return Ok(std::env::var("BITSWEEP_TOKEN").ok().filter(|token| !token.is_empty()));
    };
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| Failure::wrong(format!("failed to read {}: {error}", file.display())))?;
    let token = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(token.map(str::to_owned))
}

/// One check, within its time.
async fn look(check: &Check, patient: &Patient, args: &DoctorArgs) -> Verdict {
    let away = || Verdict::skipped("not reached");
    let running = match check.look {
        Look::Patient(look) => look(patient),
        Look::Queue(look) => match patient.queue.open() {
            Some(queue) => look(queue),
            None => return away(),
        },
        Look::Ledger(look) => match patient.ledger.open() {
            Some(ledger) => look(ledger),
            None => return away(),
        },
        Look::Store(look) => match patient.store.open() {
            Some(store) => look(store),
            None => return away(),
        },
        Look::Coordinator(look) => match patient.coordinator.open() {
            Some(side) => look(side),
            None => return away(),
        },
    };
    let limit = args.timeout + args.hold.unwrap_or(Duration::ZERO);
    let late = format!("the {} did not answer within {limit:?}", check.subject.name());
    timeout(limit, running)
        .await
        .unwrap_or_else(|_| Verdict::unreachable(late, "look at its load; or give it longer: --timeout 60s"))
}

/// What is wrong for good counts more than what may mend itself.
fn judge(findings: &[Finding]) -> Exit {
    let any = |test: fn(&Verdict) -> bool| findings.iter().any(|finding| test(&finding.verdict));
    if any(|verdict| matches!(verdict, Verdict::Wrong(_))) {
        Exit::Wrong
    } else if any(|verdict| matches!(verdict, Verdict::Unreachable(_))) {
        Exit::Unreachable
    } else if any(|verdict| matches!(verdict, Verdict::Warning(_))) {
        Exit::SomeFailed
    } else {
        Exit::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_counts_most() {
        let finding = |verdict| Finding { check: list::CHECKS[0], verdict };
        let wrong = || finding(Verdict::wrong("", ""));
        let (away, warning) = (|| finding(Verdict::unreachable("", "")), || finding(Verdict::warning("", "")));
        let fine = || finding(Verdict::fine(""));
        assert_eq!(judge(&[fine(), finding(Verdict::skipped(""))]), Exit::Done);
        assert_eq!(judge(&[fine(), warning()]), Exit::SomeFailed);
        assert_eq!(judge(&[away(), warning()]), Exit::Unreachable);
        assert_eq!(judge(&[away(), wrong()]), Exit::Wrong);
    }
}
