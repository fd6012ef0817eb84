//! Azure: scheduled events of the type `Preempt` (or `Terminate`) that name this machine. The list is shared by all
//! machines of a scale set, so the machine's own name is asked first.

use std::time::Duration;

use serde::Deserialize;

use super::metadata::{Metadata, Question};

const EVENTS: &str = "/metadata/scheduledevents?api-version=2020-07-01";
const NAME: &str = "/metadata/instance/compute/name?api-version=2021-02-01&format=text";

/// The first question starts the service, which takes up to two minutes.
const FIRST_ANSWER: Duration = Duration::from_secs(150);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Events {
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    event_type: String,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    not_before: String,
}

impl Event {
    /// Whether it takes away the machine of this name; where the name is not known, any machine's event counts.
    fn takes(&self, machine: Option<&str>) -> bool {
        let named = machine.is_none_or(|name| self.resources.iter().any(|resource| resource == name));
        named && matches!(self.event_type.as_str(), "Preempt" | "Terminate")
    }
}

pub(super) async fn listen(metadata: &Metadata<'_>) -> String {
    let headers = [("Metadata", "true")];
    let mut name: Option<String> = None;
    loop {
        if name.is_none() {
            let answer = metadata.ask(Question::get(NAME, &headers)).await;
            name = answer.and_then(|answer| answer.good().map(str::to_owned)).filter(|name| !name.is_empty());
        }
        let question = Question { limit: FIRST_ANSWER, ..Question::get(EVENTS, &headers) };
        let Some(answer) = metadata.ask(question).await else { continue };
        let events = answer.good().and_then(|body| serde_json::from_str::<Events>(body).ok());
        let found = events.and_then(|list| list.events.into_iter().find(|event| event.takes(name.as_deref())));
        if let Some(event) = found {
            return format!("{} of {}, not before {}", event.event_type, event.resources.join(", "), event.not_before);
        }
        metadata.pause().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_of_this_machine_count() {
        let text = r#"{"DocumentIncarnation":2,"Events":[
            {"EventId":"1","EventType":"Freeze","ResourceType":"VirtualMachine","Resources":["me"],"EventStatus":"Scheduled","NotBefore":""},
            {"EventId":"2","EventType":"Preempt","ResourceType":"VirtualMachine","Resources":["other"]}]}"#;
        let list: Events = serde_json::from_str(text).unwrap();
        let takes = |name| list.events.iter().map(|event| event.takes(name)).collect::<Vec<_>>();
        assert_eq!(takes(Some("me")), [false, false]);
        assert_eq!(takes(Some("other")), [false, true]);
        assert_eq!(takes(None), [false, true]);
    }
}
