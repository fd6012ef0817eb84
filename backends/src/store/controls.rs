//! Controls: what a person decided about a sweep, numbered in one order for all readers.

use std::time::{SystemTime, UNIX_EPOCH};

use bitsweep_proto::SweepId;
use bitsweep_proto::control::{Action, CONTROL_VERSION, Control};
use futures::{StreamExt, TryStreamExt, stream};

use super::objects::READS_AT_A_TIME;
use super::record::Record;
use super::{Change, Store, layout};
use crate::error::BackendError;

/// How often a number may be taken by somebody else before this one gives up.
const TRIES: u32 = 100;

impl Record for Control {
    const WHAT: &'static str = "control";
    const VERSION: u32 = CONTROL_VERSION;
    fn version(&self) -> u32 {
        self.version
    }
}

impl Store {
    /// Puts a decision on record, after all that are there. Of many who decide at once each gets a number of its own.
    pub async fn control(&self, sweep: SweepId, action: Action) -> Result<Control, BackendError> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let number = self.control_numbers(&sweep).await?.last().map_or(0, |last| last + 1);
        let mut control = Control { version: CONTROL_VERSION, sweep, number, at: since.as_secs(), action };
        for _ in 0..TRIES {
            let at = layout::control(&sweep, control.number);
            if self.create_noted(Change::Any, &at, &control).await? {
                return Ok(control);
            }
            // What is there may be this very record, whose first answer was lost; or the same decision in the same second.
            if self.objects.get_record::<Control>(&at).await?.as_ref() == Some(&control) {
                return Ok(control);
            }
            control.number += 1;
        }
        Err(BackendError::Unavailable {
            service: crate::Service::Store,
            message: format!("others decide about sweep {sweep} all the time; try again"),
            source: None,
        })
    }

    /// All decisions about a sweep in their order. One that is damaged is an error: nobody knows what was decided.
    pub async fn controls(&self, sweep: &SweepId) -> Result<Vec<Control>, BackendError> {
        let numbers = self.control_numbers(sweep).await?;
        let reads = numbers.into_iter().map(|number| {
            let at = layout::control(sweep, number);
            async move { self.objects.get_record::<Control>(&at).await }
        });
        // One that is gone went with its sweep.
        let reads = stream::iter(reads).buffered(READS_AT_A_TIME).try_filter_map(async |found| Ok(found));
        reads.try_collect().await.map_err(|error| match error {
            BackendError::Damaged { what, .. } => BackendError::store_damaged(format!(
                "{what}: what was decided there is not known. Delete that object, and decide again (cancel, resume, retry, \
                 budget)"
            )),
            error => error,
        })
    }

    /// The numbers of all decisions, sorted.
    async fn control_numbers(&self, sweep: &SweepId) -> Result<Vec<u64>, BackendError> {
        let names = self.objects.names(&layout::controls(sweep)).await?;
        let mut numbers: Vec<u64> = names.iter().filter_map(layout::read_control).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}
