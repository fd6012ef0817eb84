//! Text to token ids, by the model's own `tokenizer.json`.
//!
//! Truncation and padding baked into that file are dropped: texts are cut to the settings' `max_tokens` at their end,
//! and padded by the batch they end up in. Special tokens are added.

use candle_transformers::models::bert::Config;
use tokenizers::{ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer, TruncationParams};

use crate::error::ModelError;

/// Bytes of a long text that are tried first; each further try takes at least [`GROWTH`] times as many.
const FIRST_BYTES: usize = 1 << 16;
const GROWTH: usize = 8;

/// A tokenizer that cuts to a number of tokens.
pub(crate) struct Tokens {
    tokenizer: Tokenizer,
    max_tokens: usize,
    local: bool,
}

impl Tokens {
    /// Reads `tokenizer.json`. Errors: broken, knows ids that the network has no vector for, adds no special tokens (an
    /// empty text would have no vector), or `max_tokens` leaves no room for text or exceeds the network's positions.
    pub(crate) fn parse(json: &[u8], config: &Config, max_tokens: usize) -> Result<Self, ModelError> {
        let wrong = |problem: String| ModelError::Tokenizer { problem };
        let broken = |error: tokenizers::Error| wrong(format!("is not a tokenizer: {error}"));
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(broken)?;
        let size = config.vocab_size;
        let beyond =
            tokenizer.get_vocab(true).into_iter().filter(|(_, id)| *id as usize >= size).min_by_key(|(_, id)| *id);
        if let Some((token, id)) = beyond {
            return Err(wrong(format!(
                "token \"{token}\" has id {id}, expected less than vocab_size {size} of config.json"
            )));
        }
        tokenizer.with_padding(None).with_truncation(None).map_err(broken)?;
        let special = tokenizer.encode_fast("", true).map_err(broken)?.len();
        if special == 0 {
            return Err(wrong("adds no special tokens to a text, expected some such as [CLS] and [SEP]".to_owned()));
        }
        let (least, most) = (special + 1, config.max_position_embeddings);
        if !(least..=most).contains(&max_tokens) {
            return Err(ModelError::MaxTokens { found: max_tokens, least, most });
        }
        let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(broken)?;
        let local = is_local(&tokenizer);
        Ok(Self { tokenizer, max_tokens, local })
    }

    /// The ids of `text` with special tokens: at least those, at most `max_tokens`.
    ///
    /// A long text is not read to its end where a beginning that ends before a space gives `max_tokens` already. That is
    /// exact for the tokenizers it is done for, see [`is_local`]. Others read everything.
    pub(crate) fn ids(&self, text: &str) -> Result<Vec<u32>, tokenizers::Error> {
        self.ids_from(text, FIRST_BYTES)
    }

    fn ids_from(&self, text: &str, first_bytes: usize) -> Result<Vec<u32>, tokenizers::Error> {
        let mut bytes = first_bytes;
        while self.local && bytes < text.len() {
            let space = text.as_bytes()[bytes..].iter().position(u8::is_ascii_whitespace);
            let Some(space) = space else { break };
            let ids = self.all_ids(&text[..bytes + space])?;
            if ids.len() == self.max_tokens {
                return Ok(ids);
            }
            bytes = (bytes + space) * GROWTH;
        }
        self.all_ids(text)
    }

    fn all_ids(&self, text: &str) -> Result<Vec<u32>, tokenizers::Error> {
        Ok(self.tokenizer.encode_fast(text, true)?.get_ids().to_vec())
    }
}

/// Whether the tokens of a text that is cut before an ASCII space are the first tokens of the whole.
///
/// True for BERT's own pipeline: added tokens without spaces in them cannot lie across the cut; the normaliser maps
/// characters one by one, but for canonical decomposition, which never reorders across a space; the pre-tokeniser splits
/// at every space and drops it; WordPiece sees one word at a time. For any other pipeline nothing is claimed.
fn is_local(tokenizer: &Tokenizer) -> bool {
    matches!(tokenizer.get_normalizer(), Some(NormalizerWrapper::BertNormalizer(_)))
        && matches!(tokenizer.get_pre_tokenizer(), Some(PreTokenizerWrapper::BertPreTokenizer(_)))
        && matches!(tokenizer.get_model(), ModelWrapper::WordPiece(_))
        && tokenizer.get_added_tokens_decoder().values().all(|token| !token.content.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tiny::{self, TinyModel};

    fn tokens(max_tokens: usize) -> Tokens {
        let folder = tempfile::tempdir().unwrap();
        let files = tiny::write_tiny_model(folder.path(), &TinyModel::default()).unwrap();
        let config = crate::config::parse(&std::fs::read(&files.config).unwrap()).unwrap();
        Tokens::parse(&std::fs::read(&files.tokenizer).unwrap(), &config, max_tokens).unwrap()
    }

    #[test]
    fn cut_at_the_end_and_special_tokens_kept() {
        let words = |ids: Vec<u32>, tokens: &Tokens| -> Vec<String> {
            ids.into_iter().map(|id| tokens.tokenizer.id_to_token(id).unwrap()).collect()
        };
        let tokens = tokens(6);
        assert!(tokens.local);
        assert_eq!(words(tokens.ids("").unwrap(), &tokens), ["[CLS]", "[SEP]"]);
        assert_eq!(words(tokens.ids("The C\u{e9}ll").unwrap(), &tokens), ["[CLS]", "the", "cell", "[SEP]"]);
        assert_eq!(
            words(tokens.ids("of, ab \u{3b1} tree").unwrap(), &tokens),
            ["[CLS]", "of", ",", "a", "##b", "[SEP]"]
        );
        assert_eq!(words(tokens.ids(&"x".repeat(101)).unwrap(), &tokens), ["[CLS]", "[UNK]", "[SEP]"]);
    }

    /// Ten megabytes: only the beginning is read where that is enough, everything where it is not.
    #[test]
    fn long_texts() {
        let tokens = tokens(64);
        let start = std::time::Instant::now();
        let long = "the cell of a tree. ".repeat(500_000);
        assert_eq!(tokens.ids(&long).unwrap(), tokens.ids(&long[..1000]).unwrap());
        println!("10 MB of words in {:?}", start.elapsed());
        let start = std::time::Instant::now();
        let mut blank = " ".repeat(2_000_000);
        blank.push_str("the end");
        assert_eq!(tokens.ids(&blank).unwrap(), tokens.ids("the end").unwrap());
        println!("2 MB of spaces in {:?}", start.elapsed());
    }

    proptest! {
        /// Letters, spaces of several kinds, a combining accent, control and format characters, a Chinese character,
        /// punctuation, and special tokens written out.
        #[test]
        fn a_beginning_gives_the_same_tokens(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "a", "bc", "The", " ", "  ", "\n", "\t", "\u{301}", "\u{e9}", "\u{0}", "\u{200d}", "\u{a0}",
                    "\u{4e00}", ",", "[SEP]", "[MASK]", "\u{1e0b}\u{323}", "\u{130}",
                ]),
                0..80,
            ),
            first_bytes in 1usize..40,
            max_tokens in 3usize..40,
        ) {
            let tokens = { thread_local!(static TOKENS: Tokens = tokens(64)); TOKENS.with(|tokens| {
                let mut tokenizer = tokens.tokenizer.clone();
                tokenizer.get_truncation_mut().unwrap().max_length = max_tokens;
                Tokens { tokenizer, max_tokens, local: true }
            }) };
            // A place inside a character is not a place to cut: the cut is at the next space.
            let text = pieces.concat();
            prop_assert_eq!(tokens.ids_from(&text, first_bytes).unwrap(), tokens.all_ids(&text).unwrap());
        }
    }
}
