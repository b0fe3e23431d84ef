//! A run and its messages, decoded.
//!
//! A decoded run owns one string with all its texts; its fields are ranges of that string. A run of thousands of messages
//! therefore takes only a few allocations and can be sent between threads.

use super::{Guid, JobStatus, Message, TimeReading};

/// A text in a [`TextStore`], or null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextRange {
    start: u32,
    length: u32,
}

impl TextRange {
    /// No text: the field is missing or null.
    pub const NULL: Self = Self {
        start: u32::MAX,
        length: 0,
    };

    /// Bytes of the text.
    #[must_use]
    pub const fn length(self) -> usize {
        self.length as usize
    }
}

/// The texts of one run, end to end.
#[derive(Debug, Clone, Default)]
pub struct TextStore(String);

impl TextStore {
    /// An empty store with room for `bytes`.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// Lets `append` add a text piece by piece; returns its range.
    ///
    /// # Panics
    /// If the store would exceed 4 GiB, which the limit on a run's size prevents, or if `append` removes text.
    pub fn build(&mut self, append: impl FnOnce(&mut String)) -> TextRange {
        let start = self.0.len();
        append(&mut self.0);
        let length = self.0.len().checked_sub(start).expect("texts are only added");
        let small =
            |bytes: usize| u32::try_from(bytes).expect("a run's texts stay below 4 GiB by the run limit");
        TextRange {
            start: small(start),
            length: small(length),
        }
    }

    /// Bytes of all texts so far.
    pub const fn length(&self) -> usize {
        self.0.len()
    }

    /// The texts that were added since the store had `length` bytes, end to end.
    #[must_use]
    pub fn added_since(&self, length: usize) -> &str {
        &self.0[length..]
    }

    /// The text of a range that this store returned; `None` for [`TextRange::NULL`].
    #[must_use]
    pub fn get(&self, span: TextRange) -> Option<&str> {
        (span != TextRange::NULL).then(|| &self.0[span.start as usize..][..span.length as usize])
    }
}

/// A time field: its reading, and the text that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSpan {
    pub reading: TimeReading,
    /// The text as sent; [`TextRange::NULL`] if the field is missing or null.
    pub raw: TextRange,
}

/// One message of a run, as ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageParts {
    /// `DateTime`.
    pub occurred: TimeSpan,
    /// `Message`.
    pub message: TextRange,
    /// `MessageDetails`.
    pub message_details: TextRange,
    /// `Category`.
    pub category: TextRange,
    /// `Asset`.
    pub asset: TextRange,
    /// `AssetType`.
    pub asset_type: TextRange,
    /// `AssetOwner`.
    pub asset_owner: TextRange,
}

/// Bytes in a run's message list that are not a readable message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableMessage {
    /// The bytes as received.
    pub bytes: Vec<u8>,
    /// Why they cannot be read, as text.
    pub reason: String,
}

/// What a decoder passes to make a [`JobRun`].
#[derive(Debug, Clone)]
pub struct JobRunParts {
    /// All texts of the run.
    pub texts: TextStore,
    /// `JobRunID`.
    pub job_run_id: Guid,
    /// `Status`; `None` if it is missing, null or neither a number nor a name.
    pub status: Option<JobStatus>,
    /// `JobStartTime`.
    pub started: TimeSpan,
    /// `JobEndTime`.
    pub ended: TimeSpan,
    /// `Exception`.
    pub exception: TextRange,
    /// `CustomStatusText`.
    pub custom_status_text: TextRange,
    /// `JobSummary`.
    pub job_summary: TextRange,
    /// `StatusDetails`.
    pub status_details: TextRange,
    /// `ActivityStatusList`, as JSON text.
    pub activity_status_list: TextRange,
    /// `MessageCount`, as the server says.
    pub message_count: Option<i64>,
    /// The readable messages in their order; `None` if the run has no message list.
    pub messages: Option<Vec<MessageParts>>,
    /// The parts of the message list that could not be read.
    pub unreadable_messages: Vec<UnreadableMessage>,
}

/// One run of a job, as one answer of the server listed it.
#[derive(Debug, Clone)]
pub struct JobRun(JobRunParts);

impl From<JobRunParts> for JobRun {
    fn from(parts: JobRunParts) -> Self {
        Self(parts)
    }
}

impl JobRun {
    /// `JobRunID`.
    pub const fn job_run_id(&self) -> Guid {
        self.0.job_run_id
    }

    /// `Status`.
    pub const fn status(&self) -> Option<JobStatus> {
        self.0.status
    }

    /// `JobStartTime` as read.
    pub const fn started(&self) -> TimeReading {
        self.0.started.reading
    }

    /// `JobStartTime` as sent.
    pub fn started_raw(&self) -> Option<&str> {
        self.text(self.0.started.raw)
    }

    /// `JobEndTime` as read.
    pub const fn ended(&self) -> TimeReading {
        self.0.ended.reading
    }

    /// `JobEndTime` as sent.
    pub fn ended_raw(&self) -> Option<&str> {
        self.text(self.0.ended.raw)
    }

    /// `Exception`.
    pub fn exception(&self) -> Option<&str> {
        self.text(self.0.exception)
    }

    /// `CustomStatusText`.
    pub fn custom_status_text(&self) -> Option<&str> {
        self.text(self.0.custom_status_text)
    }

    /// `JobSummary`.
    pub fn job_summary(&self) -> Option<&str> {
        self.text(self.0.job_summary)
    }

    /// `StatusDetails`.
    pub fn status_details(&self) -> Option<&str> {
        self.text(self.0.status_details)
    }

    /// `ActivityStatusList` as JSON text.
    pub fn activity_status_list(&self) -> Option<&str> {
        self.text(self.0.activity_status_list)
    }

    /// `MessageCount`, as the server says.
    pub const fn message_count(&self) -> Option<i64> {
        self.0.message_count
    }

    /// The readable messages in their order; `None` if the run has no message list, which says nothing about its messages.
    pub fn messages(&self) -> Option<impl ExactSizeIterator<Item = Message<'_>>> {
        let list = self.0.messages.as_ref()?;
        Some(list.iter().map(|parts| Message {
            occurred: parts.occurred.reading,
            occurred_raw: self.text(parts.occurred.raw),
            message: self.text(parts.message),
            message_details: self.text(parts.message_details),
            category: self.text(parts.category),
            asset: self.text(parts.asset),
            asset_type: self.text(parts.asset_type),
            asset_owner: self.text(parts.asset_owner),
        }))
    }

    /// The parts of the message list that could not be read.
    pub fn unreadable_messages(&self) -> &[UnreadableMessage] {
        &self.0.unreadable_messages
    }

    fn text(&self, span: TextRange) -> Option<&str> {
        self.0.texts.get(span)
    }
}
