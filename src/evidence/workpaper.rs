//! workpaper.xlsx: population, how complete it is, and the sampled runs with columns for the tester's marks.

use std::collections::HashMap;
use std::io::{self, Write};

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};

use super::facts::PackageFacts;
use crate::archive::{InSpan, Snapshot};
use crate::model::{Decimal, Instant, JobStatus, hex};
use crate::report::definition::Report;
use crate::report::formats::xlsx::{SheetCells, caught, save};
use crate::report::options::Scope;
use crate::report::reports::Failures;
use crate::report::reports::sample::{Sample, SampleRow};
use crate::report::{Cell, ColumnType, ReportError};

const PAPER: u8 = 9;

/// Runs that a sheet of items lists where no sample is asked for.
const MOST_ITEMS: u64 = 100_000;

/// Columns of the items: heading, width, what its cells are.
const ITEMS: [(&str, f64, ColumnType); 16] = [
    ("No.", 5.0, ColumnType::Integer),
    ("Spare", 6.0, ColumnType::Text),
    ("Run", 38.0, ColumnType::Text),
    ("Job", 24.0, ColumnType::Text),
    ("Status", 11.0, ColumnType::Text),
    ("Started (UTC)", 21.0, ColumnType::Instant),
    ("Ended (UTC)", 21.0, ColumnType::Instant),
    ("Seconds", 9.0, ColumnType::Decimal),
    ("Reason of failure", 36.0, ColumnType::Text),
    ("Revision", 9.0, ColumnType::Integer),
    ("SHA-256 of the server's bytes", 26.0, ColumnType::Text),
    ("Ledger line", 11.0, ColumnType::Integer),
    ("Ran as scheduled", 11.0, ColumnType::Text),
    ("Failure documented and followed up", 15.0, ColumnType::Text),
    ("Remarks", 26.0, ColumnType::Text),
    ("Initials", 9.0, ColumnType::Text),
];

/// The first column that is for the tester.
const FIRST_MARK: usize = 12;

/// Writes the workbook; `sample` is what was drawn, where something was.
pub(super) fn write(
    facts: &PackageFacts,
    sample: Option<&Sample>,
    snapshot: &Snapshot<'_>,
    scope: &Scope,
    mut out: &mut (dyn Write + Send),
) -> Result<(), ReportError> {
    let mut workbook = Workbook::new();
    let made = ExcelDateTime::from_timestamp(facts.bound.at.unix_seconds()).map_err(other)?;
    let mut properties = DocProperties::new()
        .set_title("Workpaper: job scheduling and monitoring")
        .set_creation_datetime(&made);
    if let Some(by) = &facts.prepared_by {
        properties = properties.set_author(by);
    }
    workbook.set_properties(&properties);
    let mut sheets = Sheets {
        cells: SheetCells::new(),
        heading: Format::new()
            .set_bold()
            .set_text_wrap()
            .set_align(FormatAlign::Top)
            .set_border_bottom(FormatBorder::Thin),
        name: Format::new().set_bold().set_align(FormatAlign::Top),
        words: Format::new().set_text_wrap().set_align(FormatAlign::Top),
        mark: Format::new().set_border(FormatBorder::Thin).set_text_wrap(),
        footer: format!("&L&8Head {}&R&8&A, page &P of &N", hex(&facts.bound.head)),
    };
    sheets.population(&mut workbook, facts)?;
    sheets.completeness(&mut workbook, facts)?;
    let items = items(facts, sample, snapshot, scope)?;
    sheets.items(&mut workbook, &items, sample.is_some(), facts)?;
    Ok(save(&mut workbook, &mut out)?)
}

fn other(error: XlsxError) -> io::Error {
    io::Error::other(error)
}

/// A run that is tested.
struct WorkpaperItem {
    number: u64,
    is_spare: bool,
    run: String,
    job: Option<String>,
    status: Option<String>,
    started: Option<Instant>,
    ended: Option<Instant>,
    reason: Option<String>,
    revision: i64,
    payload_sha256: String,
    entry_id: i64,
}

/// The sampled runs; without a sample every run, in the order of `runs.csv`.
fn items(
    facts: &PackageFacts,
    sample: Option<&Sample>,
    snapshot: &Snapshot<'_>,
    scope: &Scope,
) -> Result<Vec<WorkpaperItem>, ReportError> {
    let mut items = Vec::new();
    if let Some(sample) = sample {
        sample.each(snapshot, scope, &mut |row| {
            items.push(WorkpaperItem::drawn(row));
            Ok(())
        })?;
    } else if facts.runs <= MOST_ITEMS {
        snapshot.each_run_key::<ReportError>(InSpan::Start, None, None, |run| {
            let latest = snapshot.latest_revision(run.run_key)?;
            let number = items.len() as u64 + 1;
            snapshot.run_row::<ReportError>(run.run_key, |row| {
                items.push(WorkpaperItem {
                    number,
                    is_spare: false,
                    run: row.job_run_id.to_owned(),
                    job: scope.name_of(row.job_key).map(str::to_owned),
                    status: row.status.map(|status| JobStatus(status).name().into_owned()),
                    started: row.started_ticks.map(Instant::from_ticks),
                    ended: row.ended_ticks.map(Instant::from_ticks),
                    reason: None,
                    revision: row.revision,
                    payload_sha256: hex(&latest.payload_sha256),
                    entry_id: latest.entry_id,
                });
                Ok(())
            })
        })?;
    }
    let places: HashMap<String, usize> = (0..)
        .zip(&items)
        .map(|(place, item)| (item.run.clone(), place))
        .collect();
    Failures::default().each(snapshot, scope, &mut |failure| {
        if let Some(&place) = places.get(failure.job_run_id) {
            let said = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
            items[place].reason = said(failure.exception)
                .or_else(|| said(failure.top_message))
                .or_else(|| said(failure.top_detail))
                .or_else(|| Some("the server gives none".to_owned()));
        }
        Ok(())
    })?;
    Ok(items)
}

impl WorkpaperItem {
    fn drawn(row: &SampleRow<'_>) -> Self {
        Self {
            number: row.rank,
            is_spare: row.is_spare,
            run: row.job_run_id.to_owned(),
            job: row.job_name.map(str::to_owned),
            status: row.status_name.map(str::to_owned),
            started: row.started_at,
            ended: row.ended_at,
            reason: None,
            revision: row.revision,
            payload_sha256: row.payload_sha256.to_owned(),
            entry_id: row.entry_id,
        }
    }

    fn cells(&self) -> [Cell<'_>; FIRST_MARK] {
        let seconds = self
            .started
            .zip(self.ended)
            .map(|(start, end)| Decimal::seconds(i128::from(end.ticks()) - i128::from(start.ticks())));
        [
            self.number.into(),
            if self.is_spare {
                Cell::Text("spare")
            } else {
                Cell::Null
            },
            Cell::Text(&self.run),
            self.job.as_deref().into(),
            self.status.as_deref().into(),
            self.started.into(),
            self.ended.into(),
            seconds.into(),
            self.reason.as_deref().into(),
            self.revision.into(),
            Cell::Text(&self.payload_sha256),
            self.entry_id.into(),
        ]
    }
}

struct Sheets {
    cells: SheetCells,
    heading: Format,
    name: Format,
    words: Format,
    mark: Format,
    footer: String,
}

impl Sheets {
    /// A sheet that prints on A4, landscape.
    fn sheet<'w>(&self, workbook: &'w mut Workbook, name: &str) -> io::Result<&'w mut Worksheet> {
        let sheet = workbook.add_worksheet();
        sheet
            .set_name(name)
            .map_err(other)?
            .set_paper_size(PAPER)
            .set_landscape()
            .set_print_fit_to_pages(1, 0)
            .set_margins(0.4, 0.4, 0.5, 0.6, 0.3, 0.3)
            .set_footer(&self.footer);
        Ok(sheet)
    }

    /// Source, how the population was obtained, its size, the sample, and places for who tested.
    fn population(&mut self, workbook: &mut Workbook, facts: &PackageFacts) -> io::Result<()> {
        let sheet = self.sheet(workbook, "Population")?;
        sheet.set_column_width(0, 30).map_err(other)?;
        sheet.set_column_width(1, 100).map_err(other)?;
        sheet.set_freeze_panes(1, 1).map_err(other)?;
        sheet.set_repeat_rows(0, 0).map_err(other)?;
        let heading = &self.heading;
        caught(|| {
            sheet
                .write_string_with_format(0, 0, "Workpaper", heading)
                .map(drop)
        })?;
        caught(|| {
            sheet
                .write_string_with_format(0, 1, "Job scheduling and monitoring", heading)
                .map(drop)
        })?;
        for ((name, value), row) in population(facts).into_iter().zip(1..) {
            caught(|| sheet.write_string_with_format(row, 0, name, &self.name).map(drop))?;
            match value {
                WorkpaperValue::Words(words) => {
                    let words = crate::text::at_most(&words, 30_000).into_owned();
                    caught(|| {
                        sheet
                            .write_string_with_format(row, 1, words, &self.words)
                            .map(drop)
                    })?;
                }
                WorkpaperValue::Count(count) => {
                    self.cells
                        .write(sheet, (row, 1), &count.into(), ColumnType::Integer)?;
                }
                WorkpaperValue::At(at) => {
                    self.cells
                        .write(sheet, (row, 1), &at.into(), ColumnType::Instant)?;
                }
                WorkpaperValue::Blank => {
                    caught(|| sheet.write_blank(row, 1, &self.mark).map(drop))?;
                }
            }
            // Numbers and times are aligned left, below the words.
            if row == 1 {
                sheet
                    .set_column_format(1, &Format::new().set_align(FormatAlign::Left))
                    .map_err(other)?;
            }
        }
        Ok(())
    }

    /// What the server counted, what is archived, and each span.
    fn completeness(&mut self, workbook: &mut Workbook, facts: &PackageFacts) -> io::Result<()> {
        const COLUMNS: [(&str, f64, ColumnType); 13] = [
            ("Job", 26.0, ColumnType::Text),
            ("From (UTC)", 21.0, ColumnType::Instant),
            ("To before (UTC)", 21.0, ColumnType::Instant),
            ("Known", 16.0, ColumnType::Text),
            ("Runs of the span", 10.0, ColumnType::Integer),
            ("Why", 60.0, ColumnType::Text),
            ("Server's count (TotalJobRuns)", 14.0, ColumnType::Integer),
            ("Runs in its last complete answer", 14.0, ColumnType::Integer),
            ("Its sync", 8.0, ColumnType::Integer),
            ("Runs archived, of all times", 12.0, ColumnType::Integer),
            ("Of them still listed", 12.0, ColumnType::Integer),
            ("Count mismatches in the span", 12.0, ColumnType::Integer),
            ("Purge age that this rests on", 40.0, ColumnType::Text),
        ];
        let sheet = self.sheet(workbook, "Completeness")?;
        self.headings(sheet, &COLUMNS)?;
        let mut row = 1;
        for job in &facts.jobs {
            let known = &job.known;
            let answer = known.last_complete_answer.as_ref();
            let empty = [None];
            let spans = job.spans.iter().map(Some);
            let spans: Vec<_> = if job.spans.is_empty() {
                empty.to_vec()
            } else {
                spans.collect()
            };
            for (number, span) in spans.into_iter().enumerate() {
                let mut cells = vec![
                    Cell::Text(job.title()),
                    span.and_then(|span| span.from).into(),
                    span.and_then(|span| span.to).into(),
                    span.map(|span| span.state.text()).into(),
                    span.map(|span| span.runs).into(),
                    span.map(|span| &*span.why).into(),
                ];
                if number == 0 {
                    cells.extend([
                        answer.and_then(|answer| answer.total_job_runs).into(),
                        answer.map(|answer| answer.runs_listed).into(),
                        answer.map(|answer| answer.sync_id).into(),
                        known.runs_archived.into(),
                        known.runs_listed.into(),
                        known.count_mismatches.into(),
                        Cell::Text(&known.purge_age),
                    ]);
                }
                for ((cell, &(_, _, kind)), column) in cells.iter().zip(&COLUMNS).zip(0..) {
                    self.cells.write(sheet, (row, column), cell, kind)?;
                }
                row += 1;
            }
        }
        Ok(())
    }

    /// The runs to be tested, with empty columns.
    fn items(
        &mut self,
        workbook: &mut Workbook,
        items: &[WorkpaperItem],
        is_sample: bool,
        facts: &PackageFacts,
    ) -> io::Result<()> {
        let sheet = self.sheet(workbook, if is_sample { "Sample" } else { "Runs" })?;
        self.headings(sheet, &ITEMS)?;
        sheet.set_freeze_panes(1, 3).map_err(other)?;
        for (item, row) in items.iter().zip(1..) {
            for ((cell, &(_, _, kind)), column) in item.cells().iter().zip(&ITEMS).zip(0..) {
                self.cells.write(sheet, (row, column), cell, kind)?;
            }
            for column in (FIRST_MARK..ITEMS.len()).filter_map(|column| u16::try_from(column).ok()) {
                caught(|| sheet.write_blank(row, column, &self.mark).map(drop))?;
            }
        }
        if items.is_empty() && facts.runs > 0 {
            let words = format!(
                "{} runs are too many for this sheet: they are in runs.csv. Ask for a sample (--sample N --seed TEXT).",
                facts.runs
            );
            caught(|| sheet.write_string(1, 2, words).map(drop))?;
        }
        Ok(())
    }

    fn headings(&self, sheet: &mut Worksheet, columns: &[(&str, f64, ColumnType)]) -> io::Result<()> {
        sheet.set_freeze_panes(1, 1).map_err(other)?;
        sheet.set_repeat_rows(0, 0).map_err(other)?;
        for (&(name, width, _), column) in columns.iter().zip(0..) {
            sheet.set_column_width(column, width).map_err(other)?;
            caught(|| {
                sheet
                    .write_string_with_format(0, column, name, &self.heading)
                    .map(drop)
            })?;
        }
        Ok(())
    }
}

/// A value of the first sheet.
enum WorkpaperValue {
    Words(String),
    Count(u64),
    At(Instant),
    /// For the tester.
    Blank,
}

fn population(facts: &PackageFacts) -> Vec<(&'static str, WorkpaperValue)> {
    use WorkpaperValue::{At, Blank, Count, Words};
    let words = |text: &str| Words(text.to_owned());
    let each = |of: &dyn Fn(&super::facts::JobFacts) -> String| {
        Words(facts.jobs.iter().map(of).collect::<Vec<_>>().join("\n"))
    };
    let mut rows = vec![
        (
            "Source system",
            words("Symantec Control Compliance Suite (CCS), job runs by its REST interface"),
        ),
        (
            "Server",
            each(&|job| job.job.server.clone().unwrap_or_else(|| "not known".to_owned())),
        ),
        (
            "Jobs",
            each(&|job| match &job.job.name {
                Some(name) => format!("{name} ({})", job.job.job_id),
                None => job.job.job_id.clone(),
            }),
        ),
        (
            "Population",
            Words(format!("every run of these jobs {}", facts.span())),
        ),
    ];
    rows.extend(facts.since.map(|since| ("From (UTC)", At(since))));
    rows.extend(facts.until.map(|until| ("To before (UTC)", At(until))));
    rows.extend([
        (
            "How it was obtained",
            words(
                "Each sync of jobruns asks the server for every run of each job, keeps the answer byte for byte, and seals it in a ledger. The runs are those that the ledger names up to the head; no person selected any of them.",
            ),
        ),
        ("Recorded until (UTC)", At(facts.bound.at)),
        ("Head (SHA-256)", Words(hex(&facts.bound.head))),
        ("Head of sync", Count(facts.bound.sync_id.unsigned_abs())),
        ("Archive", Words(facts.archive_id.to_string())),
        ("Runs", Count(facts.runs)),
        ("Of them failed", Count(facts.failed)),
        ("Changes after a run was first recorded", Count(facts.changes)),
        (
            "Complete?",
            words(if facts.assumes_purge_age() {
                "Not proved: nobody said for how long the server keeps runs, and the spans on the sheet Completeness rest on an assumption about it. Ask the server's administrator, and have the package made with --purge-age."
            } else if facts.is_proved() {
                "Proved: the server itself listed every run that started in this span. See the sheet Completeness."
            } else {
                "Not proved for all of it. The sheet Completeness says for which spans it is proved and for which not."
            }),
        ),
        (
            "Accurate?",
            words(if facts.redacts_owners {
                "Not to be checked in this package: the bytes that the server sent were left out with the names of people."
            } else {
                "Each row of runs.csv and messages.csv is compared with the bytes that the server sent by check.html, check.py and jobruns verify --pack."
            }),
        ),
        ("Runs whose message count disagrees", Count(facts.count_mismatches())),
        ("Runs that vanished early at the server", Count(facts.vanished)),
        ("Recorded runs removed by a retention rule, not among these", Count(facts.removed)),
        ("Pieces that could not be read", Count(facts.pieces)),
        ("Of them not accepted by anybody", Count(facts.pieces_open)),
    ]);
    if let Some(sample) = &facts.sample {
        let options = &sample.options;
        rows.extend([
            ("Sample size", Count(options.size)),
            ("Spare", Count(options.spare)),
            ("Drawn from", Count(sample.population)),
            ("Removed by a retention rule, so not to be drawn", Count(facts.removed)),
            ("Seed", Words(options.seed.clone())),
            (
                "Method",
                words(
                    "The draw of a run is the SHA-256 of SEED:JOB_RUN_ID in lower-case hexadecimal. The runs in the order of their draws are the sample, then come the spare ones.",
                ),
            ),
        ]);
    }
    rows.push(match &facts.prepared_by {
        Some(by) => ("Prepared by", Words(by.clone())),
        None => ("Prepared by", Blank),
    });
    rows.extend([
        (
            "Head compared with the one lodged elsewhere, by whom and when",
            Blank,
        ),
        ("Package checked with, by whom and when", Blank),
        ("Tested by", Blank),
        ("Date", Blank),
        ("Reviewed by", Blank),
        ("Conclusion", Blank),
    ]);
    rows
}
