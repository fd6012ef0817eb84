//! Server-sent events, read from a response as they come.

use reqwest::Response;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Where to go on behind it.
    pub(crate) id: Option<String>,
    /// Its name.
    pub(crate) name: String,
    /// What it says.
    pub(crate) data: String,
}

/// The events of a response.
pub(crate) struct Events {
    response: Response,
    reader: Reader,
}

impl Events {
    pub(crate) fn new(response: Response) -> Self {
        Self { response, reader: Reader::default() }
    }

    /// The next event; `None` at the end. Cancel-safe: what came is kept.
    pub(crate) async fn next(&mut self) -> reqwest::Result<Option<Event>> {
        loop {
            if let Some(event) = self.reader.next() {
                return Ok(Some(event));
            }
            match self.response.chunk().await? {
                Some(piece) => self.reader.bytes.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }
}

/// Bytes that came, and the event they have begun.
#[derive(Default)]
struct Reader {
    bytes: Vec<u8>,
    event: Event,
}

impl Reader {
    /// The next event that is whole.
    fn next(&mut self) -> Option<Event> {
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                // Comments keep the connection alive and are none.
                if event != Event::default() {
                    return Some(event);
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => self.event.id = Some(value.to_owned()),
                "event" => value.clone_into(&mut self.event.name),
                "data" if self.event.data.is_empty() => value.clone_into(&mut self.event.data),
                "data" => self.event.data += &format!("\n{value}"),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_however_they_are_cut() {
        let text =
            ": hello\n\nid: a-1\nevent: news\ndata: {\"x\":\ndata: 1}\n\nevent: reset\r\ndata: {}\r\n\r\nid: a-2\n";
        let expected = [
            Event { id: Some("a-1".to_owned()), name: "news".to_owned(), data: "{\"x\":\n1}".to_owned() },
            Event { id: None, name: "reset".to_owned(), data: "{}".to_owned() },
        ];
        for size in [1, 2, 7, 1000] {
            let (mut reader, mut found) = (Reader::default(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                reader.bytes.extend_from_slice(piece);
                found.extend(std::iter::from_fn(|| reader.next()));
            }
            assert_eq!(found, expected, "{size}");
        }
    }
}
