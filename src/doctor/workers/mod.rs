//! What is looked at in the workers that live: what they say of themselves in the ledger.

use bitsweep_backends::BackendError;
use bitsweep_proto::WorkerCard;

use super::check::Verdict;
use super::patient::Patient;
use crate::exit::chain;

pub(crate) mod alive;
pub(crate) mod profiles;

/// The workers that live and stay.
async fn cards(patient: &Patient) -> Result<Vec<WorkerCard>, Verdict> {
    let (Some(ledger), Some(store)) = (patient.ledger.open(), patient.store.open()) else {
        return Err(Verdict::skipped("needs the ledger and the store"));
    };
    let Some(store) = &store.store else { return Err(Verdict::skipped("there is no store yet")) };
    let asked = async {
        let ledger = bitsweep_backends::ledger::open(&ledger.address, store.id()).await?;
        ledger.workers().await
    };
    let cards: Result<_, BackendError> = asked.await;
    let cards = cards.map_err(|error| Verdict::skipped(chain(&error)))?;
    Ok(cards.into_iter().filter(|card| !card.leaving).collect())
}
