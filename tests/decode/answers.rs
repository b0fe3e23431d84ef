//! The reader against whole documents: any chunking, any cut, and serde_json as the judge of what a run says.

use jobruns::decode::{AnswerReader, DEFAULT_RUN_LIMIT, Element, End, OVERSIZE_HEAD, read_run};
use jobruns::model::{NaiveZone, TimeReading};
use proptest::prelude::*;
use serde_json::{Value, json};

const RUN: &str = "413e6d92-6de0-4a89-8752-149270dd4369";

/// Elements and end of `body`, taken in chunks of `piece` bytes.
fn read(body: &[u8], piece: usize, limit: usize) -> (Vec<Element>, End) {
    let mut reader = AnswerReader::new(limit);
    let mut elements = Vec::new();
    for chunk in body.chunks(piece) {
        if let Err(error) = reader.push(chunk, &mut |element| elements.push(element)) {
            return (elements, End::NotAnAnswer(error));
        }
    }
    (elements, reader.finish())
}

fn runs(body: &str) -> (Vec<String>, End) {
    let (elements, end) = read(body.as_bytes(), body.len().max(1), DEFAULT_RUN_LIMIT);
    let runs = elements.into_iter().map(|element| match element {
        Element::Whole { bytes, .. } => String::from_utf8(bytes).unwrap(),
        Element::Oversize { .. } => panic!("no run is that large"),
    });
    (runs.collect(), end)
}

fn is_complete(end: &End) -> bool {
    matches!(end, End::Complete(_))
}

#[test]
fn fields_come_in_any_order_and_letter_case() {
    let (found, end) = runs(
        "\u{feff} {\"x\":{\"JobStatusInfo\":[1,{\"a\":\"]}\"}]}, \"jobstatusINFO\" : [ {\"a\":1} ,{\"b\":[2]}\n], \
         \"\\u004aobid\":\"{FF761384-4B49-40B4-97D8-0DE38669075A}\", \"TOTALJOBRUNS\": \"2\"} \r\n",
    );
    assert_eq!(found, ["{\"a\":1}", "{\"b\":[2]}"]);
    let End::Complete(envelope) = end else {
        panic!("{end:?}")
    };
    assert_eq!(envelope.total_job_runs, Some(2));
    assert_eq!(envelope.runs_seen, 2);
    assert_eq!(
        envelope.job_id.unwrap().to_string(),
        "ff761384-4b49-40b4-97d8-0de38669075a"
    );
    assert_eq!(envelope.job_id_at_first_run, None, "it comes after the runs");
}

#[test]
fn answers_without_runs_are_complete() {
    for body in [
        "[]",
        "null",
        " null\n",
        "{\"JobStatusInfo\":null}",
        "{\"JobStatusInfo\":{}}",
        "{\"jobstatusinfo\":[]}",
    ] {
        let (found, end) = runs(body);
        assert!(found.is_empty() && is_complete(&end), "{body}: {end:?}");
    }
}

#[test]
fn what_is_no_answer_is_refused_and_what_is_cut_is_cut() {
    for body in [
        "{}",
        "{\"TotalJobRuns\":1}",
        "<html>",
        "nul ",
        "nothing",
        "\"text\"",
        "42",
        "{\"JobStatusInfo\":\"none\"}",
        "{\"JobStatusInfo\":7}",
        "{\"JobStatusInfo\":[]} x",
        "[]]",
        "{JobStatusInfo:[]}",
        "{\"JobStatusInfo\" []}",
        "{\"JobStatusInfo\":,}",
        "{\"JobStatusInfo\":[}",
    ] {
        let (_, end) = runs(body);
        assert!(matches!(end, End::NotAnAnswer(_)), "{body}: {end:?}");
    }
    for body in [
        "",
        " ",
        "{",
        "{\"JobStatusInfo\":[",
        "[",
        "[1",
        "{\"JobStatusInfo\":[]",
        "{\"JobStatusInfo\":nul",
        "n",
        "nul",
        "\u{feff}",
    ] {
        let (_, end) = runs(body);
        assert!(matches!(end, End::Cut(_)), "{body}: {end:?}");
    }
}

#[test]
fn elements_of_any_kind_are_handed_over_as_they_stand() {
    let (found, end) = runs(r#"[null, 42,"a\"]" , [1,[2]],{"a":}, {"b" 1},true]"#);
    assert_eq!(
        found,
        [
            "null",
            "42",
            r#""a\"]""#,
            "[1,[2]]",
            r#"{"a":}"#,
            r#"{"b" 1}"#,
            "true"
        ]
    );
    assert!(is_complete(&end));
}

#[test]
fn a_run_beyond_the_limit_is_hashed_and_the_rest_is_read() {
    use sha2::Digest;
    let large = format!("{{\"x\":\"{}\"}}", "y".repeat(3 << 20));
    let body = format!("[{{\"a\":1}},{large},{{\"b\":2}}]");
    for piece in [1000, 1 << 20, body.len()] {
        let (elements, end) = read(body.as_bytes(), piece, 2 << 20);
        assert!(is_complete(&end));
        assert_eq!(elements.len(), 3);
        let Element::Oversize {
            position: 1,
            head,
            length,
            sha256,
        } = &elements[1]
        else {
            panic!()
        };
        assert_eq!(head.as_slice(), &large.as_bytes()[..OVERSIZE_HEAD]);
        assert_eq!(*length, large.len() as u64);
        assert_eq!(*sha256, <[u8; 32]>::from(sha2::Sha256::digest(large.as_bytes())));
        assert_eq!(
            elements[2],
            Element::Whole {
                position: 2,
                bytes: b"{\"b\":2}".to_vec()
            }
        );
    }
}

#[test]
fn a_run_says_what_its_fields_say() {
    let text = r#"{"Exception":null,"ActivityStatusList": [1, {"a":2}],"customStatusText":"\u00e4\"\ud83d\ude00","JobEndTime":"2018-09-20T05:44:42",
        "JobStartTime":"2018-09-20T11:14:34+05:30","JobSummary":42,"Status":"Faulted","StatusDetails":{"x":[true]},
        "JobRunID":"{413E6D92-6DE0-4A89-8752-149270DD4369}","MessageCount":"1","unknown":{"deep":[[]]},
        "JobMessages":[{"DateTime":"2021-10-19T17:31:14+05:30","Message":"m","MessageDetails":"a\nb","CATEGORY":"Error","Asset":"D\\h","AssetType":null}]}"#;
    let run = read_run(text.as_bytes(), NaiveZone::Utc).unwrap().run;
    assert_eq!(run.job_run_id().to_string(), RUN);
    assert_eq!(run.status().unwrap().0, 5);
    assert_eq!(
        run.started().instant().unwrap().to_string(),
        "2018-09-20T05:44:34Z"
    );
    assert_eq!(run.ended().instant().unwrap().to_string(), "2018-09-20T05:44:42Z");
    assert_eq!(run.started_raw(), Some("2018-09-20T11:14:34+05:30"));
    assert_eq!(run.exception(), None);
    assert_eq!(run.custom_status_text(), Some("ä\"😀"));
    assert_eq!(run.job_summary(), Some("42"));
    assert_eq!(run.status_details(), Some("{\"x\":[true]}"));
    assert_eq!(run.activity_status_list(), Some("[1, {\"a\":2}]"));
    assert_eq!(run.message_count(), Some(1));
    let messages: Vec<_> = run.messages().unwrap().collect();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].asset, Some("D\\h"));
    assert_eq!(messages[0].category, Some("Error"));
    assert_eq!(messages[0].asset_type, None);
    assert_eq!(messages[0].asset_owner, None);
    assert_eq!(
        messages[0].occurred.instant().unwrap().to_string(),
        "2021-10-19T12:01:14Z"
    );
}

fn status(text: &str) -> Option<i64> {
    let run = format!("{{\"JobRunID\":\"{RUN}\",\"Status\":{text}}}");
    read_run(run.as_bytes(), NaiveZone::Utc)
        .unwrap()
        .run
        .status()
        .map(|status| status.0)
}

#[test]
fn a_status_is_a_number_or_its_text_or_a_name() {
    let found = [
        "5",
        "42",
        "-1",
        "\"5\"",
        "\"aborted\"",
        "5.0",
        "5.5",
        "\"?\"",
        "null",
        "[]",
    ]
    .map(status);
    assert_eq!(
        found,
        [
            Some(5),
            Some(42),
            Some(-1),
            Some(5),
            Some(7),
            Some(5),
            None,
            None,
            None,
            None
        ]
    );
}

#[test]
fn what_is_no_run_says_why() {
    let deep = format!(
        "{{\"JobRunID\":\"{RUN}\",\"x\":{}{}}}",
        "[".repeat(200),
        "]".repeat(200)
    );
    for (text, reason) in [
        ("null", "no JSON object"),
        ("[1]", "no JSON object"),
        ("{}", "no JobRunID"),
        ("{\"JobRunID\":null}", "JobRunID is null"),
        ("{\"JobRunID\":7}", "JobRunID is no string"),
        ("{\"JobRunID\":\"7\"}", "is no GUID"),
        ("{\"JobRunID\":}", "broken JSON at byte 12"),
        ("{\"a\":1 \"b\":2}", "neither `,` nor `}`"),
        ("{\"a\":NaN}", "no value"),
        ("{\"a\":01}", "neither"),
        ("{\"a\":\"\\x\"}", "escape"),
        ("{\"a\":1}}", "behind the end"),
        (deep.as_str(), "nested too deep"),
    ] {
        let error = read_run(text.as_bytes(), NaiveZone::Utc).unwrap_err();
        assert!(error.0.contains(reason), "{text}: {error}");
    }
    let hundred = format!(
        "{{\"JobRunID\":\"{RUN}\",\"x\":{}{}}}",
        "[".repeat(99),
        "]".repeat(99)
    );
    assert!(read_run(hundred.as_bytes(), NaiveZone::Utc).is_ok());
}

#[test]
fn a_bad_message_leaves_the_good_ones() {
    let text = format!(
        r#"{{"JobRunID":"{RUN}","JobMessages":[{{"Asset":"a"}},null,{{"Asset":}},"x]",{{"Asset":"b"}},[{{"Asset":"c"}}]]}}"#
    );
    let run = read_run(text.as_bytes(), NaiveZone::Utc).unwrap().run;
    let assets: Vec<_> = run
        .messages()
        .unwrap()
        .map(|message| message.asset.unwrap().to_owned())
        .collect();
    assert_eq!(assets, ["a", "b"]);
    let bad: Vec<_> = run
        .unreadable_messages()
        .iter()
        .map(|bad| String::from_utf8(bad.bytes.clone()).unwrap())
        .collect();
    assert_eq!(bad, ["null", "{\"Asset\":}", "\"x]\"", "[{\"Asset\":\"c\"}]"]);
    let none = read_run(
        format!("{{\"JobRunID\":\"{RUN}\",\"JobMessages\":7}}").as_bytes(),
        NaiveZone::Utc,
    )
    .unwrap()
    .run;
    assert!(none.messages().is_none());
    assert_eq!(none.unreadable_messages().len(), 1);
}

#[test]
fn odd_text_keeps_its_run() {
    let mut text = format!("{{\"JobRunID\":\"{RUN}\",\"JobSummary\":\"a\\ud800b\\u0000c").into_bytes();
    text.extend_from_slice(b"\xffd\0e\x01\",\"JobMessages\":[{\"Asset\":\"\xfe\"},7]}");
    let run = read_run(&text, NaiveZone::Utc).unwrap().run;
    assert_eq!(
        run.job_summary(),
        Some("a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{1}")
    );
    assert_eq!(run.messages().unwrap().next().unwrap().asset, Some("\u{fffd}"));
    assert_eq!(run.unreadable_messages()[0].bytes, b"7");
}

fn content(text: &str) -> [u8; 32] {
    read_run(text.as_bytes(), NaiveZone::Utc).unwrap().content_sha256
}

#[test]
fn content_is_blind_to_order_space_case_and_escapes_and_to_nothing_else() {
    let base = content(&format!(
        r#"{{"JobRunID":"{RUN}","Status":5,"x":{{"a":1,"b":[1,2]}},"JobMessages":[{{"Asset":"a"}},{{"Asset":"b"}},{{"Asset":"b"}}]}}"#
    ));
    for same in [
        format!(
            r#"{{"x":{{"b":[1,2],"A":1}},"STATUS":5,"Exception":null,"JobMessages":[{{"Asset":"b"}},{{"Asset":"\u0061","Message":null}},{{"asset":"b"}}],"JobRunID":"{RUN}"}}"#
        ),
        format!(
            r#"{{ "Status":4, "JobRunID":"{RUN}", "status":5,"x":{{"a":1,"b":[1, 2]}},"JobMessages":[{{"Asset":"b"}},{{"Asset":"b"}},{{"Asset":"a"}}] }}"#
        ),
    ] {
        assert_eq!(content(&same), base, "{same}");
    }
    for other in [
        r#""Status":5,"x":{"a":1,"b":[2,1]},"JobMessages":[{"Asset":"a"},{"Asset":"b"},{"Asset":"b"}]"#,
        r#""Status":5,"x":{"a":1,"b":[1,2]},"JobMessages":[{"Asset":"a"},{"Asset":"b"}]"#,
        r#""Status":5,"x":{"a":1,"b":[1,2]},"JobMessages":[{"Asset":"a"},{"Asset":"a"},{"Asset":"b"}]"#,
        r#""Status":5,"x":{"a":1,"b":[1,2]},"JobMessages":[{"Asset":"a","y":0},{"Asset":"b"},{"Asset":"b"}]"#,
        r#""Status":5,"x":{"a":1,"b":[1,2]},"JobMessages":[]"#,
        r#""Status":5,"x":{"a":1,"b":[1,2]}"#,
        r#""Status":"5","x":{"a":1,"b":[1,2]},"JobMessages":[{"Asset":"a"},{"Asset":"b"},{"Asset":"b"}]"#,
    ] {
        assert_ne!(
            content(&format!("{{\"JobRunID\":\"{RUN}\",{other}}}")),
            base,
            "{other}"
        );
    }
}

#[test]
fn a_limit_below_the_kept_head_keeps_the_same_head_in_any_chunks() {
    let large = format!("[{}]", "1,".repeat(400));
    let body = format!("[{large}]");
    for piece in [1, 7, 64, body.len()] {
        let (elements, _) = read(body.as_bytes(), piece, 10);
        let [Element::Oversize { head, length, .. }] = elements.as_slice() else {
            panic!("{elements:?}")
        };
        assert_eq!(head.as_slice(), large.as_bytes());
        assert_eq!(*length, large.len() as u64);
    }
}

#[test]
fn broken_commas_lose_no_run_and_are_told() {
    for (body, broken_at) in [
        ("[{},{}]", None),
        ("[ ]", None),
        ("[{},{} , ]", None),
        ("[{},,{}]", Some(4)),
        ("[,{},{}]", Some(1)),
        ("[{} {},{}{}]", Some(4)),
        ("{\"JobStatusInfo\":[{}],\"jobstatusinfo\":[{}]}", None),
    ] {
        let (found, end) = runs(body);
        let End::Complete(envelope) = end else {
            panic!("{body}: {end:?}")
        };
        assert_eq!(envelope.broken_at, broken_at, "{body}");
        assert_eq!(found.len(), body.matches("{}").count(), "{body}");
    }
}

#[test]
fn the_job_named_before_the_runs_stays_known() {
    let (a, b) = (
        "ff761384-4b49-40b4-97d8-0de38669075a",
        "00000000-4b49-40b4-97d8-0de38669075a",
    );
    let body = format!(r#"{{"JobID":"{a}","JobStatusInfo":[{{}}],"JobID":"{b}","TotalJobRuns":1.0}}"#);
    let (_, end) = runs(&body);
    let End::Complete(envelope) = end else {
        panic!("{end:?}")
    };
    assert_eq!(envelope.job_id.unwrap().to_string(), b, "the last counts");
    assert_eq!(envelope.job_id_at_first_run.unwrap().to_string(), a);
    assert_eq!(envelope.total_job_runs, Some(1));
}

#[test]
fn an_error_names_the_same_byte_in_any_chunks() {
    for (body, offset) in [
        ("{\"JobStatusInfo\":  \"none\"}", 19),
        ("{\"JobStatusInfo\":{\"a\":[]}}", 17),
        (" nothing ", 1),
        ("{\"JobStatusInfo\":[]} x", 21),
    ] {
        for piece in 1..=body.len() {
            let (_, end) = read(body.as_bytes(), piece, DEFAULT_RUN_LIMIT);
            let End::NotAnAnswer(error) = end else {
                panic!("{body}: {end:?}")
            };
            assert_eq!(error.offset, offset, "{body} in pieces of {piece}");
        }
    }
}

#[test]
fn after_an_error_the_reader_stays_with_it() {
    let mut reader = AnswerReader::new(DEFAULT_RUN_LIMIT);
    let mut seen = 0;
    let error = reader
        .push(b"{\"JobStatusInfo\":[{}] oops", &mut |_| seen += 1)
        .unwrap_err();
    assert_eq!(error.offset, 22);
    let again = reader.push(b",\"x\":1}", &mut |_| seen += 1).unwrap_err();
    assert_eq!(again, error);
    assert_eq!(reader.finish(), End::NotAnAnswer(error));
    assert_eq!(seen, 1, "the run before the error");
}

#[test]
fn of_two_message_lists_the_last_counts_with_its_bad_messages() {
    let twice = |first: &str, second: &str| {
        let text = format!(r#"{{"JobMessages":{first},"JobRunID":"{RUN}","jobmessages":{second}}}"#);
        let read = read_run(text.as_bytes(), NaiveZone::Utc).unwrap();
        let bad = read.run.unreadable_messages().len();
        (
            read.run.messages().map(|list| list.len()),
            bad,
            read.content_sha256,
        )
    };
    let once = content(&format!(r#"{{"JobRunID":"{RUN}","JobMessages":[{{}}]}}"#));
    assert_eq!(twice("[7,{},{}]", "[{}]"), (Some(1), 0, once));
    let none = content(&format!(r#"{{"JobRunID":"{RUN}"}}"#));
    assert_eq!(twice("[7,{},{}]", "null"), (None, 0, none));
    assert_eq!(twice("null", "[{},7]").1, 1);
}

#[test]
fn quarantined_bytes_are_those_received_where_the_run_is_no_utf_8() {
    let text = [
        b"{\"JobSummary\":\"\xff\",\"JobMessages\":[{\"Asset\":\"\xfe\",}, \"\xfd\" ],\"JobRunID\":\""
            .as_slice(),
        RUN.as_bytes(),
        b"\"}",
    ]
    .concat();
    let run = read_run(&text, NaiveZone::Utc).unwrap().run;
    let bad: Vec<&[u8]> = run
        .unreadable_messages()
        .iter()
        .map(|bad| &bad.bytes[..])
        .collect();
    assert_eq!(bad, [b"{\"Asset\":\"\xfe\",}".as_slice(), b"\"\xfd\""]);
    assert_eq!(run.messages().unwrap().len(), 0);
    assert_eq!(run.job_summary(), Some("\u{fffd}"));
}

#[test]
fn a_message_nested_too_deep_leaves_the_others() {
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!(r#"{{"JobRunID":"{RUN}","JobMessages":[{{}},{deep},{{}}]}}"#);
    let run = read_run(text.as_bytes(), NaiveZone::Utc).unwrap().run;
    assert_eq!(run.messages().unwrap().len(), 2);
    assert_eq!(run.unreadable_messages()[0].bytes, deep.as_bytes());
    assert!(run.unreadable_messages()[0].reason.contains("nested too deep"));
}

#[test]
fn a_message_list_that_is_not_bracketed_soundly_makes_the_run_unreadable() {
    for list in [
        r#"[{"Asset":"a},{}]"#,
        r#"[{"Asset":1]"#,
        "[{},]",
        "[,{}]",
        "[{} {}]",
        "[{}",
    ] {
        let text = format!(r#"{{"JobRunID":"{RUN}","JobMessages":{list}}}"#);
        let error = read_run(text.as_bytes(), NaiveZone::Utc).unwrap_err();
        assert!(error.0.starts_with("broken JSON at byte "), "{list}: {error}");
    }
}

#[test]
fn a_time_that_is_no_string_is_kept_as_it_stands() {
    let text = format!(
        r#"{{"JobRunID":"{RUN}","JobStartTime":1537422882,"JobEndTime":"","JobMessages":[{{"DateTime":[1]}}]}}"#
    );
    let run = read_run(text.as_bytes(), NaiveZone::Utc).unwrap().run;
    assert_eq!(
        (run.started(), run.started_raw()),
        (TimeReading::Unreadable, Some("1537422882"))
    );
    assert_eq!((run.ended(), run.ended_raw()), (TimeReading::Absent, Some("")));
    let message = run.messages().unwrap().next().unwrap();
    assert_eq!(
        (message.occurred, message.occurred_raw),
        (TimeReading::Unreadable, Some("[1]"))
    );
}

#[test]
fn a_guid_spelt_otherwise_is_the_same_run_with_the_same_content() {
    let plain = format!(r#"{{"JobRunID":"{RUN}","Status":5}}"#);
    let other = plain.replace(RUN, &format!("{{{}}}", RUN.to_uppercase()));
    assert_ne!(plain, other);
    assert_eq!(content(&plain), content(&other));
}

#[test]
fn text_that_cannot_stand_in_a_table_still_tells_contents_apart() {
    let with = |text: &str| {
        content(&format!(
            r#"{{"JobRunID":"{RUN}","JobMessages":[{{"Asset":"{text}"}}]}}"#
        ))
    };
    assert_ne!(with("\\ud800"), with("\\ud801"));
    assert_ne!(with("\\u0000"), with("\u{fffd}"));
    assert_eq!(with("\\ud83d\\ude00"), with("😀"));
}

#[test]
fn a_long_guid_is_not_quoted_whole() {
    let text = format!("{{\"JobRunID\":\"{}\"}}", "ä".repeat(100_000));
    let error = read_run(text.as_bytes(), NaiveZone::Utc).unwrap_err();
    assert!(
        error.0.len() < 200 && error.0.contains("...") && error.0.contains("is no GUID"),
        "{error}"
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\\\\"{}\\[\\],: ]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map("[a-zA-Z\\\\\"]{0,6}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_message() -> impl Strategy<Value = Value> {
    (any_json(), any::<Option<String>>(), any::<Option<String>>(), any_json()).prop_map(|(message, asset, kind, extra)| {
        json!({"Message": message, "Asset": asset, "AssetType": kind, "Extra": extra, "Category": "Error"})
    })
}

fn any_run() -> impl Strategy<Value = Value> {
    (any::<u128>(), any_json(), any_json(), proptest::collection::vec(any_message(), 0..5), any_json()).prop_map(
        |(id, summary, details, messages, extra)| {
            json!({
                "JobRunID": format!("{}", uuid::Uuid::from_u128(id)),
                "JobSummary": summary, "StatusDetails": details, "JobMessages": messages, "Extra": extra, "Status": 4,
            })
        },
    )
}

/// What a text field shows of a JSON value.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.replace('\0', "\u{fffd}")),
        other => Some(other.to_string()),
    }
}

proptest! {
    #[test]
    fn any_answer_is_read_whole_in_any_chunks(runs in proptest::collection::vec(any_json(), 0..8), extra in any_json(), piece in 1_usize..300) {
        let body = json!({"Extra": extra, "JobStatusInfo": runs, "TotalJobRuns": 3}).to_string();
        let (elements, end) = read(body.as_bytes(), piece, DEFAULT_RUN_LIMIT);
        prop_assert!(is_complete(&end), "{:?}", end);
        let found: Vec<Value> = elements.into_iter().map(|element| match element {
            Element::Whole { bytes, .. } => serde_json::from_slice(&bytes).unwrap(),
            Element::Oversize { .. } => panic!(),
        }).collect();
        prop_assert_eq!(found, runs);
    }

    #[test]
    fn every_cut_keeps_the_runs_before_it(runs in proptest::collection::vec(any_run(), 1..4), cut in any::<prop::sample::Index>(), piece in 1_usize..300) {
        let body = json!({"JobStatusInfo": runs}).to_string();
        let cut = cut.index(body.len());
        let (elements, end) = read(&body.as_bytes()[..cut], piece, DEFAULT_RUN_LIMIT);
        prop_assert!(matches!(end, End::Cut(_)), "{:?}", end);
        let mut ends = 0;
        for (run, element) in runs.iter().zip(&elements) {
            let Element::Whole { bytes, .. } = element else { panic!() };
            prop_assert_eq!(&serde_json::from_slice::<Value>(bytes).unwrap(), run);
            ends += bytes.len();
        }
        prop_assert!(ends <= cut);
        let whole: usize = (0..=runs.len()).rev().find(|&count| {
            let prefix: usize = runs[..count].iter().map(|run| run.to_string().len() + 1).sum();
            r#"{"JobStatusInfo":["#.len() + prefix.saturating_sub(1) <= cut
        }).unwrap_or(0);
        prop_assert_eq!(elements.len(), whole, "every run that ends before the cut");
    }

    #[test]
    fn a_run_says_what_serde_json_says(run in any_run(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&run).unwrap() } else { run.to_string() };
        let read = read_run(text.as_bytes(), NaiveZone::Utc).unwrap().run;
        if !pretty {
            prop_assert_eq!(read.job_summary().map(str::to_owned), shown(&run["JobSummary"]));
            prop_assert_eq!(read.status_details().map(str::to_owned), shown(&run["StatusDetails"]));
        }
        let wanted = run["JobMessages"].as_array().unwrap();
        prop_assert_eq!(read.messages().unwrap().len(), wanted.len());
        for (message, wanted) in read.messages().unwrap().zip(wanted) {
            prop_assert_eq!(message.asset.map(str::to_owned), shown(&wanted["Asset"]));
            prop_assert_eq!(message.asset_type.map(str::to_owned), shown(&wanted["AssetType"]));
            prop_assert_eq!(message.occurred, TimeReading::Absent);
        }
        prop_assert_eq!(content(&text), content(&run.to_string()));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), piece in 1_usize..40) {
        let _ = read(&bytes, piece, 64);
        let _ = read_run(&bytes, NaiveZone::Utc);
    }

    #[test]
    fn a_mutated_answer_is_read_without_panic(run in any_run(), flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), piece in 1_usize..300) {
        let mut body = json!({"JobStatusInfo": [run]}).to_string().into_bytes();
        for (at, byte) in flips {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let (elements, _) = read(&body, piece, DEFAULT_RUN_LIMIT);
        for element in elements {
            if let Element::Whole { bytes, .. } = element {
                let _ = read_run(&bytes, NaiveZone::Utc);
            }
        }
    }
}
