//! Scales: whole numbers with round steps, and time.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use crate::report::options::Period;

/// Steps of a scale at most: more lines only hide what is drawn.
const MOST_STEPS: u64 = 4;

/// Marks of a time axis at most, where it goes over the whole of a wide screen.
pub(super) const MOST_MARKS: usize = 9;

/// Letters that there is room for below a mark.
const LETTERS_OF_A_MARK: usize = 8;

/// A scale of whole numbers from 0 to a round number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    pub top: u64,
    /// The distance of its marks: 1, 2 or 5 and zeros.
    pub step: u64,
}

impl Scale {
    /// The smallest that holds `most`, and 1.
    #[must_use]
    pub fn up_to(most: u64) -> Self {
        let most = most.max(1);
        let mut step = 1_u64;
        // 1, 2, 5, 10, 20, 50, ...
        let mut factor = [2, 5].into_iter();
        let mut decade = 1_u64;
        while most.div_ceil(step) > MOST_STEPS {
            step = match factor.next() {
                Some(factor) => decade.saturating_mul(factor),
                None => {
                    factor = [2, 5].into_iter();
                    decade = decade.saturating_mul(10);
                    decade
                }
            };
        }
        Self {
            top: most.div_ceil(step).saturating_mul(step),
            step,
        }
    }

    /// Its marks, from 0 to the top.
    pub fn marks(self) -> impl Iterator<Item = u64> {
        (0..=self.top / self.step).map(move |mark| mark * self.step)
    }

    /// How far up a value is, from 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a place on the screen")]
    pub fn share(self, value: u64) -> f64 {
        value as f64 / self.top as f64
    }
}

/// A time axis: wall-clock time of the report's zone, from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeAxis {
    from: NaiveDateTime,
    to: NaiveDateTime,
    /// The periods that it is made of; `None` where things may begin and end at any time.
    by: Option<Period>,
}

/// The distance of marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Hours(u32),
    Days(u32),
    Weeks(u32),
    Months(u32),
    Years(i32),
}

const STEPS: [Step; 21] = [
    Step::Hours(1),
    Step::Hours(3),
    Step::Hours(6),
    Step::Hours(12),
    Step::Days(1),
    Step::Days(2),
    Step::Weeks(1),
    Step::Weeks(2),
    Step::Months(1),
    Step::Months(3),
    Step::Months(6),
    Step::Years(1),
    Step::Years(2),
    Step::Years(5),
    Step::Years(10),
    Step::Years(20),
    Step::Years(50),
    Step::Years(100),
    Step::Years(1_000),
    Step::Years(10_000),
    Step::Years(100_000),
];

impl TimeAxis {
    /// From one time to a later one; an axis without length gets an hour.
    #[must_use]
    pub fn new(from: NaiveDateTime, to: NaiveDateTime) -> Self {
        let least = from.checked_add_signed(TimeDelta::hours(1)).unwrap_or(from);
        Self {
            from,
            to: to.max(least),
            by: None,
        }
    }

    /// Whole periods, from the first instant of `first` to that of `end`.
    #[must_use]
    pub fn of_periods(by: Period, first: NaiveDate, end: NaiveDate) -> Self {
        Self {
            by: Some(by),
            ..Self::new(first.and_time(NaiveTime::MIN), end.and_time(NaiveTime::MIN))
        }
    }

    /// How far right a time is, from 0 to 100; what is outside is at its end.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a place on the screen")]
    pub fn percent(self, at: NaiveDateTime) -> f64 {
        let whole = (self.to - self.from).num_seconds().max(1) as f64;
        let part = (at - self.from).num_seconds() as f64;
        (part / whole * 100.0).clamp(0.0, 100.0)
    }

    /// How far right the begin of a day is.
    #[must_use]
    pub fn percent_of_day(self, day: NaiveDate) -> f64 {
        self.percent(day.and_time(NaiveTime::MIN))
    }

    /// At most so many marks, as their places from 0 to 100 with what stands below them: fewer where that is long. They
    /// are at round times; those of periods under the middle of the period that they name, and never closer than periods.
    #[must_use]
    pub fn marks(self, most: usize) -> Vec<(f64, String)> {
        let marks = self.times(most).into_iter();
        marks.map(|(at, label)| (self.place_of_mark(at), label)).collect()
    }

    fn place_of_mark(self, at: NaiveDateTime) -> f64 {
        match self.by {
            Some(by) if by.first_day(at.date()) == at.date() => self.middle_of(by, at.date()),
            _ => self.percent(at),
        }
    }

    /// How far right the middle of a period is.
    #[must_use]
    pub fn middle_of(self, by: Period, first: NaiveDate) -> f64 {
        f64::midpoint(self.percent_of_day(first), self.percent_of_day(by.next(first)))
    }

    fn times(self, most: usize) -> Vec<(NaiveDateTime, String)> {
        let labels = |step: Step| {
            // A period that would begin at the end is not there any more.
            let marks = step.marks(self).filter(|at| self.by.is_none() || *at < self.to);
            let marks = marks.take(most + 1);
            let mut labels: Vec<(NaiveDateTime, String)> = marks.map(|at| (at, step.label(at))).collect();
            // Hours say nothing without their day.
            if let (Step::Hours(_), false) = (step, labels.iter().any(|(at, _)| at.hour() == 0)) {
                for (at, label) in labels.iter_mut().take(1) {
                    *label = at.format("%Y-%m-%d %H:%M").to_string();
                }
            }
            labels
        };
        let fits = |labels: &Vec<(NaiveDateTime, String)>| {
            let letters: usize = labels.iter().map(|(_, label)| label.len()).sum();
            labels.len() <= most && letters <= most * LETTERS_OF_A_MARK
        };
        let least = match self.by {
            None => Step::Hours(1),
            Some(Period::Day) => Step::Days(1),
            Some(Period::Week) => Step::Weeks(1),
            Some(Period::Month) => Step::Months(1),
            Some(Period::Quarter) => Step::Months(3),
            Some(Period::Year) => Step::Years(1),
        };
        let steps = STEPS.into_iter().skip_while(|step| *step != least);
        steps.map(labels).find(fits).unwrap_or_default()
    }
}

impl Step {
    /// The first round time at or after `at`, as far as the calendar goes.
    fn first(self, at: NaiveDateTime) -> Option<NaiveDateTime> {
        let day = at.date();
        let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN);
        let floor = match self {
            Self::Hours(hours) => midnight(day) + TimeDelta::hours((at.hour() / hours * hours).into()),
            // Every other day counts from a fixed one, so that marks do not move with the span.
            Self::Days(days) => {
                let over = day.num_days_from_ce().rem_euclid(days.cast_signed());
                midnight(day.checked_sub_days(Days::new(over.unsigned_abs().into()))?)
            }
            Self::Weeks(weeks) => {
                // Day 1 of the common era was a Monday.
                let over = (day.num_days_from_ce() - 1).rem_euclid(7 * weeks.cast_signed());
                midnight(day.checked_sub_days(Days::new(over.unsigned_abs().into()))?)
            }
            Self::Months(months) => midnight(NaiveDate::from_ymd_opt(
                day.year(),
                day.month0() / months * months + 1,
                1,
            )?),
            Self::Years(years) => midnight(NaiveDate::from_ymd_opt(
                day.year().div_euclid(years) * years,
                1,
                1,
            )?),
        };
        if floor < at { self.next(floor) } else { Some(floor) }
    }

    fn next(self, at: NaiveDateTime) -> Option<NaiveDateTime> {
        match self {
            Self::Hours(hours) => at.checked_add_signed(TimeDelta::hours(hours.into())),
            Self::Days(days) => at.checked_add_days(Days::new(days.into())),
            Self::Weeks(weeks) => at.checked_add_days(Days::new(u64::from(weeks) * 7)),
            Self::Months(months) => at.checked_add_months(Months::new(months)),
            Self::Years(years) => at.with_year(at.year().checked_add(years)?),
        }
    }

    fn marks(self, axis: TimeAxis) -> impl Iterator<Item = NaiveDateTime> {
        std::iter::successors(self.first(axis.from), move |at| self.next(*at))
            .take_while(move |at| *at <= axis.to)
    }

    /// As much of the time as tells it from its neighbours.
    fn label(self, at: NaiveDateTime) -> String {
        match self {
            Self::Hours(_) if at.hour() == 0 => at.format("%Y-%m-%d").to_string(),
            Self::Hours(_) => at.format("%H:%M").to_string(),
            Self::Days(_) | Self::Weeks(_) => at.format("%Y-%m-%d").to_string(),
            Self::Months(_) => at.format("%Y-%m").to_string(),
            Self::Years(_) => at.format("%Y").to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_ends_at_a_round_number_with_few_steps() {
        let ends = |most| {
            let scale = Scale::up_to(most);
            (scale.top, scale.step)
        };
        assert_eq!(
            [0, 1, 4, 5, 9, 11, 40, 41, 99, 1_000, 1_300].map(ends),
            [
                (1, 1),
                (1, 1),
                (4, 1),
                (6, 2),
                (10, 5),
                (15, 5),
                (40, 10),
                (60, 20),
                (100, 50),
                (1_000, 500),
                (1_500, 500)
            ]
        );
        for most in [u64::MAX, u64::MAX - 1, 1 << 63] {
            assert!(Scale::up_to(most).top >= most);
        }
    }

    fn marks(from: &str, to: &str) -> Vec<String> {
        let axis = TimeAxis::new(from.parse().unwrap(), to.parse().unwrap());
        axis.marks(MOST_MARKS)
            .into_iter()
            .map(|(_, label)| label)
            .collect()
    }

    #[test]
    fn marks_are_at_round_times_of_the_wall() {
        assert_eq!(
            marks("2024-03-10T21:30:00", "2024-03-11T10:00:00"),
            ["2024-03-11", "03:00", "06:00", "09:00"]
        );
        assert_eq!(
            marks("2024-03-10T00:00:00", "2024-04-20T00:00:00"),
            [
                "2024-03-11",
                "2024-03-18",
                "2024-03-25",
                "2024-04-01",
                "2024-04-08",
                "2024-04-15"
            ]
        );
        assert_eq!(
            marks("2024-03-10T01:30:00", "2024-03-10T07:00:00"),
            ["2024-03-10 02:00", "03:00", "04:00", "05:00", "06:00", "07:00"]
        );
        assert_eq!(
            marks("2016-05-02T00:00:00", "2026-11-24T00:00:00"),
            ["2018", "2020", "2022", "2024", "2026"]
        );
        assert_eq!(marks("1994-01-01T00:00:00", "2024-01-01T00:00:00").len(), 6);
    }

    #[test]
    fn marks_of_periods_stand_under_their_middle_and_no_closer_than_they() {
        let marks = |by, from: &str, end: &str| -> Vec<String> {
            let axis = TimeAxis::of_periods(by, from.parse().unwrap(), end.parse().unwrap());
            let marks = axis.marks(MOST_MARKS).into_iter();
            marks
                .map(|(place, label)| format!("{label} {place:.0}"))
                .collect()
        };
        assert_eq!(
            marks(Period::Year, "2024-01-01", "2027-01-01"),
            ["2024 17", "2025 50", "2026 83"]
        );
        assert_eq!(
            marks(Period::Month, "2026-01-01", "2026-03-01"),
            ["2026-01 26", "2026-02 76"]
        );
        assert_eq!(marks(Period::Quarter, "2026-01-01", "2026-04-01"), ["2026-01 50"]);
        assert_eq!(marks(Period::Day, "2026-01-01", "2026-01-02"), ["2026-01-01 50"]);
        assert_eq!(marks(Period::Week, "2024-12-30", "2026-07-06").len(), 7);
    }

    #[test]
    fn an_axis_has_some_marks_and_not_too_many_however_long_it_is() {
        let from: NaiveDateTime = "1950-06-15T13:37:00".parse().unwrap();
        let mut hours = 2;
        while hours < 20_000_000 {
            let axis = TimeAxis::new(from, from + TimeDelta::hours(hours));
            let count = axis.marks(MOST_MARKS).len();
            assert!((1..=MOST_MARKS).contains(&count), "{hours} hours: {count}");
            hours = hours * 5 / 4 + 1;
        }
        let ends = TimeAxis::new(NaiveDateTime::MIN, NaiveDateTime::MAX);
        assert!(ends.marks(MOST_MARKS).len() <= MOST_MARKS);
    }

    #[test]
    fn an_axis_without_length_has_places_all_the_same() {
        let at: NaiveDateTime = "2024-03-10T00:00:00".parse().unwrap();
        let axis = TimeAxis::new(at, at);
        assert!(axis.percent(at).abs() < f64::EPSILON);
        assert!((axis.percent(at + TimeDelta::days(1)) - 100.0).abs() < f64::EPSILON);
    }
}
