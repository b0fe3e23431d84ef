//! Runs of any shape, read by the reader and by a second reader written here in the plainest words over `serde_json`:
//! fields of any type, in any order and letter case, given twice, beside fields that nobody knows.
//!
//! `PROPTEST_CASES` says how many cases each property gets.

use std::collections::BTreeMap;

use jobruns::decode::{AnswerReader, Element, read_run, read_run_fields, time};
use jobruns::model::{JobRun, NaiveZone, TimeReading};
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

const RUN_FIELDS: [&str; 11] = [
    "Exception",
    "ActivityStatusList",
    "CustomStatusText",
    "JobEndTime",
    "JobStartTime",
    "JobSummary",
    "Status",
    "StatusDetails",
    "MessageCount",
    "Unknown",
    "",
];
const MESSAGE_FIELDS: [&str; 9] = [
    "DateTime",
    "Message",
    "MessageDetails",
    "Category",
    "Asset",
    "AssetType",
    "AssetOwner",
    "Unknown",
    "Assets",
];

/// Members in the order in which they are written, names perhaps twice.
type Members = Vec<(String, Value)>;

/// A run before it is written: its members, and its messages if it has a list.
#[derive(Debug, Clone)]
struct Written {
    id: u128,
    members: Members,
    messages: Option<Vec<Members>>,
    /// Members before the list.
    list_at: usize,
    space: &'static str,
}

impl Written {
    fn json(&self) -> String {
        let space = self.space;
        let id = uuid::Uuid::from_u128(self.id);
        let mut members: Vec<String> = self
            .members
            .iter()
            .map(|member| written_member(member, space))
            .collect();
        if let Some(messages) = &self.messages {
            let messages: Vec<String> = messages
                .iter()
                .map(|message| written_object(message, space))
                .collect();
            let list = format!(
                "\"JobMessages\"{space}:{space}[{space}{}]",
                messages.join(&format!("{space},"))
            );
            members.insert(self.list_at.min(members.len()), list);
        }
        members.push(format!("\"JobRunID\":\"{id}\""));
        format!("{{{space}{}{space}}}", members.join(&format!(",{space}")))
    }
}

fn written_member((name, value): &(String, Value), space: &str) -> String {
    format!("{}{space}:{space}{value}", Value::from(name.as_str()))
}

fn written_object(members: &Members, space: &str) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|member| written_member(member, space))
        .collect();
    format!("{{{space}{}{space}}}", members.join(&format!("{space},{space}")))
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        2 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => (-3_i64..60).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => (-1e6_f64..1e6).prop_map(Value::from),
        4 => any::<String>().prop_map(Value::from),
        4 => "[a-z \\\\\"\n\u{0}{}\\[\\],:ä]{0,40}".prop_map(Value::from),
        2 => "20[0-9]{2}-0[1-9]-[0-2][1-8]T[0-2][0-3]:[0-5][0-9]:[0-5][0-9](Z|[+]05:30)?".prop_map(Value::from),
        1 => "(5|Faulted|aborted| 7 |12\\.0|-4)".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-cA-C]{0,2}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_members(names: &'static [&'static str], most: usize) -> impl Strategy<Value = Members> {
    let name = (prop::sample::select(names), 0_u8..4).prop_map(|(name, case)| match case {
        0 => name.to_ascii_lowercase(),
        1 => name.to_ascii_uppercase(),
        _ => name.to_owned(),
    });
    prop::collection::vec((name, any_value()), 0..most)
}

prop_compose! {
    fn any_run()(
        id in any::<u128>(),
        members in any_members(&RUN_FIELDS, 16),
        messages in prop::option::weighted(0.9, prop::collection::vec(any_members(&MESSAGE_FIELDS, 11), 0..6)),
        list_at in 0_usize..16,
        space in prop::sample::select(&["", " ", "\r\n\t"][..]),
    ) -> Written {
        Written { id, members, messages, list_at, space }
    }
}

/// The members that count: the last of equal names, none that are null; by lower-case name.
fn counting(members: &Members) -> BTreeMap<String, Value> {
    let mut counting: BTreeMap<String, Value> = members
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .collect();
    counting.retain(|_, value| !value.is_null());
    counting
}

/// What a text field shows of its value.
fn shown(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.replace('\0', "\u{fffd}")),
        other => Some(other.to_string()),
    }
}

fn time_of(value: Option<&Value>) -> TimeReading {
    match value {
        None => TimeReading::Absent,
        Some(Value::String(text)) => time::read(text, NaiveZone::Utc),
        Some(_) => TimeReading::Unreadable,
    }
}

fn integer_of(value: Option<&Value>) -> Option<i64> {
    let text = match value? {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    text.parse()
        .ok()
        .or_else(|| text.strip_suffix(".0")?.parse().ok())
}

fn status_of(value: Option<&Value>) -> Option<i64> {
    let named = || match value?.as_str()?.trim().to_ascii_lowercase().as_str() {
        "faulted" => Some(5),
        "aborted" => Some(7),
        _ => None,
    };
    integer_of(value).or_else(named)
}

fn assert_says(run: &JobRun, written: &Written) -> Result<(), TestCaseError> {
    let fields = counting(&written.members);
    let field = |name: &str| fields.get(name);
    prop_assert_eq!(
        run.job_run_id().to_string(),
        uuid::Uuid::from_u128(written.id).to_string()
    );
    prop_assert_eq!(run.status().map(|status| status.0), status_of(field("status")));
    prop_assert_eq!(run.message_count(), integer_of(field("messagecount")));
    for (text, name) in [
        (run.exception(), "exception"),
        (run.custom_status_text(), "customstatustext"),
        (run.job_summary(), "jobsummary"),
        (run.status_details(), "statusdetails"),
        (run.started_raw(), "jobstarttime"),
        (run.ended_raw(), "jobendtime"),
    ] {
        prop_assert_eq!(text.map(str::to_owned), shown(field(name)), "{}", name);
    }
    let list = field("activitystatuslist").map(|value| value.to_string());
    prop_assert_eq!(run.activity_status_list().map(str::to_owned), list);
    prop_assert_eq!(run.started(), time_of(field("jobstarttime")));
    prop_assert_eq!(run.ended(), time_of(field("jobendtime")));
    prop_assert_eq!(run.unreadable_messages().len(), 0);
    let Some(messages) = &written.messages else {
        prop_assert!(run.messages().is_none());
        return Ok(());
    };
    let read: Vec<_> = run.messages().expect("a list was written").collect();
    prop_assert_eq!(read.len(), messages.len());
    for (read, message) in read.iter().zip(messages) {
        let fields = counting(message);
        prop_assert_eq!(read.occurred, time_of(fields.get("datetime")));
        for (text, name) in [
            (read.occurred_raw, "datetime"),
            (read.message, "message"),
            (read.message_details, "messagedetails"),
            (read.category, "category"),
            (read.asset, "asset"),
            (read.asset_type, "assettype"),
            (read.asset_owner, "assetowner"),
        ] {
            prop_assert_eq!(text.map(str::to_owned), shown(fields.get(name)), "{}", name);
        }
    }
    Ok(())
}

/// The hash of the content, written anew from the head of `src/reader/content.rs`.
fn content_in_plain_words(written: &Written) -> [u8; 32] {
    let mut members: BTreeMap<String, Vec<u8>> = counting(&written.members)
        .iter()
        .map(|(name, value)| (name.clone(), whole(value)))
        .collect();
    let id = uuid::Uuid::from_u128(written.id).to_string();
    members.insert("jobrunid".to_owned(), whole(&Value::from(id)));
    if let Some(messages) = &written.messages {
        let mut digests: Vec<[u8; 32]> = messages.iter().map(message_in_plain_words).collect();
        digests.sort_unstable();
        let mut list = vec![b'm'];
        list.extend(length(digests.len()));
        list.extend(digests.concat());
        members.insert("jobmessages".to_owned(), list);
    }
    Sha256::digest([b"o".to_vec(), object(&members)].concat()).into()
}

fn message_in_plain_words(message: &Members) -> [u8; 32] {
    let mut others = counting(message);
    let (mut head, mut bytes) = (vec![b'r'], Vec::new());
    for name in [
        "asset",
        "assetowner",
        "assettype",
        "category",
        "datetime",
        "message",
        "messagedetails",
    ] {
        let (tag, body) = match others.remove(name) {
            None => {
                head.push(b'n');
                continue;
            }
            Some(value) => tag_and_body(&value),
        };
        head.push(tag);
        head.extend(length(body.len()));
        bytes.extend(body);
    }
    head.extend(object(
        &others
            .iter()
            .map(|(name, value)| (name.clone(), whole(value)))
            .collect(),
    ));
    Sha256::digest([head, bytes].concat()).into()
}

fn tag_and_body(value: &Value) -> (u8, Vec<u8>) {
    match value {
        Value::String(text) if text.contains('\0') => {
            let json = value.to_string();
            (b'x', json.as_bytes()[1..json.len() - 1].to_vec())
        }
        Value::String(text) => (b's', text.clone().into_bytes()),
        Value::Array(_) | Value::Object(_) => (b'w', whole(value)),
        other => (b'j', other.to_string().into_bytes()),
    }
}

fn whole(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => vec![b'n'],
        Value::Array(elements) => {
            let mut out = vec![b'a'];
            out.extend(length(elements.len()));
            out.extend(elements.iter().flat_map(whole));
            out
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            let members = counting(&members);
            let members = members.iter().map(|(name, value)| (name.clone(), whole(value)));
            [b"o".to_vec(), object(&members.collect())].concat()
        }
        other => {
            let (tag, body) = tag_and_body(other);
            [vec![tag], length(body.len()), body].concat()
        }
    }
}

fn object(members: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut out = length(members.len());
    for (name, value) in members {
        out.extend(length(name.len()));
        out.extend(name.as_bytes());
        out.extend(value);
    }
    out
}

fn length(mut length: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while length > 127 {
        out.push((length % 128) as u8 + 128);
        length /= 128;
    }
    out.push(length as u8);
    out
}

fn content(json: &str) -> [u8; 32] {
    let read = read_run(json.as_bytes(), NaiveZone::Utc);
    read.expect("a written run is readable").content_sha256
}

proptest! {
    #[test]
    fn a_run_says_what_the_plain_reader_says(written in any_run()) {
        let json = written.json();
        let read = read_run(json.as_bytes(), NaiveZone::Utc).expect("a written run is readable");
        assert_says(&read.run, &written)?;
        prop_assert_eq!(read.content_sha256, content_in_plain_words(&written));
        let fields = read_run_fields(json.as_bytes(), NaiveZone::Utc).expect("a written run is readable");
        assert_says(&fields, &written)?;
    }

    #[test]
    fn content_does_not_see_order_and_space(written in any_run(), seed in any::<u64>()) {
        let mut other = written.clone();
        // Of equal names the last counts, so only what counts may be put in another order.
        other.members = counting(&written.members).into_iter().collect();
        let turn = |length: usize| if length == 0 { 0 } else { seed as usize % length };
        let by = turn(other.members.len());
        other.members.rotate_left(by);
        for message in other.messages.iter_mut().flatten() {
            *message = counting(message).into_iter().collect();
            let by = turn(message.len());
            message.rotate_left(by);
        }
        if let Some(messages) = &mut other.messages {
            let by = turn(messages.len());
            messages.rotate_left(by);
        }
        other.list_at = turn(17);
        other.space = "\n";
        prop_assert_eq!(content(&written.json()), content(&other.json()));
    }

    #[test]
    fn content_sees_every_change_of_a_value(written in any_run(), at in any::<prop::sample::Index>(), value in any_value()) {
        let mut other = written.clone();
        let mut members: Vec<&mut Members> = vec![&mut other.members];
        members.extend(other.messages.iter_mut().flatten());
        let count = members.len();
        let members = &mut *members[at.index(count)];
        // Appended under a name of its own: nothing that stands before can count instead.
        members.push(("Change".to_owned(), value.clone()));
        prop_assert_eq!(content(&written.json()) == content(&other.json()), value.is_null());
    }

    #[test]
    fn a_message_more_or_less_changes_the_content(written in any_run(), message in any_members(&MESSAGE_FIELDS, 11)) {
        let mut other = written.clone();
        other.messages.get_or_insert_default().push(message);
        prop_assert_ne!(content(&written.json()), content(&other.json()));
    }

    #[test]
    fn chunks_do_not_matter_to_any_bytes(written in prop::collection::vec(any_run(), 0..3), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), piece in 1_usize..100, limit in 1_usize..2000) {
        let runs: Vec<String> = written.iter().map(Written::json).collect();
        let mut body = format!("{{\"TotalJobRuns\":3,\"JobStatusInfo\":[{}],\"JobID\":null}}", runs.join(",")).into_bytes();
        for (at, byte) in flips {
            let at = at.index(body.len());
            body[at] = byte;
        }
        prop_assert_eq!(framed(&body, piece, limit), framed(&body, body.len(), limit));
    }
}

fn framed(body: &[u8], piece: usize, limit: usize) -> (Vec<Element>, String) {
    let mut reader = AnswerReader::new(limit);
    let mut elements = Vec::new();
    let mut first_error = None;
    for chunk in body.chunks(piece) {
        if let Err(error) = reader.push(chunk, &mut |element| elements.push(element)) {
            first_error = Some(error);
            break;
        }
    }
    (elements, format!("{first_error:?} {:?}", reader.finish()))
}

/// Random damage to a run that has everything, for some seconds at most: nothing may panic, and what is still read must be
/// the same with and without the hash.
#[test]
fn a_damaged_run_is_read_or_refused_and_never_panics() {
    let whole = br#"{"Exception":null,"ActivityStatusList":[{"a":[1,-2.5e3,true]}],"JobEndTime":"2018-09-20T05:44:42","JobStartTime":"/Date(1537422882000+0530)/","JobSummary":"\u00e4\ud83d\ude00\\\"","Status":5,"JobRunID":"413e6d92-6de0-4a89-8752-149270dd4369","MessageCount":"2","JobMessages":[{"DateTime":"2021-10-19T17:31:14+05:30","Message":"query returned with message(s).","MessageDetails":"configure credentials, please","Category":"Error","Asset":"D\\h","AssetType":"Windows Machine","AssetOwner":"<u>"},{"asset":null,"x":{"y":[null]}},7]}"#;
    let rounds: u32 = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(256);
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let mut readable = 0;
    for _ in 0..rounds.saturating_mul(40) {
        let mut bytes = whole.to_vec();
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            match next(5) {
                0 => bytes[at] = next(256) as u8,
                1 => bytes[at] = b"\"\\{}[],:0 nu\0\xff"[next(14)],
                2 => drop(bytes.remove(at)),
                3 => bytes.insert(at, b"\"\\{}[],:0 nu\0\xff"[next(14)]),
                _ => {
                    let end = at + next(bytes.len() - at);
                    let piece = bytes[at..end].to_vec();
                    let to = next(bytes.len());
                    bytes.splice(to..to, piece);
                }
            }
        }
        let read = read_run(&bytes, NaiveZone::Utc);
        let fields = read_run_fields(&bytes, NaiveZone::Utc);
        assert_eq!(
            read.as_ref()
                .map(|read| format!("{:?}", read.run))
                .map_err(|error| error.to_string()),
            fields
                .map(|run| format!("{run:?}"))
                .map_err(|error| error.to_string()),
        );
        if let Ok(read) = read {
            readable += 1;
            for bad in read.run.unreadable_messages() {
                assert!(
                    memchr::memmem::find(&bytes, &bad.bytes).is_some(),
                    "quarantined bytes are as received"
                );
            }
        } else if let Ok(value) = serde_json::from_slice::<Value>(&bytes) {
            // Sound JSON is refused for its JobRunID alone.
            let id = read.expect_err("refused").to_string();
            assert!(
                id.contains("JobRunID") || !value.is_object(),
                "{id}: {}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
    assert!(readable > rounds, "some damage is harmless: {readable}");
}
