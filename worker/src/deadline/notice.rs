//! Clouds that say when they take a machine away.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::metadata::Metadata;
use super::{aws, azure, gcp};

/// A cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon: spot interruptions and rebalance recommendations of EC2.
    Aws,
    /// Google: preemptions and maintenance of Compute Engine.
    Gcp,
    /// Microsoft: scheduled events of virtual machines.
    Azure,
}

impl Cloud {
    const ALL: [Self; 3] = [Self::Aws, Self::Gcp, Self::Azure];

    fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
        }
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Cloud {
    type Err = NotACloud;
    fn from_str(text: &str) -> Result<Self, NotACloud> {
        Self::ALL.into_iter().find(|cloud| cloud.name() == text).ok_or_else(|| NotACloud(text.to_owned()))
    }
}

/// The text names no cloud.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is not a cloud that gives notice: write aws, gcp or azure")]
pub struct NotACloud(String);

/// A metadata server to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeSource {
    /// Whose it is.
    pub cloud: Cloud,
    /// Where it is.
    pub base: String,
    /// Time between two questions, and before a question is asked again that was not answered.
    pub every: Duration,
}

impl NoticeSource {
    /// The one of the machine that this runs on, asked every 5 s.
    pub fn of(cloud: Cloud) -> Self {
        let base = match cloud {
            Cloud::Aws | Cloud::Azure => "http://169.254.169.254",
            Cloud::Gcp => "http://metadata.google.internal",
        };
        Self { cloud, base: base.to_owned(), every: Duration::from_secs(5) }
    }

    /// Waits until the machine is to be taken away; says what was said. A server that does not answer is asked for ever.
    pub(super) async fn listen(&self) -> (Cloud, String) {
        let metadata = Metadata::new(self);
        let said = match self.cloud {
            Cloud::Aws => aws::listen(&metadata).await,
            Cloud::Gcp => gcp::listen(&metadata).await,
            Cloud::Azure => azure::listen(&metadata).await,
        };
        (self.cloud, said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clouds_have_names() {
        for cloud in Cloud::ALL {
            assert_eq!(cloud.to_string().parse::<Cloud>().unwrap(), cloud);
        }
        assert!("Amazon".parse::<Cloud>().is_err());
    }
}
