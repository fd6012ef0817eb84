//! When things happened to jobs, by the clock of Redis, in microseconds: read off `MONITOR`.
//!
//! The server tells every command to whoever monitors it, which costs it time: figures of throughput are measured without.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::JoinHandle;

use bitsweep_backends::conformance::servers::Redis;

/// Seconds since 1970; what was not seen is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) offered: Option<f64>,
    pub(crate) claimed: Option<f64>,
    pub(crate) adopted: Option<f64>,
}

/// Watches from its making to [`Monitor::end`].
pub(crate) struct Monitor {
    stream: TcpStream,
    reading: JoinHandle<HashMap<String, Times>>,
}

impl Monitor {
    pub(crate) fn start(redis: &Redis) -> Self {
        let port = redis.address().with_secrets().port().unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"MONITOR\r\n").unwrap();
        let mut lines = BufReader::with_capacity(1 << 20, stream.try_clone().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        assert_eq!(first, "+OK\r\n");
        let reading = std::thread::spawn(move || {
            let (mut times, mut line) = (HashMap::new(), Vec::new());
            while lines.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                take(&String::from_utf8_lossy(&line), &mut times);
                line.clear();
            }
            times
        });
        Self { stream, reading }
    }

    /// The times of all jobs by key.
    pub(crate) fn end(self) -> HashMap<String, Times> {
        self.stream.shutdown(Shutdown::Both).unwrap();
        self.reading.join().unwrap()
    }
}

/// One line, such as `+1700000000.123456 [0 lua] "XADD" "…:notices" … "notice" "claimed" "key" "…" …`.
fn take(line: &str, times: &mut HashMap<String, Times>) {
    let Some((time, rest)) = line.strip_prefix('+').and_then(|line| line.split_once(" [0 lua] ")) else { return };
    let words: Vec<&str> = rest.split('"').skip(1).step_by(2).take(16).collect();
    let now: f64 = time.parse().unwrap();
    match words.as_slice() {
        ["SET", name, record, ..] if record.starts_with("offered ") => {
            let key = &name[name.len() - 64..];
            times.entry(key.to_owned()).or_default().offered.get_or_insert(now);
        }
        ["XADD", ..] => {
            let after = |name| words.iter().skip_while(|word| **word != name).nth(1).copied();
            let (Some(notice), Some(key)) = (after("notice"), after("key")) else { return };
            let times = times.entry(key.to_owned()).or_default();
            match notice {
                "claimed" => drop(times.claimed.get_or_insert(now)),
                "adopted" => drop(times.adopted.get_or_insert(now)),
                _ => {}
            }
        }
        _ => {}
    }
}
