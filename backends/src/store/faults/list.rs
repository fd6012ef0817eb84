//! Faults as text.

use std::time::Duration;

/// One way to fail; see the module above.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table of the module above says it all")]
pub enum Fault {
    FullAfter(u64),
    FullAfterBytes(u64),
    ReadOnly,
    FailPut(String),
    FailGet(String),
    FailNth(u64),
    Corrupt(String),
    CorruptOnce(String),
    Truncate(String),
    Slow(Duration),
    Overwrite,
    At(Point),
}

/// Harm at one side of one kind of operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Before it is carried out, or after.
    pub when: When,
    /// What is done; `None` is anything.
    pub operation: Option<Operation>,
    /// Only the how-manieth of those that fit, counted from 1; `None` is each.
    pub nth: Option<u64>,
    /// What happens.
    pub harm: Harm,
    /// How the name begins of what it is done to.
    pub prefix: String,
}

/// Before or after an operation is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum When {
    Before,
    After,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Operation {
    Create,
    Put,
    Upload,
    Part,
    Complete,
    Get,
    Head,
    Delete,
    List,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// An input/output error. After a write: it is done, and its answer lost.
    Error,
    /// It takes that much longer.
    Delay(Duration),
    /// The answer of a read breaks off in the middle; the same as `Error` after anything else.
    Cut,
    /// The bytes of a read come in 16 pieces with that pause before each; the same as `Delay` elsewhere.
    Drip(Duration),
    /// The process is gone.
    Crash,
}

impl Fault {
    /// Reads a list as in the table of the module above; `None` where it is not one.
    pub fn parse_list(text: &str) -> Option<Vec<Self>> {
        text.split(',').filter(|part| !part.is_empty()).map(Self::parse).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let number = || value?.parse::<u64>().ok();
        let prefix = || value.map(str::to_owned);
        match name {
            "full-after" => number().map(Self::FullAfter),
            "full-after-bytes" => number().map(Self::FullAfterBytes),
            "read-only" => value.is_none().then_some(Self::ReadOnly),
            "fail-put" => prefix().map(Self::FailPut),
            "fail-get" => prefix().map(Self::FailGet),
            "fail-nth" => number().map(Self::FailNth),
            "corrupt" => prefix().map(Self::Corrupt),
            "corrupt-once" => prefix().map(Self::CorruptOnce),
            "truncate" => prefix().map(Self::Truncate),
            "slow" => number().map(Duration::from_millis).map(Self::Slow),
            "overwrite" => value.is_none().then_some(Self::Overwrite),
            "at" => Point::parse(value?).map(Self::At),
            _ => None,
        }
    }
}

impl Point {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, ':');
        let when = match parts.next()? {
            "before" => When::Before,
            "after" => When::After,
            _ => return None,
        };
        let operation = match parts.next()? {
            "any" => None,
            name => Some(Operation::parse(name)?),
        };
        let nth = match parts.next()? {
            "*" => None,
            number => Some(number.parse().ok()?),
        };
        let harm = Harm::parse(parts.next()?)?;
        Some(Self { when, operation, nth, harm, prefix: parts.next().unwrap_or_default().to_owned() })
    }
}

impl Operation {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "create" => Self::Create,
            "put" => Self::Put,
            "upload" => Self::Upload,
            "part" => Self::Part,
            "complete" => Self::Complete,
            "get" => Self::Get,
            "head" => Self::Head,
            "delete" => Self::Delete,
            "list" => Self::List,
            _ => return None,
        })
    }
}

impl Harm {
    fn parse(text: &str) -> Option<Self> {
        let pause = |text: &str| text.parse().ok().map(Duration::from_millis);
        match text.split_once('-') {
            Some(("delay", rest)) => pause(rest).map(Self::Delay),
            Some(("drip", rest)) => pause(rest).map(Self::Drip),
            None if text == "error" => Some(Self::Error),
            None if text == "cut" => Some(Self::Cut),
            None if text == "crash" => Some(Self::Crash),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let text =
            "full-after=20,read-only,fail-get=blobs/ab,slow=5,at=after:create:2:error:outcomes/,at=before:any:*:drip-7";
        let at = |when, operation, nth, harm, prefix: &str| {
            Fault::At(Point { when, operation, nth, harm, prefix: prefix.to_owned() })
        };
        let faults = vec![
            Fault::FullAfter(20),
            Fault::ReadOnly,
            Fault::FailGet("blobs/ab".to_owned()),
            Fault::Slow(Duration::from_millis(5)),
            at(When::After, Some(Operation::Create), Some(2), Harm::Error, "outcomes/"),
            at(When::Before, None, None, Harm::Drip(Duration::from_millis(7)), ""),
        ];
        assert_eq!(Fault::parse_list(text), Some(faults));
        assert_eq!(Fault::parse_list(""), Some(Vec::new()));
        for wrong in [
            "full-after",
            "full-after=x",
            "read-only=1",
            "on-fire",
            "at",
            "at=never:put:1:error",
            "at=before:put:x:error",
            "at=before:jump:1:error",
            "at=before:put:1:delay",
            "at=before:put:1",
        ] {
            assert_eq!(Fault::parse_list(wrong), None, "{wrong}");
        }
    }
}
