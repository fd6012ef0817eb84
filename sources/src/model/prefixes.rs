//! Prefixes of known models whose files do not say them. A model that is not listed has none.
//!
//! | models | query | document | source |
//! |---|---|---|---|
//! | `e5-{small,base,large}`, also `-v2`; `multilingual-e5-{small,base,large}` | `query: ` | `passage: ` | the models' cards |
//! | `bge-{small,base,large}-en`, also `-v1.5` | `Represent this sentence for searching relevant passages: ` | none | the models' cards |
//! | `all-MiniLM-L6-v2` and other `all-…` models | none | none | the models' cards |

/// The query and document prefix of a model by its names: the name in the manifest, and the last part of each of its
/// sources. Capitals do not matter.
pub(super) fn known(names: &[String]) -> (String, String) {
    let found = names.iter().find_map(|name| of(&name.to_ascii_lowercase()));
    let (query, document) = found.unwrap_or(("", ""));
    (query.to_owned(), document.to_owned())
}

fn of(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "e5-small" | "e5-base" | "e5-large" | "e5-small-v2" | "e5-base-v2" | "e5-large-v2" => E5,
        "multilingual-e5-small" | "multilingual-e5-base" | "multilingual-e5-large" => E5,
        "bge-small-en" | "bge-base-en" | "bge-large-en" => BGE,
        "bge-small-en-v1.5" | "bge-base-en-v1.5" | "bge-large-en-v1.5" => BGE,
        _ => None,
    }
}

const E5: Option<(&str, &str)> = Some(("query: ", "passage: "));
const BGE: Option<(&str, &str)> = Some(("Represent this sentence for searching relevant passages: ", ""));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_known_by_any_of_their_names() {
        let known = |names: &[&str]| known(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(known(&["mine", "E5-Base-v2"]), ("query: ".into(), "passage: ".into()));
        assert_eq!(known(&["bge-large-en-v1.5"]).0, "Represent this sentence for searching relevant passages: ");
        assert_eq!(known(&["bge-large-en-v1.5"]).1, "");
        assert_eq!(known(&["all-MiniLM-L6-v2"]), (String::new(), String::new()));
        assert_eq!(known(&["e5-mistral-7b-instruct", "my-e5-base-v2"]), (String::new(), String::new()));
        assert_eq!(known(&[]), (String::new(), String::new()));
    }
}
