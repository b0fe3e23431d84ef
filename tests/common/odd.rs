//! A history with something of everything, and a job that answers as nobody would write it.

use jobruns::archive::Writer;
use jobruns::simulator::{History, Options};

use super::{Bench, small_history};

/// A run as nobody would write it, and the rules of reading are all needed for: names in odd letter case and given twice, texts
/// of other types, escapes, bytes that are not Unicode, times of every kind, messages that cannot be read.
pub fn odd_body(job: &str, night: usize) -> Vec<u8> {
    let run = |number: u32| format!("0E0E0E0E-0000-4000-8000-{number:012}");
    let messages = [
        r#"{"DateTime":"2024-10-27T02:30:00","Message":"twice at night","Category":"Error","Asset":"A","AssetType":null}"#,
        r#"{"DateTime":"2024-03-31T02:30:00","Message":"never at night","category":"x","CATEGORY":"Warning","asset":5}"#,
        r#"{"DateTime":"2024-03-31 02:30:00.1234567890+0530","Message":"\ud83d\ude00 \ud800 \u0000 \"\\\/\b\f\n\r\t","Asset":"a\u00e4"}"#,
        r#"{"DateTime":"/Date(1537422882123-0330)/","Message":{"of" : [1.50, "type"]},"Asset":true,"AssetOwner":-0.0e5}"#,
        r#"{"DateTime":"0001-01-01T00:00:00-05:00","Message":""}"#,
        r#"{"DateTime":"0001-01-01T05:00:00Z","Message":"a"}"#,
        r#"{"DateTime":"0001-01-02T23:59:59.9999999Z","Message":"b"}"#,
        r#"{"DateTime":"0001-01-03T00:00:00Z","Message":"c"}"#,
        r#"{"DateTime":"0001-01-01T01:00:00+05:30","Message":"d"}"#,
        r#"{"DateTime":"/Date(-62135683200001)/","Message":"e"}"#,
        r#"{"DateTime":"/Date(-62135647200000)/","Message":"f"}"#,
        r#"{"DateTime":"9999-12-31T23:59:59-05:00","Message":"year 10000"}"#,
        r#"{"DateTime":20240331,"Message":"a number"}"#,
        r#"{"DateTime":"soon","Message":"same"}"#,
        r#"{"DateTime":"soon","Message":"same"}"#,
        r#"{"DateTime":"1582-10-14T23:59:59.9Z","Message":"before our calendar"}"#,
    ]
    .map(str::to_owned);
    let mut list: Vec<String> = messages.to_vec();
    match night {
        0 => {}
        // Messages go, and come back in another order.
        1 => {
            list.truncate(6);
            list.remove(3);
        }
        _ => list.reverse(),
    }
    if night != 1 {
        list.push(r#""no object""#.to_owned());
        list.push(r#"{"Message":"broken" "brackets":[{}]}"#.to_owned());
        list.push(format!("{{\"Message\":{}1{}}}", "[".repeat(127), "]".repeat(127)));
    }
    let first = format!(
        r#"{{"jobrunid":"{{{}}}","Status":"fAulted","JobStartTime":"1969-12-31T23:59:59.5","JobEndTime":"1970-01-01T00:00:01.75Z","Exception":["x" , 1],"JobSummary":"a","jobsummary":"b","CustomStatusText":7,"StatusDetails":"bad BYTE","MessageCount":"{night}.0","ActivityStatusList":[1, {{"a":null}}],"JobMessages":[{}]}}"#,
        run(1),
        list.join(" ,\n")
    );
    let second = format!(
        r#" {{ "JobRunID" : "{}" , "Status" : {}, "JobStartTime":"yesterday","JobEndTime":"","JobMessages":{}}}"#,
        run(2),
        [" 42", "5.0", "{}"][night.min(2)],
        ["null", "[]", "{\"no\":\"list\"}"][night.min(2)]
    );
    let body = format!(r#"{{"JobID":"{job}","TotalJobRuns":2,"JobStatusInfo":[{first},{second}]}}"#);
    let mut bytes = body.into_bytes();
    let at = bytes.windows(4).position(|four| four == b"BYTE").unwrap();
    bytes.splice(at..at + 4, *b"\xff\xed\xa0\x80\0");
    bytes
}

/// A history with something of everything, whole in one file.
pub async fn eventful(zone: Option<&str>) -> Bench {
    let mut bench = Bench::with(Options {
        history: History {
            runs: 6,
            messages: 30,
            ..small_history()
        },
        ..Options::default()
    })
    .await;
    bench.options.naive_time = zone.map(|zone| zone.parse().unwrap());
    let job = bench.job(2).to_string();
    for (night, faults) in [
        &["bad-message=3@1", "bad-run=6@2"][..],
        &["shuffled"],
        &["404@1"],
        &[],
        &["short=3000@2"],
        &[],
    ]
    .into_iter()
    .enumerate()
    {
        bench.server.set_body(2, odd_body(&job, night));
        bench
            .server
            .set_faults(faults.iter().map(|fault| fault.parse().unwrap()).collect());
        if night == 3 {
            bench.server.pass_night();
        }
        bench.sync().await;
    }
    let mut writer = Writer::open(&bench.archive()).unwrap();
    writer.accept(1, "a known bug").unwrap();
    writer
        .watch(
            "0e0e0e0e-0000-4000-8000-000000000099".parse().unwrap(),
            Some("Quarterly"),
        )
        .unwrap();
    writer.begin_sync(Some(5)).unwrap();
    drop(writer);
    bench.sync().await;
    bench
}
