//! How a worker works.

use std::path::PathBuf;
use std::time::Duration;

use bitsweep_proto::job::Class;
use bitsweep_proto::outcome::Rates;

use crate::deadline::NoticeSource;
use crate::device::Device;
use crate::process::ChildProgram;

/// How a worker works. [`Settings::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Jobs run at the same time, each in a child process of its own.
    pub slots: usize,
    /// The classes of jobs it takes.
    pub classes: Vec<Class>,
    /// What slots compute on: slot `i` on device `i` modulo their number. None is the processor.
    pub devices: Vec<Device>,
    /// What an hour counts for: `a100` of *one* of the devices, `usd_per_hour` of the *whole* machine. Slots that share
    /// a device share its rate, and all slots share the price.
    pub rates: Rates,
    /// For how long a claim holds without a heartbeat.
    pub lease: Duration,
    /// Time between heartbeats; well below `lease`. Progress is told as often, and the child's memory looked at.
    pub beat: Duration,
    /// How long a child may take from `Stop` to its next safe point before it is killed. At the deadline, records and
    /// farewells take up to 6 s on top, whatever hangs: so 8 s keep a worker within 15 s.
    pub stop_limit: Duration,
    /// The worker goes after this time: the limit of a session in a notebook or a queue system.
    pub stop_after: Option<Duration>,
    /// The worker goes once no slot had anything to do for this long.
    pub exit_when_idle: Option<Duration>,
    /// Clouds to ask whether they take the machine away. None is asked by default.
    pub notices: Vec<NoticeSource>,
    /// Memory of a child, in bytes, beyond which it is killed. Pages of files do not count: the kernel can drop them.
    pub memory_limit_bytes: Option<u64>,
    /// Stretches (or, below 1, shrinks) the time for which a child of each kind may be silent before it is taken for hung.
    pub patience: f64,
    /// What is kept of what attempts say.
    pub logs: Logs,
    /// Where folders for running jobs are made; best on the disk of the store. What dead workers of this host left there
    /// is cleared away.
    pub scratch: PathBuf,
    /// The program that children run.
    pub child: ChildProgram,
}

/// What is kept of what attempts say.
#[derive(Clone, Copy, Debug)]
pub struct Logs {
    /// What is new goes to the store this often, and at the end.
    pub every: Duration,
    /// Bytes of one attempt's log at most; the rest is left out, but for the end.
    pub limit_bytes: usize,
    /// An attempt that committed within this time, and whose child said nothing, leaves no log: it would tell nothing
    /// that the outcome does not.
    pub quiet: Duration,
}

impl Default for Logs {
    fn default() -> Self {
        Self { every: Duration::from_secs(30), limit_bytes: 1 << 20, quiet: Duration::from_secs(1) }
    }
}

impl Settings {
    /// One slot of both classes on the processor, with leases of a minute.
    pub fn new(scratch: PathBuf, child: ChildProgram) -> Self {
        Self {
            slots: 1,
            classes: vec![Class::Gpu, Class::Cpu],
            devices: Vec::new(),
            rates: Rates::default(),
            lease: Duration::from_secs(60),
            beat: Duration::from_secs(10),
            stop_limit: Duration::from_secs(8),
            stop_after: None,
            exit_when_idle: None,
            notices: Vec::new(),
            memory_limit_bytes: None,
            patience: 1.0,
            logs: Logs::default(),
            scratch,
            child,
        }
    }

    /// The device of a slot.
    pub(crate) fn device(&self, slot: usize) -> Device {
        if self.devices.is_empty() { Device::cpu() } else { self.devices[slot % self.devices.len()].clone() }
    }

    /// What an hour of a slot counts for.
    pub(crate) fn slot_rates(&self, slot: usize) -> Rates {
        let devices = self.devices.len().max(1);
        let sharing = (0..self.slots).filter(|other| other % devices == slot % devices).count().max(1);
        Rates {
            a100: self.rates.a100 / sharing as f64,
            usd_per_hour: self.rates.usd_per_hour / self.slots.max(1) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_share_devices_and_price() {
        let child = ChildProgram { program: PathBuf::new(), args: Vec::new(), threads: 1 };
        let devices = ["cuda:0", "cuda:1"].map(|name| name.parse().unwrap()).to_vec();
        let rates = Rates { a100: 1.0, usd_per_hour: 3.0 };
        let settings = Settings { slots: 3, devices, rates, ..Settings::new(PathBuf::new(), child.clone()) };
        let names = [0, 1, 2].map(|slot| settings.device(slot).name().to_owned());
        assert_eq!(names, ["cuda:0", "cuda:1", "cuda:0"]);
        assert_eq!([0, 1, 2].map(|slot| settings.slot_rates(slot).a100), [0.5, 1.0, 0.5]);
        assert_eq!([0, 1, 2].map(|slot| settings.slot_rates(slot).usd_per_hour), [1.0; 3]);
        let plain = Settings::new(PathBuf::new(), child);
        assert_eq!((plain.device(5), plain.slot_rates(0)), (Device::cpu(), Rates::default()));
    }
}
