//! Pages in a browser: Chromium without a window. Where it is not installed, a word says that nothing was tested.

use std::path::Path;

use crate::common::chromium::Chromium;
use crate::common::story::Story;

/// What each page is of.
const PAGES: [(&str, &[&str]); 13] = [
    ("overview", &["report", "overview"]),
    ("trends", &["report", "failure-trends", "--by", "week"]),
    ("trends-all", &["report", "failure-trends", "--all-jobs"]),
    ("trends-year", &["report", "failure-trends", "--by", "year"]),
    ("assets", &["report", "asset-errors"]),
    (
        "assets-message",
        &["report", "asset-errors", "--group-by", "message"],
    ),
    ("coverage", &["report", "coverage"]),
    ("gaps", &["report", "coverage", "--gaps"]),
    ("missed", &["report", "missed-runs", "--factor", "0.5"]),
    ("changes", &["report", "changes"]),
    ("runs", &["report", "runs"]),
    ("messages", &["report", "messages"]),
    ("query", &["query", "SELECT * FROM messages LIMIT 50"]),
];

/// Runs where it is taken for markup, and says so.
const HOSTILE: &str = "\"'><script>window.ran=1</script><img src=x onerror=window.ran=1><a href=javascript:window.ran=1>\
    </style></script></svg></title><!--\u{202e}\u{5d0}\u{5d1}\u{5d2} \u{645}\u{631}\u{62d}\u{628}\u{627}";

/// A synced archive in which every text that a server can send is hostile, and names are 300 characters long.
async fn hostile_archive() -> Story {
    let story = Story::synced().await;
    let connection = story.connection();
    let long = HOSTILE.to_owned() + &"W".repeat(300 - HOSTILE.chars().count());
    for sql in [
        "UPDATE _job SET name = ?1 || job_key, last_error = ?1",
        "UPDATE _asset SET asset = ?1 || asset_key, asset_type = ?1, asset_owner = ?1",
        "UPDATE _message_kind SET message = ?1 || kind_key",
        "UPDATE _message_detail SET message_details = ?1",
        "UPDATE _run SET exception = ?1, custom_status_text = ?1, job_summary = ?1, status_details = ?1,
             activity_status_list = ?1, started_at_raw = ?1, ended_at_raw = ?1",
    ] {
        assert!(connection.execute(sql, [&long]).unwrap() > 0, "{sql}");
    }
    story
}

fn make(story: &Story, name: &str, words: &[&str]) -> String {
    let file = format!("{name}.html");
    let mut arguments = words.to_vec();
    arguments.extend([
        "--format",
        "html",
        "--output",
        &file,
        "--title",
        HOSTILE,
        "--organisation",
        HOSTILE,
    ]);
    story.program.run(&arguments).ends_with(0);
    url_of(&story.program.path(&file))
}

fn url_of(path: &Path) -> String {
    format!("file://{}", path.canonicalize().unwrap().display())
}

fn browser() -> Option<Chromium> {
    let browser = Chromium::start();
    if browser.is_none() {
        eprintln!("no Chromium here: pages were not looked at in a browser");
    }
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_complains_asks_for_anything_overflows_or_runs_what_it_shows() {
    let Some(mut browser) = browser() else { return };
    let story = hostile_archive().await;
    let all = [
        "report",
        "all",
        "--output-dir",
        "all",
        "--format",
        "html",
        "--title",
        HOSTILE,
    ];
    story.program.run(&all).ends_with(0);
    let mut pages: Vec<(&str, String)> = PAGES
        .iter()
        .map(|(name, words)| (*name, make(&story, name, words)))
        .collect();
    pages.push(("index", url_of(&story.program.path("all/index.html"))));
    for (name, url) in pages {
        for (width, scheme) in [(1280, "light"), (820, "dark"), (390, "dark")] {
            browser.open(&url, width, scheme);
            let place = format!("{name} at {width}, {scheme}");
            // Figures unfolded are part of the page too.
            browser.value("document.querySelectorAll('details').forEach(one => one.open = true)");
            assert_eq!(
                browser.value("document.documentElement.scrollWidth"),
                width,
                "{place}"
            );
            assert!(
                browser.value("window.ran === undefined").as_bool().unwrap(),
                "{place}"
            );
            assert_eq!(
                browser.value("document.querySelectorAll('img, a[href^=javascript], main script').length"),
                0,
                "{place}"
            );
            assert_eq!(browser.complaints(&url), Vec::<String>::new(), "{place}");
            // Every drawing has a name, or is told to leave out to those who cannot see it.
            let unnamed = "Array.from(document.querySelectorAll('svg')).filter(one => !one.closest('[aria-label],[aria-hidden]')).length";
            assert_eq!(browser.value(unnamed), 0, "{place}");
            // So has every heading of a table, and none of a page is left out between one and the next.
            let empty = "Array.from(document.querySelectorAll('th')).filter(one => one.textContent.trim() === '').length";
            assert_eq!(browser.value(empty), 0, "{place}");
            let headings =
                "Array.from(document.querySelectorAll('h1,h2,h3,h4,h5,h6')).map(one => one.tagName).join('')";
            let headings = browser.value(headings);
            assert_eq!(headings.as_str().unwrap().replace("H2", ""), "H1", "{place}");
            // Labels of an axis do not lie on each other.
            assert_eq!(browser.value(OVERLAPPING), "", "{place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_sorted_and_searched_by_mouse_and_by_keyboard() {
    let Some(mut browser) = browser() else { return };
    let story = Story::synced().await;
    let sql = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1200)
               SELECT n * 37 % 1200 AS number, 'name ' || (n * 7 % 1200) AS name, CASE WHEN n % 2 THEN n / 4.0 END AS share FROM n";
    let url = make(&story, "query", &["query", sql]);
    browser.open(&url, 1280, "light");
    let column = |at: usize| {
        format!(
            "Array.from(document.querySelectorAll('#rows tbody tr')).map(row => row.cells[{at}].textContent)"
        )
    };
    let first =
        |browser: &mut Chromium, at: usize| browser.value(&format!("{}.slice(0, 3).join('|')", column(at)));
    let head = |at: usize| format!("document.querySelectorAll('#rows th button')[{at}]");
    assert_eq!(first(&mut browser, 0), "37|74|111");
    // Numbers from the largest, then from the smallest, then as they were.
    browser.value(&format!("{}.click()", head(0)));
    assert_eq!(first(&mut browser, 0), "1,199|1,198|1,197");
    assert_eq!(
        browser.value("document.querySelector('#rows th').getAttribute('aria-sort')"),
        "descending"
    );
    browser.value(&format!("{}.click()", head(0)));
    assert_eq!(first(&mut browser, 0), "0|1|2");
    browser.value(&format!("{}.click()", head(0)));
    assert_eq!(first(&mut browser, 0), "37|74|111");
    // Texts by the numbers in them, by keyboard.
    browser.value(&format!("{}.focus()", head(1)));
    browser.press("Enter", Some("\r"));
    assert_eq!(first(&mut browser, 1), "name 0|name 1|name 2");
    // What is empty comes last, whichever way.
    for _ in 0..2 {
        browser.value(&format!("{}.click()", head(2)));
        assert_ne!(first(&mut browser, 2), "||");
        browser.value("document.querySelector('#rest button').click()");
        assert_eq!(browser.value(&format!("{}.slice(-1)[0]", column(2))), "");
    }
    // Searching.
    browser.value("document.getElementById('search').focus()");
    for letter in ["N", "a", "m", "e", " ", "7", "7"] {
        browser.press(letter, Some(letter));
    }
    browser.value("new Promise(done => setTimeout(done, 400))");
    assert_eq!(
        browser.value("document.getElementById('found').textContent"),
        "11 of 1,200 rows"
    );
    assert_eq!(browser.value(ROWS), 11);
    assert_eq!(browser.complaints(&url), Vec::<String>::new());
    // Durations in words by how long they are.
    let url = make(&story, "runs", &["report", "runs"]);
    browser.open(&url, 1280, "light");
    browser.value("Array.from(document.querySelectorAll('#rows th button')).find(one => one.textContent === 'duration').click()");
    let falling = "(() => { const all = Array.from(document.querySelectorAll('#rows td[data-number]')).map(one => Number(one.dataset.number));
        return all.length > 1 && all.every((one, at) => at === 0 || one <= all[at - 1]); })()";
    assert_eq!(browser.value(falling), true);
}

/// Labels of an axis that lie on each other.
const OVERLAPPING: &str = "(() => { const bad = []; for (const svg of document.querySelectorAll('svg')) {
    const marks = Array.from(svg.querySelectorAll('text.mark-below')).filter(one => one.closest('svg') === svg);
    const boxes = marks.map(one => one.getBoundingClientRect()).filter(one => one.width > 0);
    boxes.forEach((box, at) => { if (at > 0 && box.left < boxes[at - 1].right) bad.push(marks[at].textContent); }); }
    return bad.join('|'); })()";

/// How many rows the table has in the page.
const ROWS: &str = "document.querySelectorAll('#rows tbody tr').length";

/// Rows beyond the first portion of a page's table.
const MANY: &str =
    "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000) SELECT n FROM n";

#[tokio::test(flavor = "multi_thread")]
async fn of_many_rows_a_portion_is_laid_out_and_more_come_by_scrolling_and_all_on_paper() {
    let Some(mut browser) = browser() else { return };
    let story = Story::synced().await;
    let url = make(&story, "query", &["query", MANY]);
    browser.open(&url, 1280, "light");
    assert_eq!(browser.value(ROWS), 200);
    let rest = "document.getElementById('rest').textContent";
    assert_eq!(
        browser.value(rest),
        "200 of 1,000 rows are drawn; more come with scrolling. Draw all of them"
    );
    let scroll = "new Promise(done => { const box = document.querySelector('#rows').parentNode; box.scrollTop = box.scrollHeight;
        setTimeout(() => done(document.querySelectorAll('#rows tbody tr').length), 300) })";
    assert_eq!(browser.value(scroll), 400);
    // A short text is broken on paper alone.
    let name = make(
        &story,
        "name",
        &[
            "query",
            r"SELECT 'CORP\SRV-1204' AS a UNION ALL SELECT 'CORP\SRV-1205'",
        ],
    );
    browser.open(&name, 1280, "light");
    let wbr = "getComputedStyle(document.querySelector('td wbr')).display";
    assert_eq!(browser.value(wbr), "none");
    browser.call(
        "Emulation.setEmulatedMedia",
        serde_json::json!({"media": "print"}),
    );
    assert_eq!(browser.value(wbr), "inline");
    browser.call("Emulation.setEmulatedMedia", serde_json::json!({"media": ""}));
    browser.open(&url, 1280, "light");
    assert_eq!(browser.value(ROWS), 200);
    // On paper all of them are, under headings that a browser repeats on every page, as it does not with buttons in them.
    browser.value("dispatchEvent(new Event('beforeprint'))");
    assert_eq!(browser.value(ROWS), 1_000);
    assert_eq!(
        browser.value("document.querySelectorAll('#rows th button').length"),
        0
    );
    assert_eq!(
        browser.value("document.querySelector('#rows th').textContent"),
        "n"
    );
    browser.value("dispatchEvent(new Event('afterprint'))");
    assert_eq!(browser.value(ROWS), 200);
    browser.value("document.querySelector('#rows th button').click()");
    assert_eq!(
        browser.value("document.querySelector('#rows tbody td').textContent"),
        "1,000"
    );
    browser.value("document.querySelector('#rest button').click()");
    assert_eq!(browser.value(ROWS), 1_000);
    assert_eq!(browser.value("document.getElementById('rest').hidden"), true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_script_is_a_page_with_plain_tables() {
    let Some(mut browser) = browser() else { return };
    let story = Story::synced().await;
    let url = make(&story, "runs", &["report", "runs"]);
    let many = make(&story, "query", &["query", MANY]);
    browser.call(
        "Emulation.setScriptExecutionDisabled",
        serde_json::json!({"value": true}),
    );
    browser.open(&many, 1280, "light");
    // The last of a thousand rows is laid out.
    let document = browser.call("DOM.getDocument", serde_json::json!({}));
    let asked = serde_json::json!({"nodeId": document["root"]["nodeId"], "selector": "#rows tbody:last-child tr:last-child"});
    let row = browser.call("DOM.querySelector", asked);
    let laid_out = browser.call("DOM.getBoxModel", serde_json::json!({"nodeId": row["nodeId"]}));
    assert!(laid_out["model"]["height"].as_f64().unwrap() > 10.0, "{laid_out}");
    browser.open(&url, 1280, "light");
    browser.call(
        "Emulation.setScriptExecutionDisabled",
        serde_json::json!({"value": false}),
    );
    assert_eq!(
        browser.value("document.querySelectorAll('#rows tbody tr').length"),
        36
    );
    assert_eq!(browser.value("document.getElementById('tools').offsetHeight"), 0);
    assert_eq!(
        browser.value("document.querySelectorAll('#rows th button').length"),
        0
    );
}

#[test]
fn what_these_tests_look_for_is_seen_where_it_is() {
    let Some(mut browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.html");
    let page = "<p style='width:3000px'>x</p><img src='other.png'><script>console.log('a word'); nothing.there()</script>";
    std::fs::write(&path, page).unwrap();
    let url = url_of(&path);
    browser.open(&url, 390, "light");
    assert_ne!(browser.value("document.documentElement.scrollWidth"), 390);
    let complaints = browser.complaints(&url).join("\n");
    for word in ["a word", "nothing is not defined", "a request: file://"] {
        assert!(complaints.contains(word), "{word}: {complaints}");
    }
}
