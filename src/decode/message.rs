//! Reads the messages of a run.
//!
//! Nearly all bytes of an answer are messages, so speed matters most here: names are guessed from their order in the
//! previous message, and texts are decoded once for both the tables and the digest.

use super::content::{self, Members};
use super::field::{self, StoredText};
use super::json::{Broken, Cursor, JsonValue, RawText};
use crate::model::{MessageParts, NaiveZone, Sha256, TextStore};

/// The fields of a message, in the order in which they are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MessageField {
    Asset,
    AssetOwner,
    AssetType,
    Category,
    DateTime,
    Message,
    MessageDetails,
}

const FIELDS: [MessageField; 7] = [
    MessageField::Asset,
    MessageField::AssetOwner,
    MessageField::AssetType,
    MessageField::Category,
    MessageField::DateTime,
    MessageField::Message,
    MessageField::MessageDetails,
];

/// Index into [`MessageDecoder::follows`] for the first name of a message.
const FIRST: usize = FIELDS.len();

impl MessageField {
    const fn name(self) -> &'static str {
        match self {
            Self::Asset => "Asset",
            Self::AssetOwner => "AssetOwner",
            Self::AssetType => "AssetType",
            Self::Category => "Category",
            Self::DateTime => "DateTime",
            Self::Message => "Message",
            Self::MessageDetails => "MessageDetails",
        }
    }

    /// The length of the name with its quotes, if `bytes` begin with exactly that.
    #[inline]
    fn leads(self, bytes: &[u8]) -> Option<usize> {
        // Spelled out, so that each is a comparison of a fixed length.
        let leads = match self {
            Self::Asset => bytes.starts_with(b"\"Asset\""),
            Self::AssetOwner => bytes.starts_with(b"\"AssetOwner\""),
            Self::AssetType => bytes.starts_with(b"\"AssetType\""),
            Self::Category => bytes.starts_with(b"\"Category\""),
            Self::DateTime => bytes.starts_with(b"\"DateTime\""),
            Self::Message => bytes.starts_with(b"\"Message\""),
            Self::MessageDetails => bytes.starts_with(b"\"MessageDetails\""),
        };
        leads.then(|| self.name().len() + 2)
    }

    fn named(cursor: &Cursor<'_>, name: &RawText) -> Option<Self> {
        let decoded;
        let name = match cursor.plain(name) {
            Some(plain) => plain,
            None => {
                let mut text = String::new();
                cursor.decode(name, &mut text);
                decoded = text;
                &decoded
            }
        };
        FIELDS
            .into_iter()
            .find(|field| field.name().eq_ignore_ascii_case(name))
    }
}

enum FieldName {
    Known(MessageField),
    Other(RawText),
}

/// Reads the messages of a run, one after the other.
#[derive(Debug)]
pub(super) struct MessageDecoder {
    zone: NaiveZone,
    /// For each field, the one that is likely to come next, as in the previous messages.
    follows: [MessageField; 8],
    /// The values of the latest message, by field.
    values: [JsonValue; 7],
    texts: [StoredText; 7],
    /// Bytes of the store before the first of them.
    texts_begin: usize,
    /// Its unknown members.
    others: Vec<(RawText, JsonValue)>,
    members: Members,
    /// What is hashed of a message before its texts.
    head: Vec<u8>,
}

impl MessageDecoder {
    pub(super) fn new(zone: NaiveZone) -> Self {
        Self {
            zone,
            follows: [
                MessageField::AssetType,      // after Asset, as in the API document
                MessageField::DateTime,       // after AssetOwner
                MessageField::AssetOwner,     // after AssetType
                MessageField::Asset,          // after Category
                MessageField::Message,        // after DateTime
                MessageField::MessageDetails, // after Message
                MessageField::Category,       // after MessageDetails
                MessageField::DateTime,       // first
            ],
            values: [const { JsonValue::Null }; 7],
            texts: [StoredText::NULL; 7],
            texts_begin: 0,
            others: Vec::new(),
            members: Members::default(),
            head: Vec::new(),
        }
    }

    /// Reads the object at the cursor; its texts go to `store`.
    pub(super) fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        store: &mut TextStore,
    ) -> Result<MessageParts, Broken> {
        self.values = [const { JsonValue::Null }; 7];
        self.others.clear();
        let (follows, values, others) = (&mut self.follows, &mut self.values, &mut self.others);
        let mut previous = FIRST;
        cursor.members(
            2,
            |cursor| {
                cursor.peek();
                let guess = follows[previous];
                if let Some(length) = guess.leads(&cursor.bytes()[cursor.at..]) {
                    cursor.at += length;
                    previous = guess as usize;
                    return Ok(FieldName::Known(guess));
                }
                let name = cursor.string()?;
                Ok(match MessageField::named(cursor, &name) {
                    Some(field) => {
                        follows[previous] = field;
                        previous = field as usize;
                        FieldName::Known(field)
                    }
                    None => FieldName::Other(name),
                })
            },
            |cursor, name| {
                let value = cursor.value(3)?;
                match name {
                    FieldName::Known(field) => values[field as usize] = value,
                    FieldName::Other(name) => others.push((name, value)),
                }
                Ok(())
            },
        )?;
        self.texts_begin = store.length();
        for (text, value) in self.texts.iter_mut().zip(&self.values) {
            *text = field::read_text(cursor, value, store);
        }
        let text = |field: MessageField| self.texts[field as usize].span;
        let occurred = &self.values[MessageField::DateTime as usize];
        Ok(MessageParts {
            occurred: field::read_time(occurred, text(MessageField::DateTime), store, self.zone),
            message: text(MessageField::Message),
            message_details: text(MessageField::MessageDetails),
            category: text(MessageField::Category),
            asset: text(MessageField::Asset),
            asset_type: text(MessageField::AssetType),
            asset_owner: text(MessageField::AssetOwner),
        })
    }

    /// The digest of the latest message, whose texts must be the last in `store`.
    pub(super) fn digest(&mut self, cursor: &Cursor<'_>, store: &TextStore) -> Sha256 {
        let head = &mut self.head;
        head.clear();
        head.push(b'r');
        let mut as_stored = true;
        for (value, text) in self.values.iter().zip(&self.texts) {
            match value {
                JsonValue::Null => head.push(b'n'),
                JsonValue::Text(_) if !text.replaced => content::push_tag(head, b's', text.span.length()),
                JsonValue::Text(_) | JsonValue::Json(_) => {
                    as_stored = false;
                    break;
                }
            }
        }
        if !as_stored {
            return self.digest_of_odd_values(cursor);
        }
        self.push_others(cursor);
        content::message_digest(&self.head, store.added_since(self.texts_begin).as_bytes())
    }

    /// The digest if the texts in the store are not what is hashed: a value is not a string, or something was replaced.
    #[cold]
    fn digest_of_odd_values(&mut self, cursor: &Cursor<'_>) -> Sha256 {
        self.head.clear();
        self.head.push(b'r');
        let mut bytes = Vec::new();
        for value in &self.values {
            content::write_apart(cursor, value, &mut self.head, &mut bytes);
        }
        self.push_others(cursor);
        content::message_digest(&self.head, &bytes)
    }

    fn push_others(&mut self, cursor: &Cursor<'_>) {
        self.members.clear();
        for (name, value) in &self.others {
            let name = content::folded_name(cursor, name);
            self.members
                .add(name, |values| content::write_value(cursor, value, values));
        }
        self.members.write(&mut self.head);
    }
}
