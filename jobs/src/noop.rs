//! Nothing at all: for measuring the runner itself. Its inputs are not read.

use bitsweep_proto::wire::Done;

use crate::error::Halt;
use crate::steps::Steps;

pub(crate) fn run(steps: &mut dyn Steps) -> Result<Done, Halt> {
    if steps.should_stop() {
        return Err(Halt::Stopped);
    }
    Ok(Done::default())
}
