//! One message of a run.

use super::TimeReading;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Message<'run> {
    /// `DateTime` as read.
    pub occurred: TimeReading,
    /// `DateTime` as sent.
    pub occurred_raw: Option<&'run str>,
    pub message: Option<&'run str>,
    pub message_details: Option<&'run str>,
    pub category: Option<&'run str>,
    pub asset: Option<&'run str>,
    pub asset_type: Option<&'run str>,
    pub asset_owner: Option<&'run str>,
}

/// A message that owns its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedMessage {
    occurred: TimeReading,
    /// In the order of [`Message`]'s fields.
    texts: [Option<Box<str>>; 7],
}

impl From<Message<'_>> for OwnedMessage {
    fn from(message: Message<'_>) -> Self {
        let texts = [
            message.occurred_raw,
            message.message,
            message.message_details,
            message.category,
            message.asset,
            message.asset_type,
            message.asset_owner,
        ];
        Self {
            occurred: message.occurred,
            texts: texts.map(|text| text.map(Box::from)),
        }
    }
}

impl OwnedMessage {
    pub fn message(&self) -> Message<'_> {
        let [
            occurred_raw,
            message,
            message_details,
            category,
            asset,
            asset_type,
            asset_owner,
        ] = self.texts.each_ref().map(Option::as_deref);
        Message {
            occurred: self.occurred,
            occurred_raw,
            message,
            message_details,
            category,
            asset,
            asset_type,
            asset_owner,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_went_in() {
        let message = Message {
            occurred: TimeReading::Unreadable,
            occurred_raw: Some("yesterday"),
            message: Some("a"),
            message_details: None,
            category: Some("b"),
            asset: Some(""),
            asset_type: Some("c"),
            asset_owner: Some("d"),
        };
        assert_eq!(OwnedMessage::from(message).message(), message);
    }
}
